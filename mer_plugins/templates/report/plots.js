// The pictures of one track: curves over time with a spectrogram, and the path in the plane.
// Each curve has a colour and a dash of its own.

const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];

// What people said is drawn in the colour of the text; programs share the palette.
function lineOf(place) {
  if (report.labels[place].human) return { color: style("--ink"), dash: "solid", width: 3 };
  const programs = report.labels.slice(0, place).filter((label) => !label.human).length;
  const colours = palette();
  // Once all colours are used, each comes again with the next dash.
  const round = Math.floor(programs / colours.length);
  const dash = DASHES[(programs + round) % DASHES.length];
  return { color: colours[programs % colours.length], dash, width: 2 };
}

function visibility(curve) {
  return hidden.has(curve.label) ? "legendonly" : true;
}

function startsOf(curve) {
  return curve.times ?? curve.values[0].map((_, i) => curve.start + i * curve.hop);
}

function middlesOf(curve) {
  return startsOf(curve).map((start) => start + curve.hop / 2);
}

function bandOf(curve, dimension, axis, line) {
  const times = middlesOf(curve);
  const [values, std] = [curve.values[dimension], curve.std[dimension]];
  const upper = values.map((value, i) => value + std[i]);
  const lower = values.map((value, i) => value - std[i]);
  return {
    x: [...times, ...times.toReversed()], y: [...upper, ...lower.toReversed()],
    yaxis: axis, type: "scatter", mode: "lines", line: { width: 0 }, fill: "toself",
    fillcolor: line.color + "33", hoverinfo: "skip", showlegend: false,
    legendgroup: String(curve.label), visible: visibility(curve),
  };
}

function tracesOf(curve) {
  const line = lineOf(curve.label);
  const name = plain(report.labels[curve.label].name);
  return DIMENSIONS.flatMap((dimension, i) => {
    const axis = i ? "y2" : "y";
    const drawn = {
      x: middlesOf(curve), y: curve.values[i], yaxis: axis, name, line, type: "scatter",
      mode: curve.values[i].length > 1 ? "lines" : "markers", showlegend: i === 0,
      legendgroup: String(curve.label), visible: visibility(curve), hovertemplate: "%{y:+.2f}",
    };
    return curve.std ? [bandOf(curve, i, axis, line), drawn] : [drawn];
  });
}

// Values leave [-1, 1] where a system has the wrong scale, and that is to be seen.
function valueRange(details) {
  const values = details.curves.flatMap((curve) => curve.values.flat());
  const most = values.reduce((reach, value) => Math.max(reach, Math.abs(value)), 1);
  return most > 1 ? { range: [-1.05 * most, 1.05 * most] } : { range: [-1, 1], dtick: 0.5 };
}

function valueAxis(title, domain, range) {
  return axis({ title: { text: title }, ...range, domain, fixedrange: true });
}

function cursorAt(seconds) {
  const line = { color: style("--cursor"), width: 2 };
  return { type: "line", x0: seconds, x1: seconds, yref: "paper", y0: 0, y1: 1, line };
}

function pictureOf(spectrogram) {
  return {
    source: spectrogram.uri, xref: "x", yref: "y3", x: 0, y: 1, sizex: spectrogram.duration,
    sizey: 1, sizing: "stretch", layer: "above",
  };
}

function timeLayout(details, end) {
  const heard = details.spectrogram;
  const [low, high] = heard ? [[0.27, 0.61], [0.66, 1]] : [[0, 0.47], [0.53, 1]];
  const layout = {
    ...frame(), height: heard ? 560 : 440, margin: { l: 58, r: 12, t: 34, b: 42 },
    hovermode: "x unified", hoverdistance: -1, dragmode: "zoom",
    legend: { orientation: "h", x: 0, y: 1.01, yanchor: "bottom" },
    xaxis: axis({ title: { text: "time (s)" }, range: [0, end], anchor: heard ? "y3" : "y2" }),
    yaxis: valueAxis("valence", high, valueRange(details)),
    yaxis2: valueAxis("arousal", low, valueRange(details)),
    shapes: [cursorAt(0)],
  };
  if (!heard) return layout;
  const bare = { showticklabels: false, showgrid: false, zeroline: false, fixedrange: true };
  layout.yaxis3 = axis({ ...bare, title: { text: "mel" }, range: [0, 1], domain: [0, 0.24] });
  layout.images = [pictureOf(heard)];
  return layout;
}

