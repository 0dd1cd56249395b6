// One opened track: its sound, its pictures and where its curves come from.

const KEY_STEPS = { ArrowLeft: -1, ArrowRight: 1 };
const CURSOR_EVERY_MS = 60;
const opened = { track: null, details: null, seconds: -1, moved: 0 };

function openTrack(id) {
  location.hash = `track=${id}`;
}

function closeTrack() {
  location.hash = "";
}

function neighbour(step) {
  const order = chosenTracks();
  return order[order.findIndex((track) => track === opened.track) + step];
}

function showList() {
  const last = opened.track;
  element("audio").pause();
  Object.assign(opened, { track: null, details: null });
  element("track").hidden = true;
  element("list").hidden = false;
  document.title = report.title;
  if (last) document.querySelector(`tr[data-id="${last.id}"]`)?.focus();
}

function showSound(track) {
  const audio = element("audio");
  const silent = element("silent");
  audio.hidden = track.audio === null;
  silent.hidden = track.audio !== null;
  silent.textContent = "There is no recording beside its JAMS.";
  if (track.audio === null) audio.removeAttribute("src");
  else audio.src = track.audio;
}

function showProvenance(curves) {
  const keys = [...new Set(curves.flatMap((curve) => curve.provenance.map(([key]) => key)))];
  const head = make("tr");
  head.append(make("th"), ...curves.map((c) => make("th", report.labels[c.label].name)));
  const rows = keys.map((key) => {
    const row = make("tr");
    const facts = curves.map((curve) => curve.provenance.find(([own]) => own === key)?.[1] ?? "");
    row.append(make("th", key.replaceAll("_", " ")), ...facts.map((fact) => make("td", fact)));
    return row;
  });
  element("provenance").replaceChildren(head, ...rows);
}

async function showTrack(track) {
  Object.assign(opened, { track, details: null, seconds: -1 });
  element("list").hidden = true;
  element("track").hidden = false;
  element("title").textContent = heading(track);
  element("place").textContent = [track.artist, track.name].filter(Boolean).join(" \u00b7 ");
  element("problems").replaceChildren(...track.problems.map((problem) => make("li", problem)));
  element("previous").disabled = !neighbour(-1);
  element("next").disabled = !neighbour(1);
  document.title = `${heading(track)} \u2013 ${report.title}`;
  showSound(track);
  element("track").focus();
  window.scrollTo(0, 0);
  try {
    const details = await loadDetails(track.id);
    if (opened.track === track) await showDetails(details);
  } catch (error) {
    element("problems").append(make("li", error.message));
  }
}

async function showDetails(details) {
  opened.details = details;
  element("plots").hidden = !details.curves.length && !details.spectrogram;
  showProvenance(details.curves);
  await drawOverTime(details);
  await drawPlane(details);
  element("over-time").on("plotly_click", onCurveClick);
  opened.seconds = -1;
}

function seek(seconds) {
  const audio = element("audio");
  const end = Number.isFinite(audio.duration) ? audio.duration : Infinity;
  audio.currentTime = Math.min(Math.max(0, seconds), end);
}

// To the start of the interval that was clicked: its middle is where the point is drawn.
function onCurveClick({ points }) {
  const { x } = points[0];
  const curve = opened.details.curves[0];
  seek(curve ? startsOf(curve)[indexAt(curve, x)] : x);
}

function tellNow(seconds) {
  const values = opened.details.curves.map((curve) => {
    const place = indexAt(curve, seconds);
    const [valence, arousal] = curve.values.map((column) => signed(column[place]));
    return `${report.labels[curve.label].name} valence ${valence}, arousal ${arousal}`;
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

function onTrackKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const audio = element("audio");
  const step = KEY_STEPS[event.key];
  if (event.key === "Escape") closeTrack();
  else if (event.target.closest("button, input, select, audio")) return;
  else if (event.key === " ") audio.paused ? audio.play() : audio.pause();
  else if (step) seek(audio.currentTime + step * (event.shiftKey ? 10 : 2));
  else return;
  event.preventDefault();
}

function startTrack() {
  element("back").addEventListener("click", closeTrack);
  element("previous").addEventListener("click", () => openTrack(neighbour(-1).id));
  element("next").addEventListener("click", () => openTrack(neighbour(1).id));
  element("audio").addEventListener("error", () => {
    element("silent").hidden = false;
    element("silent").textContent =
      "The recording cannot be played: it was moved, or the browser does not know its format.";
  });
  darkness.addEventListener("change", () => opened.details && showDetails(opened.details));
  requestAnimationFrame(follow);
}
