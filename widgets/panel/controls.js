// What ipywidgets leaves out in the browser: the handles of sliders have names for screen readers.
export default {
  render({ el }) {
    const mend = () => {
      const panel = el.closest(".workbench-panel");
      for (const slider of panel?.querySelectorAll(".widget-slider") ?? []) {
        const name = slider.querySelector("label").textContent;
        slider.querySelector(".noUi-handle")?.setAttribute("aria-label", name);
      }
    };
    const watch = new ResizeObserver(mend);
    watch.observe(el);
    return () => watch.disconnect();
  },
};