function endOf(details) {
  const ends = details.curves.map((curve) => startsOf(curve).at(-1) + curve.hop);
  return Math.max(1, details.spectrogram?.duration ?? 0, ...ends);
}

// Without a trace of its own, the axis of the spectrogram would not be drawn.
function anchorOf(details) {
  if (!details.spectrogram) return [];
  const hidden = { showlegend: false, hoverinfo: "skip", type: "scatter", mode: "markers" };
  return [{ x: [0], y: [-1], yaxis: "y3", marker: { opacity: 0 }, ...hidden }];
}

function drawOverTime(details) {
  const traces = [...anchorOf(details), ...details.curves.flatMap(tracesOf)];
  return Plotly.newPlot("over-time", traces, timeLayout(details, endOf(details)), CONFIG);
}

function pathOf(curve) {
  const line = lineOf(curve.label);
  return {
    x: curve.values[0], y: curve.values[1], name: plain(report.labels[curve.label].name),
    type: "scatter", mode: "lines+markers", opacity: 0.75, visible: visibility(curve) === true,
    line: { ...line, width: line.width / 2 },
    marker: { color: line.color, size: 4 }, hovertemplate: "%{x:+.2f}, %{y:+.2f}",
  };
}

// One ring a curve, where the sound is now.
function ringOf(curve) {
  const { color } = lineOf(curve.label);
  return {
    x: [curve.values[0][0]], y: [curve.values[1][0]], type: "scatter", mode: "markers",
    showlegend: false, hoverinfo: "skip", visible: visibility(curve) === true,
    marker: { size: 15, color, line: { color: style("--ink"), width: 2 } },
  };
}

function quadrantNames() {
  return report.plane.map(([x, y, text]) => ({
    x, y, text, showarrow: false, font: { color: style("--faint") },
    xanchor: x > 0 ? "right" : "left", yanchor: y > 0 ? "top" : "bottom",
  }));
}

function drawPlane(details) {
  const square = { ...valueRange(details), fixedrange: true, zerolinewidth: 2 };
  const layout = {
    ...frame(), height: 440, margin: { l: 50, r: 8, t: 34, b: 42 }, showlegend: false,
    xaxis: axis({ ...square, title: { text: "valence" }, constrain: "domain" }),
    yaxis: axis({ ...square, title: { text: "arousal" }, scaleanchor: "x", constrain: "domain" }),
    annotations: quadrantNames(),
  };
  const traces = [...details.curves.map(pathOf), ...details.curves.map(ringOf)];
  return Plotly.newPlot("plane", traces, layout, CONFIG);
}

// The interval of a curve that holds a time; the nearest where none does.
function indexAt(curve, seconds) {
  const starts = startsOf(curve);
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (starts[middle] <= seconds) low = middle;
    else high = middle - 1;
  }
  return low;
}

function holds(curve, seconds) {
  const start = startsOf(curve)[indexAt(curve, seconds)];
  return start <= seconds && seconds < start + curve.hop;
}

function moveCursor(details, seconds) {
  Plotly.relayout("over-time", { "shapes[0].x0": seconds, "shapes[0].x1": seconds });
  if (!details.curves.length) return;
  const places = details.curves.map((c) => (holds(c, seconds) ? indexAt(c, seconds) : -1));
  const at = (curve, dimension, place) => [curve.values[dimension][place] ?? null];
  const now = (dimension) => details.curves.map((curve, i) => at(curve, dimension, places[i]));
  const rings = details.curves.map((_, i) => details.curves.length + i);
  Plotly.restyle("plane", { x: now(0), y: now(1) }, rings);
}
