// Gives the handles of sliders names for screen readers, which ipywidgets does not.
export default {
  render({ el }) {
    const setNames = () => {
      const panel = el.closest(".workbench-panel");
      for (const slider of panel?.querySelectorAll(".widget-slider") ?? []) {
        const name = slider.querySelector("label").textContent;
        slider.querySelector(".noUi-handle")?.setAttribute("aria-label", name);
      }
    };
    const observer = new ResizeObserver(setNames);
    observer.observe(el);
    return () => observer.disconnect();
  },
};
