// Draws the figures from the data beside them, follows light and dark, folds and unfolds the code.
"use strict";
const dark = matchMedia("(prefers-color-scheme: dark)");
const INK = "#1a1a1a";
// What A4 and Letter both hold between their margins, in pixels.
const PAPER = 680;
const NIGHT = { ink: "#f0f0f0", text: "#dfe3e6", quiet: "#3a3f44", active: "#7aa7d8", label: "#23272b" };
const DAY = { ink: INK, text: "#24292e", quiet: "#dcdfe2", active: "#2f6fb0", label: "#ffffff" };
const swap = (node, from, to) => {
  for (const key of Object.keys(node)) {
    const value = node[key];
    if (value === from) node[key] = to;
    else if (value && typeof value === "object") swap(value, from, to);
  }
};

function dress(figure, look) {
  if (look.ink !== INK) swap(figure, INK, look.ink);
  const layout = (figure.layout ||= {});
  layout.paper_bgcolor = layout.plot_bgcolor = "rgba(0,0,0,0)";
  layout.font = { ...layout.font, color: look.text };
  const axes = Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name));
  for (const name of new Set(["xaxis", "yaxis", ...axes])) {
    const lines = { gridcolor: look.quiet, zerolinecolor: look.quiet, linecolor: look.quiet };
    layout[name] = { ...layout[name], ...lines };
  }
  for (const slider of layout.sliders || []) {
    slider.bgcolor = look.quiet;
    slider.activebgcolor = look.active;
  }
  for (const menu of layout.updatemenus || []) {
    menu.bgcolor = look.label;
    menu.bordercolor = look.quiet;
  }
  layout.hoverlabel = { ...layout.hoverlabel, bgcolor: look.label, font: { color: look.text } };
}

// A legend that stands above the plot takes a line a name where the screen is narrow.
function room(figure, width) {
  const names = figure.data.filter((trace) => trace.name && trace.showlegend !== false).length;
  return (figure.layout.height || 450) + (width < 500 ? 20 * Math.max(0, names - 2) : 0);
}

function draw(data, look, width) {
  const figure = JSON.parse(data.textContent);
  const target = data.parentElement.querySelector(".plot");
  dress(figure, look);
  // A width in pixels is that of someone else's screen; undefined is that of this one.
  figure.layout.width = width;
  figure.layout.height = room(figure, width || target.clientWidth);
  target.style.height = `${figure.layout.height}px`;
  return Plotly.newPlot(target, {
    data: figure.data,
    layout: figure.layout,
    frames: figure.frames || [],
    config: { responsive: true, displaylogo: false },
  });
}

const figures = document.querySelectorAll("figure.figure > script[type='application/json']");
function drawAll(look, width) {
  for (const data of figures) {
    // One figure that plotly cannot draw must not take the others with it.
    try {
      draw(data, look, width);
    } catch (error) {
      data.parentElement.querySelector(".plot").textContent = `This figure cannot be drawn: ${error}`;
    }
  }
}
function begin() {
  const now = () => drawAll(dark.matches ? NIGHT : DAY);
  now();
  dark.addEventListener("change", now);
  addEventListener("beforeprint", () => drawAll(DAY, PAPER));
  addEventListener("afterprint", now);
  // Another script of the page has put other data beside a figure.
  addEventListener("redraw", now);
}
// A library beside the page arrives when it does; one within it is there already.
if (window.Plotly) begin();
else addEventListener("plotly", begin);

const fold = document.getElementById("fold");
const code = [...document.querySelectorAll("details.code")];
if (code.length) {
  fold.hidden = false;
  fold.addEventListener("click", () => {
    const open = fold.textContent.startsWith("Show");
    code.forEach((one) => (one.open = open));
    fold.textContent = open ? "Hide all code" : "Show all code";
  });
}
