// The sound of the track that is open and its curves: each moves with the other.

const KEY_STEPS = { ArrowLeft: -1, ArrowRight: 1 };
const CURSOR_EVERY_MS = 60;
const opened = { track: null, details: null, seconds: -1, moved: 0 };
// Labels that the legend has switched off; the next track keeps them off.
const hidden = new Set();

function showSound(address, missing) {
  const audio = element("audio");
  const silent = element("silent");
  audio.hidden = address === null;
  silent.hidden = address !== null;
  silent.textContent = missing;
  if (address === null) audio.removeAttribute("src");
  else audio.src = address;
}

async function showCurves(details) {
  opened.details = details;
  element("plots").hidden = !details.curves.length && !details.spectrogram;
  await drawOverTime(details);
  await drawPlane(details);
  element("over-time").on("plotly_click", onCurveClick);
  element("over-time").on("plotly_restyle", onLegend);
  opened.seconds = -1;
}

function seek(seconds) {
  const audio = element("audio");
  const end = Number.isFinite(audio.duration) ? audio.duration : Infinity;
  audio.currentTime = Math.min(Math.max(0, seconds), end);
}

// To the start of the interval that was clicked: its middle is where the point is drawn.
function onCurveClick({ points }) {
  const { x, data } = points[0];
  const curve = opened.details.curves.find((one) => String(one.label) === data.legendgroup);
  seek(curve ? startsOf(curve)[indexAt(curve, x)] : x);
}

// What the legend hides over time is hidden in the plane as well.
function onLegend() {
  for (const { legendgroup, visible } of element("over-time").data) {
    if (legendgroup === undefined) continue;
    if (visible === "legendonly") hidden.add(Number(legendgroup));
    else hidden.delete(Number(legendgroup));
  }
  const shown = opened.details.curves.map((curve) => visibility(curve) === true);
  if (shown.length) Plotly.restyle("plane", { visible: [...shown, ...shown] });
  opened.seconds = -1;
}

function tellNow(seconds) {
  const values = opened.details.curves.filter((curve) => visibility(curve) === true).map((curve) => {
    const { name } = report.labels[curve.label];
    if (!holds(curve, seconds)) return `${name} \u2013`;
    const place = indexAt(curve, seconds);
    const [valence, arousal] = curve.values.map((column) => signed(column[place]));
    return `${name} valence ${valence}, arousal ${arousal}`;
  });
  element("now").textContent = [`${seconds.toFixed(1)} s`, ...values].join("  \u00b7  ");
}

// Follows the sound while it plays and after every seek, at most some 16 times a second.
function follow(now) {
  requestAnimationFrame(follow);
  const seconds = element("audio").currentTime;
  const isDue = now - opened.moved > CURSOR_EVERY_MS && seconds !== opened.seconds;
  if (!opened.details || !isDue) return;
  Object.assign(opened, { seconds, moved: now });
  moveCursor(opened.details, seconds);
  tellNow(seconds);
}

// Keys for the sound; those that were of use go no further.
function onSoundKey(event) {
  const audio = element("audio");
  const step = KEY_STEPS[event.key];
  if (event.target.closest("button, input, select, audio")) return;
  if (event.key === " ") audio.paused ? audio.play() : audio.pause();
  else if (step) seek(audio.currentTime + step * (event.shiftKey ? 10 : 2));
  else return;
  event.preventDefault();
}

function startSound() {
  report.labels.forEach((label, place) => label.hidden && hidden.add(place));
  element("audio").addEventListener("error", () => {
    element("silent").hidden = false;
    element("silent").textContent =
      "The recording cannot be played: it was moved, or the browser does not know its format.";
  });
  darkness.addEventListener("change", () => opened.details && showCurves(opened.details));
  requestAnimationFrame(follow);
}
