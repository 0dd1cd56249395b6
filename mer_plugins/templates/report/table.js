// The table of tracks: sorted, searched, and drawn a part at a time.

const STEP = 250;
const table = { key: "name", ascending: true, label: 0, limit: STEP };

function curveOf(track) {
  return track.curves.find((curve) => curve.label === table.label);
}

function sortValue(track, key) {
  if (key === "name") return heading(track).toLocaleLowerCase();
  if (key === "length") return track.length;
  if (key === "curves") return track.curves.length;
  const curve = curveOf(track);
  if (!curve) return null;
  const dimension = DIMENSIONS.indexOf(key);
  return dimension >= 0 ? curve.mean[dimension] : curve.quadrants[Number(key[1]) - 1];
}

// Tracks without a value come last in either direction.
function compare(first, second) {
  const [a, b] = [sortValue(first, table.key), sortValue(second, table.key)];
  if (a === null || b === null) return (a === null) - (b === null);
  const order = typeof a === "string" ? a.localeCompare(b) : a - b;
  return table.ascending ? order : -order;
}

function matches(track, words) {
  if (element("troubled").checked && !track.problems.length && curveOf(track)) return false;
  const text = `${track.title} ${track.artist} ${track.name}`.toLocaleLowerCase();
  return words.every((word) => text.includes(word));
}

function chosenTracks() {
  const words = element("search").value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  return report.tracks.filter((track) => matches(track, words)).sort(compare);
}

function nameCell(track) {
  const cell = make("td", heading(track));
  const more = [track.artist, track.title ? track.name : ""].filter(Boolean).join(" \u00b7 ");
  if (more) cell.append(make("span", more, "small"));
  for (const problem of track.problems) cell.append(make("span", problem, "small trouble"));
  return cell;
}

function meanCell(curve, dimension) {
  const cell = make("td", signed(curve.mean[dimension]), "number");
  const range = `${signed(curve.low[dimension])} to ${signed(curve.high[dimension])}`;
  cell.append(make("span", range, "small"));
  return cell;
}

function shareCell(share, quadrant) {
  const cell = make("td", `${Math.round(100 * share)} %`, "number");
  const bar = make("span", "", "share");
  bar.style.width = `${100 * share}%`;
  bar.style.background = `var(--q${quadrant + 1})`;
  cell.append(bar);
  return cell;
}

function rowOf(track) {
  const row = make("tr");
  row.tabIndex = 0;
  row.dataset.id = track.id;
  const length = track.length === null ? "\u2013" : clock(track.length);
  row.append(nameCell(track), make("td", length, "number"));
  const curve = curveOf(track);
  if (curve) {
    row.append(meanCell(curve, 0), meanCell(curve, 1), ...curve.quadrants.map(shareCell));
  } else {
    const none = make("td", "no such curve", "problems");
    none.colSpan = 6;
    row.append(none);
  }
  row.append(make("td", String(track.curves.length), "number"));
  return row;
}

function drawTable() {
  const found = chosenTracks();
  const shown = found.slice(0, table.limit);
  element("tracks").tBodies[0].replaceChildren(...shown.map(rowOf));
  element("shown").textContent = `${shown.length} of ${found.length} tracks shown`;
  element("more").hidden = shown.length === found.length;
  for (const head of element("tracks").tHead.rows[0].cells) {
    const direction = table.ascending ? "ascending" : "descending";
    head.ariaSort = head.dataset.key === table.key ? direction : "none";
  }
}

function sortBy(key) {
  table.ascending = table.key === key ? !table.ascending : key === "name";
  table.key = key;
  drawTable();
}

function onRowKey(event) {
  const row = event.target.closest("tbody tr");
  if (!row) return;
  const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  if (step) row[step]?.focus();
  else if (event.key === "Enter") openTrack(Number(row.dataset.id));
  else return;
  event.preventDefault();
}

function fillLabels() {
  const counts = report.labels.map(
    (_, place) => report.tracks.filter((t) => t.curves.some((c) => c.label === place)).length,
  );
  report.labels.forEach((label, place) => {
    const kind = label.human ? "people" : "program";
    const option = make("option", `${label.name} (${kind}, ${counts[place]} tracks)`);
    option.value = place;
    element("curve").append(option);
  });
  table.label = Math.max(0, counts.indexOf(Math.max(...counts)));
  element("curve").value = table.label;
}

function tellSums() {
  const without = report.tracks.filter((track) => !track.curves.length).length;
  const troubled = report.tracks.filter((track) => track.problems.length).length;
  element("sums").textContent =
    `${report.tracks.length} tracks, ${without} without a curve, ${troubled} with problems.`;
}

function startTable() {
  fillLabels();
  tellSums();
  const redraw = () => {
    table.limit = STEP;
    drawTable();
  };
  element("search").addEventListener("input", redraw);
  element("troubled").addEventListener("change", redraw);
  element("curve").addEventListener("change", (event) => {
    table.label = Number(event.target.value);
    redraw();
  });
  element("choices").addEventListener("submit", (event) => event.preventDefault());
  element("more").addEventListener("click", () => {
    table.limit += 4 * STEP;
    drawTable();
  });
  element("tracks").tHead.addEventListener("click", (event) => {
    const head = event.target.closest("th");
    if (head) sortBy(head.dataset.key);
  });
  element("tracks").tBodies[0].addEventListener("click", (event) => {
    const row = event.target.closest("tr");
    if (row) openTrack(Number(row.dataset.id));
  });
  element("tracks").tBodies[0].addEventListener("keydown", onRowKey);
  drawTable();
}
