// One opened song of a comparison: its sound, and what people and all systems say of it.

const NO_CURVES =
  "This comparison was made without keeping its curves: run mer evaluate again with the same -o " +
  "(what is done is not done again), and then mer report.";
const NO_SOUND =
  "Its recording is not at hand: mer report OUT --audio FOLDER tells where the recordings are.";

function songNames() {
  return [...new Set(evaluation.rows.map((row) => row.song))].sort();
}

// The address names the open song, so that Back works and a link to it can be kept.
function openSong(song) {
  const address = `#song=${encodeURIComponent(song)}`;
  if (location.hash === address) showSong(song);
  else location.hash = address;
}

function askedSong() {
  const asked = /^#song=(.+)$/.exec(location.hash)?.[1];
  return asked === undefined ? undefined : decodeURIComponent(asked);
}

function showAskedSong() {
  const song = askedSong();
  if (Object.hasOwn(evaluation.audio, song)) showSong(song);
}

async function showSong(song) {
  Object.assign(opened, { track: song, details: null, seconds: -1 });
  element("song").value = song;
  element("track").hidden = false;
  element("chosen").textContent = song;
  element("problems").replaceChildren();
  showSound(evaluation.audio[song], NO_SOUND);
  showSongScores(song);
  element("track").focus({ preventScroll: true });
  element("track").scrollIntoView();
  element("plots").hidden = true;
  try {
    await showSongCurves(song);
  } catch (error) {
    element("problems").append(make("li", error.message));
  }
}

async function showSongCurves(song) {
  const number = evaluation.numbers[song];
  if (number === undefined) throw new Error(NO_CURVES);
  const details = await loadDetails(number);
  if (opened.track !== song) return;
  element("problems").append(...details.problems.map((problem) => make("li", problem)));
  await showCurves(details);
}

function showSongScores(song) {
  const rows = evaluation.rows.filter((row) => row.song === song);
  const metrics = rows.some((row) => row.frames) ? SONG_METRICS : [];
  const columns = DIMENSIONS.flatMap((d) => metrics.map((m) => `${d} ${evaluation.metrics[m]}`));
  const lines = rows.map((row) => {
    const line = make("tr");
    const scores = DIMENSIONS.flatMap((d) => metrics.map((m) => scoreText(row[d][m])));
    line.append(make("td", row.system), ...scores.map((score) => make("td", score, "number")));
    return line;
  });
  element("song-scores").replaceChildren(headRow(["This song", ...columns]), ...lines);
  const { quadrant } = rows[0];
  if (quadrant) element("chosen").textContent = `${song}: ${quadrant} by people`;
}

function startSongs() {
  const none = make("option", "choose one");
  none.value = "";
  fill("song", songNames());
  element("song").prepend(none);
  element("song").value = "";
  element("song").addEventListener("change", () => chosen("song") && openSong(chosen("song")));
  element("track").addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey || event.altKey)) onSoundKey(event);
  });
  window.addEventListener("hashchange", showAskedSong);
  startSound();
  showAskedSong();
}
