// The tracks of a collection: the rows of the table.

const report = JSON.parse(document.getElementById("report").textContent);
const byId = new Map(report.tracks.map((track) => [track.id, track]));

function heading(track) {
  return track.title || track.name;
}
