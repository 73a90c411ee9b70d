// Sorts and filters the table and changes the figure; without this script all of it stands there.
"use strict";
{
  const table = document.getElementById("table");
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const names = heads.map((head) => head.textContent.trim().toLowerCase());
  const rows = [...body.rows].map((row) => ({
    row,
    values: [...row.cells].map((cell) => cell.dataset.value ?? cell.textContent.trim()),
    text: row.textContent.toLowerCase().replace(/\s+/g, " "),
  }));

  // Rows that do not stand on the page are made when they are to be shown, no more at a time than
  // stand there.
  const held = document.getElementById("rest")?.textContent;
  const rest = held ? JSON.parse(held) : { rows: [] };
  const most = Math.max(rows.length, 1);
  rest.rows.forEach(([link, error, ...values], place) => {
    const number = String(most + 1 + place);
    const exact = values.map((value) => (value === null ? "" : String(value)));
    const text = [number, ...exact, error].join(" ").toLowerCase();
    rows.push({ link, error, values: [number, ...exact], text });
  });
  let fitting = rows;

  function cell(kind, className, text) {
    const made = document.createElement(kind);
    made.className = className;
    made.textContent = text;
    return made;
  }

  function made({ link, error, values }) {
    const row = document.createElement("tr");
    values.forEach((value, place) => {
      let one;
      if (!place) {
        one = cell("th", "", link ? "" : value);
        one.scope = "row";
        if (link) {
          const anchor = cell("a", "", value);
          anchor.href = link;
          one.append(anchor);
        }
      } else if (place >= rest["first claim"] && value) {
        one = cell("td", value.replace(" ", "-"), "");
        const mark = cell("span", "mark", rest.marks[value] ?? "");
        mark.setAttribute("aria-hidden", "true");
        one.append(mark, " ", cell("span", "unseen", value));
      } else if (numeric(value)) {
        one = cell("td", "number", String(Number(Number(value).toPrecision(4))));
      } else {
        one = cell("td", "words", value || "–");
        if (names[place] === "state" && error) {
          one.append(document.createElement("br"), cell("small", "", error));
        }
      }
      row.append(one);
    });
    return row;
  }

  function show() {
    const shown = fitting.slice(0, most);
    body.replaceChildren(...shown.map((one) => (one.row ??= made(one))));
  }

  // Numbers by size and before words; what is missing comes last either way.
  const numeric = (text) => text !== "" && Number.isFinite(Number(text));
  function compare(a, b) {
    if (numeric(a) && numeric(b)) return Number(a) - Number(b);
    if (numeric(a) !== numeric(b)) return numeric(a) ? -1 : 1;
    return a < b ? -1 : a > b ? 1 : 0;
  }

  function sort(column) {
    const upward = heads[column].getAttribute("aria-sort") !== "ascending";
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[column].setAttribute("aria-sort", upward ? "ascending" : "descending");
    const sign = upward ? 1 : -1;
    const order = (a, b) => {
      const [left, right] = [a.values[column], b.values[column]];
      if ((left === "") !== (right === "")) return left === "" ? 1 : -1;
      return sign * compare(left, right);
    };
    rows.sort(order);
    fitting = rows.filter((one) => one.fits);
    show();
  }

  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sort(column));
  });

  const field = document.getElementById("condition");
  const counter = document.getElementById("found");
  const holds = {
    "<": (order) => order < 0,
    ">": (order) => order > 0,
    "<=": (order) => order <= 0,
    ">=": (order) => order >= 0,
    "=": (order) => order === 0,
    "!=": (order) => order !== 0,
  };

  // A test of a row for each part of the condition; a sentence where a column is unknown.
  function tests(condition) {
    const found = [];
    for (const part of condition.split(",").map((one) => one.trim()).filter(Boolean)) {
      const split = /^(.*?)\s*(<=|>=|!=|=|<|>)\s*(.*)$/.exec(part);
      if (!split) {
        found.push((one) => one.text.includes(part.toLowerCase()));
        continue;
      }
      const [, name, sign, wanted] = split;
      const column = names.indexOf(name.trim().toLowerCase());
      if (column < 0) return `There is no column “${name.trim()}”.`;
      found.push(({ values }) => {
        const value = values[column];
        if (value === "") return false;
        const ordered = sign === "=" || sign === "!=" || numeric(value) === numeric(wanted);
        return ordered && holds[sign](compare(value, wanted));
      });
    }
    return found;
  }

  function filter() {
    const found = tests(field.value);
    if (typeof found === "string") {
      counter.textContent = found;
      return;
    }
    for (const one of rows) one.fits = found.every((test) => test(one));
    fitting = rows.filter((one) => one.fits);
    show();
    const cut = fitting.length > most ? `, the first ${most} shown` : "";
    counter.textContent = found.length ? `${fitting.length} of ${rows.length}${cut}` : "";
  }

  const form = document.getElementById("filter");
  form.hidden = document.getElementById("how").hidden = rows.length < 2;
  form.addEventListener("submit", (event) => event.preventDefault());
  field.addEventListener("input", filter);
  filter();

  const figures = JSON.parse(document.getElementById("figures").textContent);
  const choice = document.getElementById("measure");
  if (choice) {
    document.getElementById("measures").hidden = figures.length < 2;
    const figure = document.querySelector("#shown > figure");
    choice.addEventListener("change", () => {
      const chosen = new DOMParser().parseFromString(figures[choice.selectedIndex], "text/html");
      const plot = figure.querySelector(".plot");
      plot.setAttribute("aria-label", chosen.querySelector(".plot").getAttribute("aria-label"));
      figure.querySelector("script").textContent = chosen.querySelector("script").textContent;
      figure.querySelector("figcaption").textContent = chosen.querySelector("figcaption").textContent;
      dispatchEvent(new Event("redraw"));
    });
  }
}
