// What ipywidgets and plotly leave out in the browser: sliders and the figure have names for screen
// readers, and the figure follows the width of its panel, which plotly measures before it is shown.
export default {
  render({ model, el }) {
    const mend = () => {
      const panel = el.closest(".workbench-panel");
      if (!panel) return;
      for (const slider of panel.querySelectorAll(".widget-slider")) {
        const name = slider.querySelector("label").textContent;
        slider.querySelector(".noUi-handle")?.setAttribute("aria-label", name);
      }
      const plot = panel.querySelector(".js-plotly-plot");
      plot?.setAttribute("role", "figure");
      plot?.setAttribute("aria-label", model.get("alt"));
    };
    const follow = () => {
      mend();
      window.dispatchEvent(new Event("resize"));
    };
    const watch = new ResizeObserver(follow);
    const meet = (event) => watch.observe(event.detail.element);
    watch.observe(el);
    document.addEventListener("plotlywidget-after-render", meet);
    model.on("change:alt", mend);
    return () => {
      watch.disconnect();
      document.removeEventListener("plotlywidget-after-render", meet);
      model.off("change:alt", mend);
    };
  },
};
