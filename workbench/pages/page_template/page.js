// Draws the figures from the data beside them, moves their sliders, follows light and dark, folds
// and unfolds the code.
"use strict";
const dark = matchMedia("(prefers-color-scheme: dark)");
const INK = "#1a1a1a";
// The same ink let through, as a band has it.
const PALE = "rgba(26,26,26,";
// What A4 and Letter both hold between their margins, in pixels.
const PAPER = 680;
const NIGHT = { ink: "#f0f0f0", pale: "rgba(240,240,240,", text: "#dfe3e6", quiet: "#3a3f44", active: "#7aa7d8", label: "#23272b", muted: "#a3adb5" };
const DAY = { ink: INK, pale: PALE, text: "#24292e", quiet: "#dcdfe2", active: "#2f6fb0", label: "#ffffff", muted: "#5a636b" };
const MUTED = "#767676";
// Of plotly's legend, in pixels: its letters, a line, the sign before a name, what is beside it all.
const LEGEND = { size: 13, line: 19, sign: 45, beside: 100 };
// Plotly has a button that uploads the figure to its makers; nothing leaves this page.
const CONFIG = { responsive: true, displaylogo: false, plotlyServerURL: "", modeBarButtonsToRemove: ["sendChartToCloud"] };
// One frame at once: without it plotly queues them and a quick hand outruns the figure.
const NOW = { mode: "immediate", frame: { duration: 0, redraw: true }, transition: { duration: 0 } };

function swap(node, look) {
  for (const key of Object.keys(node)) {
    const value = node[key];
    if (value === INK) node[key] = look.ink;
    else if (value === MUTED) node[key] = look.muted;
    else if (typeof value === "string" && value.startsWith(PALE)) node[key] = value.replace(PALE, look.pale);
    else if (value && typeof value === "object") swap(value, look);
  }
}

