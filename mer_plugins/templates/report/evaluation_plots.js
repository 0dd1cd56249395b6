// The pictures of a comparison, and its start.

const MARKS = { valence: "circle", arousal: "square" };

function colourOf(dimension) {
  return palette()[DIMENSIONS.indexOf(dimension)];
}

function intervalTrace(dimension, systems) {
  const scores = systems.map((system) => scoreOf(system, dimension));
  const color = colourOf(dimension);
  const reach = (end) => scores.map((s) => (s[end] === null ? 0 : Math.abs(s[end] - s.value)));
  return {
    x: scores.map((score) => score.value),
    y: systems.map((_, i) => i + (dimension === "valence" ? -0.15 : 0.15)),
    name: dimension, type: "scatter", mode: "markers",
    marker: { color, symbol: MARKS[dimension], size: 9 },
    error_x: { type: "data", symmetric: false, array: reach("high"), arrayminus: reach("low"), color },
    hovertemplate: "%{x:.3f}",
  };
}

function drawIntervals() {
  const systems = ranked();
  const ticks = { tickvals: systems.map((_, i) => i), ticktext: systems.map((s) => plain(s.name)) };
  const title = `${chosen("aggregation")} ${evaluation.metrics[chosen("metric")]}`;
  const layout = {
    ...frame(), height: 110 + 44 * systems.length, margin: { l: 20, r: 12, t: 34, b: 46 },
    legend: { orientation: "h", x: 0, y: 1.01, yanchor: "bottom" },
    xaxis: axis({ title: { text: title } }),
    yaxis: axis({ ...ticks, automargin: true, range: [systems.length - 0.5, -0.5], zeroline: false }),
  };
  Plotly.newPlot("intervals", DIMENSIONS.map((d) => intervalTrace(d, systems)), layout, CONFIG);
}

function songPairs(dimension) {
  const metric = songMetric();
  const others = new Map(rowsOf(chosen("upwards")).map((row) => [row.song, row]));
  return rowsOf(chosen("across"))
    .map((row) => [row.song, row[dimension][metric], others.get(row.song)?.[dimension][metric]])
    .filter(([, x, y]) => x !== null && y !== null && y !== undefined);
}

async function drawScatter(dimension) {
  const pairs = songPairs(dimension);
  const values = pairs.flatMap(([, x, y]) => [x, y]);
  const ends = values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
  const points = {
    x: pairs.map((pair) => pair[1]), y: pairs.map((pair) => pair[2]), type: "scatter",
    text: pairs.map(([song]) => plain(song)), customdata: pairs.map(([song]) => song),
    mode: "markers", marker: { color: colourOf(dimension), symbol: MARKS[dimension], size: 8 },
    hovertemplate: "%{text}<br>%{x:.3f}, %{y:.3f}<extra></extra>",
  };
  const equal = { x: ends, y: ends, type: "scatter", mode: "lines", hoverinfo: "skip" };
  equal.line = { color: style("--faint"), width: 1, dash: "dot" };
  const layout = {
    ...frame(), height: 400, margin: { l: 60, r: 12, t: 40, b: 46 }, showlegend: false,
    title: { text: `${dimension} ${evaluation.metrics[songMetric()]}`, font: { size: 14 } },
    xaxis: axis({ title: { text: plain(chosen("across")) } }),
    yaxis: axis({ title: { text: plain(chosen("upwards")) } }),
  };
  await Plotly.newPlot(dimension, [equal, points], layout, CONFIG);
  element(dimension).on("plotly_click", (event) => openSong(event.points[0].customdata));
}

function drawScatters() {
  DIMENSIONS.forEach(drawScatter);
}

function drawAll() {
  drawBoard();
  if (!scoredRows.length) return;
  drawScatters();
  drawSongs();
}

function fillMetrics() {
  const [before, metrics] = [chosen("metric"), metricsThere()];
  fill("metric", metrics, metrics.map((metric) => evaluation.metrics[metric]));
  if (metrics.includes(before)) element("metric").value = before;
}

function startEvaluation() {
  const systems = results.systems.map((system) => system.name);
  element("scatters").hidden = element("extremes").hidden = !scoredRows.length;
  fill("aggregation", aggregationsThere());
  fillMetrics();
  for (const id of ["across", "upwards", "system"]) fill(id, systems);
  element("across").value = systems[1] ?? systems[0];
  fill("dimension", DIMENSIONS);
  element("aggregation").addEventListener("change", () => {
    fillMetrics();
    drawAll();
  });
  element("metric").addEventListener("change", drawAll);
  for (const id of ["across", "upwards"]) element(id).addEventListener("change", drawScatters);
  for (const id of ["system", "dimension"]) element(id).addEventListener("change", drawSongs);
  darkness.addEventListener("change", drawAll);
  tellSums();
  drawTests();
  drawProvenance();
  drawAll();
  startSongs();
}

startEvaluation();
