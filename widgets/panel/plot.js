// Updates the figure in place: plotly finds what differs, so that zoom and legend stay as the reader
// set them. The library is requested once a page.
let library;
// Drawings off screen before the first figure.
const WARM_UPS = 6;
// Smallest share of a figure's height for its axes.
const AXES = 0.7;

const plotly = (model) => {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  library ??= new Promise((ready) => {
    model.on("msg:custom", function receive(content, buffers) {
      if (content !== "library" || window.Plotly) return;
      model.off("msg:custom", receive);
      // A module loader, such as RequireJS, would take the library for itself.
      const { define } = window;
      window.define = undefined;
      const script = document.createElement("script");
      script.textContent = new TextDecoder().decode(buffers[0]);
      document.head.append(script);
      window.define = define;
      ready(window.Plotly);
    });
    model.send("library");
  });
  return library;
};

// Resolves when the browser is idle.
const idle = () =>
  new Promise((ready) => (window.requestIdleCallback ?? ((f) => setTimeout(f, 50)))(ready));

// Draws a figure several times off screen: the first drawings on a page take many times as long as
// later ones, until the browser has compiled plotly's code.
const warmUp = async (Plotly, text, width, done) => {
  const room = document.createElement("div");
  room.style.cssText = `position:fixed;left:-9999px;top:0;width:${width}px;visibility:hidden`;
  room.setAttribute("aria-hidden", "true");
  const place = document.createElement("div");
  // Hidden from queries for figures on the page.
  room.attachShadow({ mode: "closed" }).append(place);
  document.body.append(room);
  try {
    for (let turn = 0; turn < WARM_UPS; turn += 1) {
      await idle();
      if (done()) return;
      const { data, layout } = JSON.parse(text);
      await Plotly.react(place, data, { ...layout, width }, CONFIG);
    }
  } finally {
    Plotly.purge(place);
    room.remove();
  }
};

// Margins only grow while figures of one kind follow each other: plotly draws twice to change a
// margin, and the axes would jump to and fro.
const withMargins = (place, data, layout, width) => {
  const axes = [layout.xaxis, layout.yaxis].map((axis) => [axis?.title?.text, axis?.type]);
  const kind = JSON.stringify([width, layout.height, data.map(({ name }) => name), axes]);
  const same = place.workbenchKind === kind && place._fullLayout?._size;
  place.workbenchKind = kind;
  const least = { ...layout.template?.layout?.margin, ...layout.margin };
  if (!same) return { ...layout, margin: least };
  const margin = { ...least };
  for (const side of ["l", "r", "t", "b"]) margin[side] = Math.max(same[side], least[side] ?? 0);
  return { ...layout, margin, height: place._fullLayout.height };
};

// A long legend above the axes would leave them no height: the figure grows by what it takes.
const growForLegend = (Plotly, place, layout) => {
  const { height, _size } = place._fullLayout;
  const missing = AXES * (layout.height ?? 450) - _size.h;
  // A little more, since the distance to the legend grows as well.
  return missing > 0 ? Plotly.relayout(place, { height: Math.ceil(height + 1.1 * missing) }) : null;
};

// plotly has a button that uploads the figure to plotly's servers.
const CONFIG = {
  displaylogo: false,
  responsive: false,
  plotlyServerURL: "",
  modeBarButtonsToRemove: ["sendChartToCloud", "select2d", "lasso2d"],
};

export default {
  async render({ model, el }) {
    const place = document.createElement("div");
    place.className = "workbench-plot";
    place.style.width = "100%";
    place.setAttribute("role", "figure");
    el.style.width = "100%";
    el.append(place);
    const Plotly = await plotly(model);
    let drawing = Promise.resolve();
    let isQueued = false;
    const drawn = () => Boolean(model.get("text")) || !place.isConnected;
    const draw = () => {
      isQueued = false;
      const text = model.get("text");
      if (!text || !place.isConnected || place.clientWidth === 0) return;
      const { data, layout } = JSON.parse(text);
      const of = model.get("of");
      const width = place.clientWidth;
      // Text is dark: on a dark page a transparent figure would be unreadable.
      const style = { paper_bgcolor: "white", plot_bgcolor: "white", uirevision: "constant", width };
      place.setAttribute("aria-label", model.get("alt"));
      drawing = drawing.then(() => {
        const fitted = withMargins(place, data, layout, width);
        return Plotly.react(place, data, { ...fitted, ...style }, CONFIG);
      });
      drawing = drawing.then(() => growForLegend(Plotly, place, layout));
      drawing = drawing.then(() => {
        place.dataset.of = of;
        place.dispatchEvent(new CustomEvent("workbench-drawn", { bubbles: true }));
      });
    };
    // Changes of the same moment are drawn once.
    const redraw = () => {
      if (!isQueued) queueMicrotask(draw);
      isQueued = true;
    };
    const observer = new ResizeObserver(() => {
      if (place.clientWidth !== place._fullLayout?.width) redraw();
    });
    observer.observe(place);
    const onMessage = ({ warm_up: text }) => {
      if (!text || drawn()) return;
      warmUp(Plotly, text, place.clientWidth || 700, drawn);
    };
    model.on("msg:custom", onMessage);
    model.on("change:text change:of", redraw);
    redraw();
    model.send("displayed");
    return () => {
      observer.disconnect();
      model.off("msg:custom", onMessage);
      model.off("change:text change:of", redraw);
      Plotly.purge(place);
    };
  },
};
