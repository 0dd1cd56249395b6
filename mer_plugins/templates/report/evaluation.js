// A comparison: the leaderboard, the tests, and lists of songs.

const evaluation = JSON.parse(element("evaluation").textContent);
const { results, report } = evaluation;
const AGGREGATIONS = ["per-song", "pooled", "song-level", "quadrants"];
// Songs with a quadrant in place of a curve have no score each.
const SONG_METRICS = Object.keys(evaluation.rows[0]?.valence ?? {});
const scoredRows = evaluation.rows.filter((row) => row.frames > 0);
const LISTED = 10;

// Of all scores only the error is better when it is lower.
function isBetterLow(metric) {
  return metric === "rmse";
}

function chosen(id) {
  return element(id).value;
}

function scoreText(score) {
  // No minus before a nought.
  const text = score?.toFixed(3).replace(/^-(?=[0.]+$)/, "").replace("-", "\u2212");
  return text ?? "undefined";
}

function fill(id, values, texts = values) {
  const options = values.map((value, i) => {
    const option = make("option", texts[i]);
    option.value = value;
    return option;
  });
  element(id).replaceChildren(...options);
}

function headRow(texts, first = 1) {
  const row = make("tr");
  row.append(...texts.map((text, i) => make("th", text, i < first ? "" : "number")));
  return row;
}

function scoreCell(score) {
  const cell = make("td", scoreText(score.value), "number");
  if (score.low !== null) {
    cell.append(make("span", `${scoreText(score.low)} to ${scoreText(score.high)}`, "small"));
  }
  return cell;
}

// A reference without curves, or without quadrants, lacks their aggregations.
function aggregationsThere() {
  return AGGREGATIONS.filter((a) => results.systems.some((system) => system.scores[a]));
}

function metricsThere() {
  const there = results.systems.find((system) => system.scores[chosen("aggregation")]);
  return Object.keys(there.scores[chosen("aggregation")][DIMENSIONS[0]]);
}

function scoreOf(system, dimension, metric = chosen("metric")) {
  const nothing = { value: null, low: null, high: null };
  return system.scores[chosen("aggregation")]?.[dimension][metric] ?? nothing;
}

function songMetric() {
  return SONG_METRICS.includes(chosen("metric")) ? chosen("metric") : SONG_METRICS[0];
}

function meanScore(system) {
  const values = DIMENSIONS.map((d) => scoreOf(system, d).value);
  return values.includes(null) ? null : (values[0] + values[1]) / 2;
}

// Best first; systems without such a score come last.
function ranked() {
  const sign = isBetterLow(chosen("metric")) ? 1 : -1;
  return [...results.systems].sort((one, other) => {
    const [a, b] = [meanScore(one), meanScore(other)];
    return a === null || b === null ? (a === null) - (b === null) : sign * (a - b);
  });
}

function systemRow(system) {
  const row = make("tr");
  const name = make("td", system.name);
  if (system.flag) name.append(make("span", system.flag, "small trouble"));
  row.append(name);
  for (const dimension of DIMENSIONS) {
    row.append(...metricsThere().map((metric) => scoreCell(scoreOf(system, dimension, metric))));
  }
  return row;
}

function drawBoard() {
  const names = metricsThere().map((metric) => evaluation.metrics[metric]);
  const columns = DIMENSIONS.flatMap((dimension) => names.map((name) => `${dimension} ${name}`));
  element("board").replaceChildren(headRow(["System", ...columns]), ...ranked().map(systemRow));
  drawIntervals();
}

function rowsOf(system) {
  return scoredRows.filter((row) => row.system === system);
}

function songRow(row, dimension, metric) {
  const made = make("tr");
  const name = make("td");
  const button = make("button", row.song);
  button.type = "button";
  button.addEventListener("click", () => openSong(row.song));
  name.append(button);
  made.append(name, make("td", scoreText(row[dimension][metric]), "number"));
  return made;
}

function drawSongs() {
  const [dimension, metric] = [chosen("dimension"), songMetric()];
  const sign = isBetterLow(metric) ? -1 : 1;
  const scored = rowsOf(chosen("system")).filter((row) => row[dimension][metric] !== null);
  scored.sort((a, b) => sign * (a[dimension][metric] - b[dimension][metric]));
  const head = () => headRow(["Song", evaluation.metrics[metric]]);
  const listed = (rows) => rows.map((row) => songRow(row, dimension, metric));
  element("worst").replaceChildren(head(), ...listed(scored.slice(0, LISTED)));
  element("best").replaceChildren(head(), ...listed(scored.slice(-LISTED).reverse()));
}

function pText(p) {
  if (p === null) return "undefined";
  return p < 0.001 ? "<0.001" : p.toFixed(3);
}

function testRow(test) {
  const row = make("tr");
  const score = `${test.dimension} ${evaluation.metrics[test.metric]}`;
  row.append(
    make("td", `${test.system} \u2212 ${test.against}`), make("td", score),
    make("td", String(test.songs), "number"), scoreCell(test.difference),
    make("td", pText(test.wilcoxon_p_holm), "number"),
    make("td", pText(test.t_p_holm), "number"),
  );
  return row;
}

function drawTests() {
  const heads = ["Systems", "Per-song score", "Songs", "Mean difference"];
  const head = headRow([...heads, "Wilcoxon p (Holm)", "t p (Holm)"], 2);
  element("tests").replaceChildren(head, ...results.tests.map(testRow));
}

function originsOf(system) {
  const { songs, frames, source } = system;
  return { source, songs, frames, ...Object.fromEntries(evaluation.provenance[system.name]) };
}

function drawProvenance() {
  const origins = results.systems.map(originsOf);
  const keys = [...new Set(origins.flatMap(Object.keys))];
  const rows = keys.map((key) => {
    const row = make("tr");
    const facts = origins.map((origin) => make("td", String(origin[key] ?? "")));
    row.append(make("th", key.replaceAll("_", " ")), ...facts);
    return row;
  });
  const names = results.systems.map((system) => make("th", system.name));
  const head = make("tr");
  head.append(make("th"), ...names);
  element("provenance").replaceChildren(head, ...rows);
}

function tellSums() {
  const { reference, bootstrap } = results;
  element("sums").textContent =
    `${reference.collection}: ${reference.songs} songs, ${reference.frames} labelled intervals of ` +
    `${reference.grid_s} s. Intervals: ${100 * bootstrap.level} %, ` +
    `${bootstrap.resamples} bootstraps over ${bootstrap.over}, seed ${bootstrap.seed}.`;
  element("warnings").replaceChildren(...results.warnings.map((text) => make("li", text)));
}
