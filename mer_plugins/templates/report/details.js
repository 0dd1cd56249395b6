// The details of a track as they are asked for. They lie in the page, or in a file of their own
// beside it. A script element is the only way to read such a file that browsers allow to a page
// from disk.

const waiting = new Map();

function loadDetails(id) {
  const inline = element(`details-${id}`);
  if (inline) return Promise.resolve(JSON.parse(inline.textContent));
  return new Promise((resolve, reject) => {
    const path = [report.folder, report.files[id]].map(encodeURIComponent).join("/");
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
