// Draws the figure that Python sends, in place: plotly finds what differs, and what the reader zoomed
// or switched in the legend stays. The library is asked for once a page.
let library;

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
      drawing = drawing.then(() => Plotly.react(place, data, { ...layout, ...look }, CONFIG));
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
    model.on("change:text change:of", redraw);
    redraw();
    return () => {
      watch.disconnect();
      model.off("change:text change:of", redraw);
      Plotly.purge(place);
    };
  },
};
