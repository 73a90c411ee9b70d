// The commands that run the experiment, with their buttons, and the progress of such a run.
const style = {
  row: "display:flex;flex-wrap:wrap;gap:4px 8px;align-items:center;margin:2px 0;min-width:0",
  code: "overflow-wrap:anywhere;min-width:0;flex:0 1 auto;user-select:all",
  small: "font-size:0.85em;line-height:1.4;padding:4px;box-sizing:border-box;width:100%;min-width:0",
};

const create = (kind, text = "", css = "", attributes = {}) => {
  const element = document.createElement(kind);
  element.textContent = text;
  element.style.cssText = css;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
};

// Styled as the other buttons of the panel, in light and dark JupyterLab.
const createButton = (text, attributes = {}) => {
  const button = create("button", text, "width:auto", { type: "button", ...attributes });
  button.className = "lm-Widget jupyter-widgets jupyter-button widget-button";
  return button;
};

const select = (element) => {
  const range = document.createRange();
  range.selectNodeContents(element);
  const selection = window.getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
};

// Without permission to write the clipboard the text is selected, to be copied by keyboard.
const copy = async (code, feedback) => {
  try {
    await navigator.clipboard.writeText(code.textContent);
    feedback.textContent = "copied";
  } catch {
    select(code);
    let done = false;
    try {
      done = document.execCommand("copy");
    } catch {}
    feedback.textContent = done ? "copied" : "selected: press Ctrl+C";
  }
};

export default {
  render({ model, el }) {
    el.style.cssText = style.small;
    el.classList.add("workbench-run-controls");
    const lines = create("div");
    const run = create("div", "", style.row);
    const start = createButton("Run as a batch");
    const stop = createButton("Stop");
    const bar = create("progress", "", "width:8em", { max: "1", "aria-label": "progress of the run" });
    const message = create("span", "", "overflow-wrap:anywhere;min-width:0", { role: "status" });
    const link = create("a", "Open its page", "text-decoration:underline;color:var(--jp-content-link-color,#0057b8)", { target: "_blank", rel: "noopener" });
    const log = create("pre", "", "overflow:auto;max-height:16em;width:100%;margin:0");
    run.append(start, stop, bar, link, message, log);
    el.append(lines, run);
    start.addEventListener("click", () => model.send("run"));
    stop.addEventListener("click", () => model.send("stop"));

    const line = (label) => {
      const row = create("div", "", style.row);
      const code = create("code", "", style.code);
      const button = createButton("Copy", { "aria-label": `Copy the command ${label}` });
      const feedback = create("span", "", "", { role: "status" });
      button.addEventListener("click", () => copy(code, feedback));
      row.append(create("span", `${label}:`), code, button, feedback);
      lines.append(row);
      return { code, feedback };
    };
    // The lines are reused as the commands change, so that a focused button keeps the focus.
    const shown = new Map();
    const updateCommands = () => {
      for (const [label, command] of model.get("commands")) {
        if (!shown.has(label)) shown.set(label, line(label));
        const { code, feedback } = shown.get(label);
        if (code.textContent === command) continue;
        code.textContent = command;
        feedback.textContent = "";
      }
    };
    const update = () => {
      const state = model.get("state");
      start.disabled = state === "running" || !model.get("can_run");
      // The style of the buttons overrides the attribute `hidden`.
      stop.style.display = bar.style.display = state === "running" ? "" : "none";
      bar.value = model.get("share");
      link.hidden = state !== "done" || !link.href;
      message.textContent = state === "failed" ? `⚠ ${model.get("message")}` : model.get("message");
      log.textContent = model.get("log");
      log.hidden = !log.textContent;
      log.tabIndex = log.hidden ? -1 : 0;
    };
    const onMessage = (content, buffers) => {
      if (content !== "page") return;
      if (link.href) URL.revokeObjectURL(link.href);
      link.href = URL.createObjectURL(new Blob([buffers[0]], { type: "text/html" }));
      update();
    };
    updateCommands();
    update();
    model.on("change:commands", updateCommands);
    model.on("change:state change:message change:share change:log change:can_run", update);
    model.on("msg:custom", onMessage);
    if (model.get("state") === "done") model.send("page");
    return () => {
      model.off("change:commands", updateCommands);
      model.off("change:state change:message change:share change:log change:can_run", update);
      model.off("msg:custom", onMessage);
    };
  },
};
