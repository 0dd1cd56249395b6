// The address tells what is open, so that Back works and a link to a track can be kept.

function showWhatIsAsked() {
  const id = /^#track=(\d+)$/.exec(location.hash)?.[1];
  const track = byId.get(Number(id));
  if (id !== undefined && track) showTrack(track);
  else showList();
}

function onKey(event) {
  if (opened.track) onTrackKey(event);
  else if (event.key === "/" && event.target !== element("search")) {
    event.preventDefault();
    element("search").focus();
  }
}

startTable();
startTrack();
window.addEventListener("hashchange", showWhatIsAsked);
document.addEventListener("keydown", onKey);
showWhatIsAsked();
