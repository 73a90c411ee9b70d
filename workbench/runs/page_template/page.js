// Draws the figures from the data beside them, follows light and dark, folds and unfolds the code.
"use strict";
const dark = matchMedia("(prefers-color-scheme: dark)");
const INK = "#1a1a1a";
const swap = (node, from, to) => {
  for (const key of Object.keys(node)) {
    const value = node[key];
    if (value === from) node[key] = to;
    else if (value && typeof value === "object" && !ArrayBuffer.isView(value)) swap(value, from, to);
  }
};

function draw(holder) {
  const figure = JSON.parse(holder.querySelector("script").textContent);
  const night = dark.matches && !matchMedia("print").matches;
  if (night) swap(figure, INK, "#f0f0f0");
  const layout = figure.layout || {};
  const quiet = night ? "#3a3f44" : "#dcdfe2";
  layout.paper_bgcolor = layout.plot_bgcolor = "rgba(0,0,0,0)";
  layout.font = { ...layout.font, color: night ? "#dfe3e6" : "#24292e" };
  const axes = Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name));
  for (const name of new Set(["xaxis", "yaxis", ...axes])) {
    layout[name] = { ...layout[name], gridcolor: quiet, zerolinecolor: quiet, linecolor: quiet };
  }
  for (const slider of layout.sliders || []) {
    slider.bgcolor = quiet;
    slider.activebgcolor = night ? "#7aa7d8" : "#2f6fb0";
  }
  layout.hoverlabel = { bgcolor: night ? "#23272b" : "#ffffff", font: { color: layout.font.color } };
  const target = holder.querySelector(".plot");
  Plotly.newPlot(target, {
    data: figure.data,
    layout,
    frames: figure.frames || [],
    config: { responsive: true, displaylogo: false },
  });
}

const holders = [...document.querySelectorAll(".figure")];
const drawAll = () => holders.forEach(draw);
if (window.Plotly) {
  drawAll();
  dark.addEventListener("change", drawAll);
}

const fold = document.getElementById("fold");
const code = [...document.querySelectorAll("details.code")];
if (fold && code.length) {
  fold.hidden = false;
  fold.addEventListener("click", () => {
    const open = fold.textContent.startsWith("Show");
    code.forEach((one) => (one.open = open));
    fold.textContent = open ? "Hide all code" : "Show all code";
  });
}
