// The commands of the present knobs with their buttons, and how a run of its own is doing.
const style = {
  row: "display:flex;flex-wrap:wrap;gap:4px 8px;align-items:center;margin:2px 0;min-width:0",
  code: "overflow-wrap:anywhere;min-width:0;flex:0 1 auto;user-select:all",
  small: "font-size:0.85em;line-height:1.4;padding:4px;box-sizing:border-box;width:100%;min-width:0",
};

const made = (kind, text = "", css = "", attributes = {}) => {
  const element = document.createElement(kind);
  element.textContent = text;
  element.style.cssText = css;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
};

// The look of the panel's other buttons, in a light and in a dark JupyterLab.
const pressed = (text, attributes = {}) => {
  const button = made("button", text, "width:auto", { type: "button", ...attributes });
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

// Without leave to write the clipboard the text is selected, for the reader's own keys to copy.
const copy = async (code, said) => {
  try {
    await navigator.clipboard.writeText(code.textContent);
    said.textContent = "copied";
  } catch {
    select(code);
    let done = false;
    try {
      done = document.execCommand("copy");
    } catch {}
    said.textContent = done ? "copied" : "selected: press Ctrl+C";
  }
};

export default {
  render({ model, el }) {
    el.style.cssText = style.small;
    el.classList.add("workbench-record");
    const lines = made("div");
    const run = made("div", "", style.row);
    const start = pressed("Run as a batch");
    const stop = pressed("Stop");
    const bar = made("progress", "", "width:8em", { max: "1", "aria-label": "progress of the run" });
    const told = made("span", "", "overflow-wrap:anywhere;min-width:0", { role: "status" });
    const link = made("a", "Open its page", "text-decoration:underline;color:var(--jp-content-link-color,#0057b8)", { target: "_blank", rel: "noopener" });
    const log = made("pre", "", "overflow:auto;max-height:16em;width:100%;margin:0");
    run.append(start, stop, bar, link, told, log);
    el.append(lines, run);
    start.addEventListener("click", () => model.send("run"));
    stop.addEventListener("click", () => model.send("stop"));

    const line = (label) => {
      const row = made("div", "", style.row);
      const code = made("code", "", style.code);
      const button = pressed("Copy", { "aria-label": `Copy the command ${label}` });
      const said = made("span", "", "", { role: "status" });
      button.addEventListener("click", () => copy(code, said));
      row.append(made("span", `${label}:`), code, button, said);
      lines.append(row);
      return { code, said };
    };
    // The lines stay as the commands change, so that a focused button keeps the focus.
    const shown = new Map();
    const spell = () => {
      for (const [label, command] of model.get("commands")) {
        if (!shown.has(label)) shown.set(label, line(label));
        const { code, said } = shown.get(label);
        if (code.textContent === command) continue;
        code.textContent = command;
        said.textContent = "";
      }
    };
    const tell = () => {
      const state = model.get("state");
      start.disabled = state === "running" || !model.get("can_run");
      // The buttons' own look would show what is merely hidden.
      stop.style.display = bar.style.display = state === "running" ? "" : "none";
      bar.value = model.get("share");
      link.hidden = state !== "done" || !link.href;
      told.textContent = state === "failed" ? `⚠ ${model.get("told")}` : model.get("told");
      log.textContent = model.get("log");
      log.hidden = !log.textContent;
      log.tabIndex = log.hidden ? -1 : 0;
    };
    const take = (content, buffers) => {
      if (content !== "page") return;
      if (link.href) URL.revokeObjectURL(link.href);
      link.href = URL.createObjectURL(new Blob([buffers[0]], { type: "text/html" }));
      tell();
    };
    spell();
    tell();
    model.on("change:commands", spell);
    model.on("change:state change:told change:share change:log change:can_run", tell);
    model.on("msg:custom", take);
    if (model.get("state") === "done") model.send("page");
    return () => {
      model.off("change:commands", spell);
      model.off("change:state change:told change:share change:log change:can_run", tell);
      model.off("msg:custom", take);
    };
  },
};
