// Under every figure and table of the page, buttons that save its numbers: all digits, as CSV and as
// JSON, made from the data the page holds anyway.
"use strict";
{
  const record = JSON.parse(document.getElementById("record").textContent);
  const stem = `${record.name}-${record.run}`.replace(/[^\w.-]+/g, "-").slice(0, 80);
  const ARRAYS = { i1: Int8Array, u1: Uint8Array, i2: Int16Array, u2: Uint16Array, i4: Int32Array, u4: Uint32Array, f4: Float32Array, f8: Float64Array };

  // A list of values, whether plotly.py wrote it out or packed it; rows of it where it has two axes.
  function listed(values) {
    if (Array.isArray(values)) return values.map((v) => (v?.bdata ? listed(v) : v));
    if (!values?.bdata) return [];
    const bytes = Uint8Array.from(atob(values.bdata), (letter) => letter.charCodeAt(0));
    const flat = Array.from(new ARRAYS[values.dtype](bytes.buffer));
    const columns = Number(String(values.shape || "").split(",")[1]);
    if (!columns) return flat;
    return Array.from({ length: flat.length / columns }, (_, i) => flat.slice(i * columns, (i + 1) * columns));
  }

  const plain = (words) => String(words ?? "").replace(/<br>/g, " ").replace(/<[^>]*>/g, "");

  // The rows of one trace, each a value by its column. The house keeps what it cannot draw, as a
  // zero on a log axis, in `customdata`; what others keep there is their own.
  function* rowsOf(trace, x, y) {
    if (trace.meta?.repeats) return;
    const own = trace.meta?.series !== undefined || trace.meta?.log !== undefined;
    const [xs, ys, zs] = [trace.x, trace.y, trace.z].map(listed);
    const custom = own ? listed(trace.customdata) : [];
    const series = plain(trace.meta?.of ?? trace.name);
    if (zs.length) {
      const shown = own && custom.length ? custom : zs;
      const name = plain(trace.name || trace.colorbar?.title?.text) || "z";
      for (let i = 0; i < shown.length; i++)
        for (let j = 0; j < shown[i].length; j++) yield { [x]: xs[j] ?? j, [y]: ys[i] ?? i, [name]: shown[i][j] };
      return;
    }
    for (let i = 0; i < Math.max(xs.length, ys.length); i++) {
      const row = { series, [x]: xs[i] ?? i, [y]: ys[i] };
      const more = custom[i] || [];
      if (trace.type === "bar" && more.length === 2) [row["bin from"], row["bin to"]] = more;
      else if (more.length > 1) [row.low, row.high] = more;
      if (trace.type !== "bar" && more.length % 2) row[y] = more.at(-1);
      yield row;
    }
  }

  function numbersOf(figure) {
    const layout = figure.layout || {};
    const x = plain(layout.xaxis?.title?.text) || "x";
    let y = plain(layout.yaxis?.title?.text) || "y";
    if (y === x) y += " (y)";
    const knob = plain(layout.sliders?.[0]?.currentvalue?.prefix).trim() || "frame";
    const frames = figure.frames?.length ? figure.frames : [{ data: figure.data, layout }];
    const rows = [];
    for (const frame of frames) {
      const which = figure.frames?.length ? { [knob]: numeric(frame.name) } : {};
      frame.data.forEach((changed, i) => {
        const trace = { ...figure.data[frame.traces?.[i] ?? i], ...changed };
        for (const row of rowsOf(trace, x, y)) rows.push({ ...which, ...row });
      });
      for (const shape of frame.layout?.shapes ?? layout.shapes ?? []) {
        const at = shape.yref === "y" && shape.y0 === shape.y1 ? { [y]: shape.y0 } : { [x]: shape.x0 };
        if (shape.label?.text) rows.push({ ...which, series: plain(shape.label.text), ...at });
      }
    }
    return rows;
  }

  // A text is a number where none of its digits is lost: no code with leading zeros, no long integer.
  const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?(e[+-]?\d+)?$/i;
  const digits = (text) => text.replace(/e.*$/i, "").replace(/^[-0.]+|\./g, "").length;
  const numeric = (text) => (NUMBER.test(text) && digits(text) <= 17 && !(digits(text) > 15 && !/[.e]/i.test(text)) ? Number(text) : text);

  // Tables that the record holds at full precision come from it, others as they stand.
  function tabled(table) {
    const named = (values, name) => Object.entries(values).map(([key, value]) => ({ [name]: key, value }));
    if (table.matches(".claims") && record.claims?.length)
      return record.claims.map(({ interval, ...claim }) => ({ ...claim, low: interval?.[0] ?? null, high: interval?.[1] ?? null }));
    if (table.matches(".summary") && record.summary) return named(record.summary, "quantity");
    if (table.matches(".knobs") && record.knobs) return named(record.knobs, "knob");
    const { names, lines } = tableOf(table);
    return heldRows(table) ?? lines.map((line) => Object.fromEntries(line.map((text, i) => [names[i], numeric(text)])));
  }

  // A text that a spreadsheet would take for a formula gets an apostrophe before it.
  function cell(value) {
    if (value === null || value === undefined || Number.isNaN(value)) return "";
    if (typeof value !== "string") return typeof value === "object" ? cell(JSON.stringify(value)) : String(value);
    const formula = /^[^\p{L}\p{N}]*?[=+\-@|%\uff1d\uff0b\uff0d\uff20]/u.test(value) || /^[\t\r\n]/.test(value);
    const text = formula && !NUMBER.test(value) ? `'${value}` : value;
    return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  }

  const columnsOf = (rows) => [...new Set(rows.flatMap(Object.keys))];
  const csv = (rows) => {
    const columns = columnsOf(rows);
    const lines = [columns, ...rows.map((row) => columns.map((name) => row[name]))];
    return lines.map((line) => line.map(cell).join(",") + "\r\n").join("");
  };
  const KINDS = {
    CSV: ["csv", "text/csv", csv],
    JSON: ["json", "application/json", (rows) => JSON.stringify(rows)],
  };

  function save(name, kind, text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: `${kind};charset=utf-8` }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  function offer(after, what, rows, lack = "") {
    const line = document.createElement("p");
    line.className = "keep";
    line.append(lack ? `Download what is shown (${lack}):` : "Download the numbers:");
    for (const [word, [ending, kind, written]] of Object.entries(KINDS)) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = word;
      button.setAttribute("aria-label", `${word}, numbers of ${what}`);
      button.addEventListener("click", () => save(`${stem}-${what.replace(" ", "-")}.${ending}`, kind, written(rows())));
      line.append(" ", button);
    }
    after.append(line);
  }

  document.querySelectorAll("figure.figure").forEach((figure, i) => {
    const data = figure.querySelector("script");
    offer(figure, `figure ${i + 1}`, () => numbersOf(JSON.parse(data.textContent)));
  });
  document.querySelectorAll("main table").forEach((table, i) => {
    const holder = document.createElement("div");
    const box = table.closest(".table");
    const frame = box?.querySelectorAll("table").length === 1 ? box : table;
    frame.after(holder);
    const known = table.matches(".claims, .summary, .knobs, .facts");
    offer(holder, `table ${i + 1}`, () => tabled(table), known ? "" : lackOf(table));
  });
}