function dress(figure, look) {
  swap(figure, look);
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

const pen = document.createElement("canvas").getContext("2d");
const long = (words) => pen.measureText(words.replace(/<[^>]*>/g, "")).width;

// The height that leaves the axes theirs: a legend that stands above them takes a line for as many
// names as fit side by side, each in a column as wide as the longest.
function room(figure, width) {
  const named = figure.data.filter((trace) => trace.name && trace.showlegend !== false);
  const names = named.map((trace) => String(trace.name).split("<br>"));
  pen.font = `${LEGEND.size}px ${figure.layout.template?.layout?.font?.family ?? "sans-serif"}`;
  const wide = names.map((lines) => LEGEND.sign + Math.max(...lines.map(long)));
  const all = wide.reduce((sum, one) => sum + one, 0);
  const free = width - LEGEND.beside;
  const columns = all <= free ? names.length : Math.max(1, Math.floor(free / Math.max(...wide)));
  let lines = 0;
  for (let i = 0; i < names.length; i += columns)
    lines += Math.max(...names.slice(i, i + columns).map((one) => one.length));
  const { legend, template } = figure.layout;
  const above = (legend?.orientation ?? template?.layout?.legend?.orientation) === "h";
  // Of one name plotly makes no legend.
  return figure.layout.height + (above && names.length > 1 ? LEGEND.line * (lines - 1) : 0);
}

// A title becomes words above the plot, which break into lines where plotly would cut them; one with
// raised or slanted letters is left to plotly. The titles of the frames are returned in order.
function entitle(figure, target) {
  const layouts = [figure.layout, ...(figure.frames || []).map((frame) => (frame.layout ||= {}))];
  const titles = layouts.map((layout) => String(layout.title?.text ?? "").replace(/<br>/g, " "));
  if (titles.some((title) => /<\w/.test(title))) return null;
  layouts.forEach((layout) => delete layout.title);
  let line = target.previousElementSibling;
  if (!line && titles.some(Boolean)) {
    line = document.createElement("p");
    line.className = "titled";
    target.before(line);
  }
  if (line) line.textContent = titles[0];
  return line && titles.slice(1);
}

// The figure as its slider stands, which a frame played after drawing would come too late to print.
function turn(figure, place) {
  const frame = figure.frames[place];
  frame.data.forEach((changed, i) => Object.assign(figure.data[frame.traces?.[i] ?? i], changed));
  figure.layout = { ...figure.layout, ...frame.layout };
}

const rangeOf = (data) => data.parentElement.querySelector(".slider input");

async function draw(data, look, width) {
  const figure = JSON.parse(data.textContent);
  const target = data.parentElement.querySelector(".plot");
  const range = rangeOf(data);
  dress(figure, look);
  // A width in pixels is that of someone else's screen; undefined is that of this one.
  figure.layout.width = width;
  if (range) {
    delete figure.layout.sliders;
    figure.layout.height -= figure.layout.meta.room || 0;
    if (range.value !== range.defaultValue) turn(figure, range.value);
  }
  const wide = width || target.clientWidth;
  figure.layout.height ||= 450;
  const titles = entitle(figure, target);
  figure.layout.height = room(figure, wide);
  target.style.height = `${figure.layout.height}px`;
  const plot = await Plotly.newPlot(target, {
    data: figure.data,
    layout: figure.layout,
    frames: figure.frames || [],
    config: CONFIG,
  });
  // The words beside a drawing tell it better than its ticks, one after the other, would.
  plot.querySelectorAll(".main-svg").forEach((drawing) => drawing.setAttribute("aria-hidden", "true"));
  if (range) {
    plot.frames = figure.frames;
    plot.titles = titles;
    plot.shown = figure.frames[range.value].name;
    range.parentElement.hidden = false;
  }
}

// Moves the figure to the slider's frame, and all that says in words what it shows.
async function show(range) {
  const holder = range.closest("figure");
  const plot = holder.querySelector(".plot");
  const frame = plot.frames[range.value];
  holder.querySelector(".slider strong").textContent = frame.name;
  range.setAttribute("aria-valuetext", frame.name);
  if (plot.titles) plot.previousElementSibling.textContent = plot.titles[range.value];
  const alt = frame.layout?.meta?.alt;
  if (alt) {
    plot.setAttribute("aria-label", alt);
    holder.querySelector("figcaption").textContent = alt;
  }
  // A frame that the next one has overtaken is refused.
  await Plotly.animate(plot, [frame.name], NOW).then(() => (plot.shown = frame.name), () => {});
}

const figures = [...document.querySelectorAll("figure.figure > script[type='application/json']")].filter(
  (data) => data.parentElement.querySelector(".plot"),
);
// One figure that plotly cannot draw must not take the others with it.
async function drawSafely(data, look, width) {
  data.drawn = true;
  try {
    await draw(data, look, width);
  } catch (error) {
    data.parentElement.querySelector(".plot").textContent = `This figure cannot be drawn: ${error}`;
  }
}
const drawAll = (look, width) => figures.forEach((data) => drawSafely(data, look, width));
const look = () => (dark.matches ? NIGHT : DAY);

// What the reader sees first is drawn at once, the rest one by one whenever the browser is idle.
const later = window.requestIdleCallback || setTimeout;
function drawRest() {
  const next = figures.find((data) => !data.drawn);
  if (!next) return;
  drawSafely(next, look());
  later(drawRest);
}

function begin() {
  const now = () => drawAll(look());
  const near = (data) => data.parentElement.getBoundingClientRect().top < 1.5 * innerHeight;
  figures.filter(near).forEach((data) => drawSafely(data, look()));
  later(drawRest);
  dark.addEventListener("change", now);
  addEventListener("beforeprint", () => drawAll(DAY, PAPER));
  addEventListener("afterprint", now);
  // Another script of the page has put other data beside a figure.
  addEventListener("redraw", now);
  for (const data of figures) {
    const range = rangeOf(data);
    let asked = 0;
    range?.addEventListener("input", () => {
      cancelAnimationFrame(asked);
      asked = requestAnimationFrame(() => show(range));
    });
  }
}
// A library beside the page arrives when it does; one within it is there already.
if (window.Plotly) begin();
else addEventListener("plotly", begin);

// What scrolls within the page is reached by keys.
const scrolling = document.querySelectorAll("pre, .table, .prose table, math[display='block']");
function reach() {
  for (const one of scrolling) {
    const wider = one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1;
    if (wider) one.tabIndex = 0;
    else one.removeAttribute("tabindex");
  }
}
new ResizeObserver(reach).observe(document.body);

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
