// Draws the figure that Python sends, in place: plotly finds what differs, and what the reader zoomed
// or switched in the legend stays. The library is asked for once a page.
let library;
// Drawings before the first one that is seen.
const REHEARSALS = 6;
// Of a figure's height, what its axes have at least.
const AXES = 0.7;

const plotly = (model) => {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  library ??= new Promise((ready) => {
    model.on("msg:custom", function take(content, buffers) {
      if (content !== "library" || window.Plotly) return;
      model.off("msg:custom", take);
      // A loader of modules, such as RequireJS, would take the library for itself.
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

// Leave for work that nobody waits for.
const idle = () =>
  new Promise((ready) => (window.requestIdleCallback ?? ((f) => setTimeout(f, 50)))(ready));

// Draws a figure some times where nobody sees it: the first drawings on a page take many times as
// long as later ones, until the browser has compiled what plotly does.
const rehearse = async (Plotly, text, width, done) => {
  const room = document.createElement("div");
  room.style.cssText = `position:fixed;left:-9999px;top:0;width:${width}px;visibility:hidden`;
  room.setAttribute("aria-hidden", "true");
  const place = document.createElement("div");
  // Nothing that looks for figures on the page finds this one.
  room.attachShadow({ mode: "closed" }).append(place);
  document.body.append(room);
  try {
    for (let turn = 0; turn < REHEARSALS; turn += 1) {
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

// The room beside the axes only grows while figures of one kind follow each other: to find that it
// must change has plotly draw twice, and the axes would jump to and fro.
const steady = (place, data, layout, width) => {
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

// Many names above the axes would leave them no height: the figure grows by what they take.
const roomy = (Plotly, place, layout) => {
  const { height, _size } = place._fullLayout;
  const missing = AXES * (layout.height ?? 450) - _size.h;
  // A little more, for the distance to the names grows as well.
  return missing > 0 ? Plotly.relayout(place, { height: Math.ceil(height + 1.1 * missing) }) : null;
};

// plotly has a button that uploads the figure to its makers.
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
    let wanted = false;
    const drawn = () => Boolean(model.get("text")) || !place.isConnected;
    const draw = () => {
      wanted = false;
      const text = model.get("text");
      if (!text || !place.isConnected || place.clientWidth === 0) return;
      const { data, layout } = JSON.parse(text);
      const of = model.get("of");
      const width = place.clientWidth;
      // The ink is dark: on a dark page a transparent figure would be unreadable.
      const look = { paper_bgcolor: "white", plot_bgcolor: "white", uirevision: "kept", width };
      place.setAttribute("aria-label", model.get("alt"));
      drawing = drawing.then(() => {
        const kept = steady(place, data, layout, width);
        return Plotly.react(place, data, { ...kept, ...look }, CONFIG);
      });
      drawing = drawing.then(() => roomy(Plotly, place, layout));
      drawing = drawing.then(() => {
        place.dataset.of = of;
        place.dispatchEvent(new CustomEvent("workbench-drawn", { bubbles: true }));
      });
    };
    // Several changes of one moment make one drawing.
    const redraw = () => {
      if (!wanted) queueMicrotask(draw);
      wanted = true;
    };
    const watch = new ResizeObserver(() => {
      if (place.clientWidth !== place._fullLayout?.width) redraw();
    });
    watch.observe(place);
    const take = ({ rehearsal }) => {
      if (!rehearsal || drawn()) return;
      rehearse(Plotly, rehearsal, place.clientWidth || 700, drawn);
    };
    model.on("msg:custom", take);
    model.on("change:text change:of", redraw);
    redraw();
    model.send("shown");
    return () => {
      watch.disconnect();
      model.off("msg:custom", take);
      model.off("change:text change:of", redraw);
      Plotly.purge(place);
    };
  },
};
