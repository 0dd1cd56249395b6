// One opened track of a collection, and where its curves come from.

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
  showSound(track.audio, "There is no recording beside its JAMS.");
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
  showProvenance(details.curves);
  await showCurves(details);
}

function onTrackKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key !== "Escape") return onSoundKey(event);
  closeTrack();
  event.preventDefault();
}

function startTrack() {
  element("back").addEventListener("click", closeTrack);
  element("previous").addEventListener("click", () => openTrack(neighbour(-1).id));
  element("next").addEventListener("click", () => openTrack(neighbour(1).id));
  startSound();
}
