// What every page needs. Text reaches a page only through textContent, never as HTML, so a title
// can hold anything. Colours are Okabe and Ito's.

const DIMENSIONS = ["valence", "arousal"];
const LIGHT = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"];
const DARK = ["#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#D55E00"];
const CONFIG = { displaylogo: false, responsive: true, displayModeBar: false };
const darkness = window.matchMedia("(prefers-color-scheme: dark)");

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

function style(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function palette() {
  return darkness.matches ? DARK : LIGHT;
}

// Names are text, but plotly reads some HTML in them.
function plain(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function frame() {
  return {
    paper_bgcolor: style("--paper"), plot_bgcolor: style("--paper"),
    font: { color: style("--ink"), family: "system-ui, sans-serif", size: 13 },
    hoverlabel: { bgcolor: style("--shade"), font: { color: style("--ink") } },
  };
}

function axis(more) {
  return { gridcolor: style("--line"), zerolinecolor: style("--faint"), ...more };
}
