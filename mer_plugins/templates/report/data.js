// The tracks of a collection: the rows of the table, and the details as they are asked for.

const report = JSON.parse(document.getElementById("report").textContent);
const byId = new Map(report.tracks.map((track) => [track.id, track]));
const waiting = new Map();

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
