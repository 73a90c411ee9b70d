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
    rows.sort((a, b) => {
      const [left, right] = [a.values[column], b.values[column]];
      if ((left === "") !== (right === "")) return left === "" ? 1 : -1;
      return sign * compare(left, right);
    });
    body.append(...rows.map(({ row }) => row));
  }

  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sort(column));
  });

  const field = document.getElementById("condition");
  const told = document.getElementById("found");
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
      told.textContent = found;
      return;
    }
    let count = 0;
    for (const one of rows) {
      const fits = found.every((test) => test(one));
      one.row.hidden = !fits;
      count += fits;
    }
    told.textContent = found.length ? `${count} of ${rows.length}` : "";
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
