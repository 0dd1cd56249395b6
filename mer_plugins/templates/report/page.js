// What every part of the page needs: the data, and small helpers. Text reaches the page only
// through textContent, never as HTML, so a title can hold anything.

const report = JSON.parse(document.getElementById("report").textContent);
const byId = new Map(report.tracks.map((track) => [track.id, track]));
const waiting = new Map();

function element(id) {
  return document.getElementById(id);
}

function make(tag, text = "", className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function signed(value) {
  return (value < 0 ? "\u2212" : "+") + Math.abs(value).toFixed(2);
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function heading(track) {
  return track.title || track.name;
}

// The details lie in the page, or in a file of their own beside it. A script element is the only
// way to read such a file that browsers allow to a page from disk.
function loadDetails(id) {
  const inline = element(`details-${id}`);
  if (inline) return Promise.resolve(JSON.parse(inline.textContent));
  return new Promise((resolve, reject) => {
    const path = `${encodeURIComponent(report.folder)}/track-${id}.js`;
    const script = document.createElement("script");
    script.src = path;
    script.onerror = () => reject(new Error(`${path} is not beside this page: keep both together`));
    waiting.set(id, resolve);
    document.head.append(script);
    script.onload = () => script.remove();
  });
}

// Called by the files of tracks.
function addTrack(id, details) {
  waiting.get(id)?.(details);
  waiting.delete(id);
}
