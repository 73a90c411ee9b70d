// Reads a table of the page into rows by column, and says what of its values the output does not hold:
// libraries print long tables with rows of dots, and numbers to a few digits.
"use strict";
const DOTS = /^(\.{3}|[\u2026\u22ee\u22ef\u22f1])$/;
const wordsOf = (cell) => cell.textContent.trim().replace(/\s+/g, " ");

// Every place of the table with its text, those that a cell spans as well.
function gridOf(table) {
  const grid = Array.from(table.rows, () => []);
  [...table.rows].forEach((row, i) => {
    let j = 0;
    for (const cell of row.cells) {
      while (grid[i][j] !== undefined) j++;
      const value = cell.dataset.value ?? wordsOf(cell);
      const below = Math.min(i + Math.max(cell.rowSpan, 1), grid.length);
      for (let y = i; y < below; y++) for (let x = 0; x < cell.colSpan; x++) grid[y][j + x] = value;
      j += cell.colSpan;
    }
  });
  return grid;
}

// Its columns' names, its lines without those of dots, and how many of these there are.
function tableOf(table) {
  const grid = gridOf(table);
  const first = table.rows[0];
  const titled = first && [...first.cells].every((cell) => cell.tagName === "TH") && table.rows.length > 1;
  const heads = table.tHead ? table.tHead.rows.length : titled ? 1 : 0;
  const wide = Math.max(0, ...grid.map((line) => line.length));
  const isDots = (text) => DOTS.test(text ?? "");
  const columns = Array.from({ length: wide }, (_, j) => j).filter((j) => !grid.every((line) => isDots(line[j]) || !line[j]) || !grid.some((line) => isDots(line[j])));
  const body = grid.slice(heads);
  const lines = body.filter((line) => !line.some(isDots) || !line.every((text) => isDots(text) || !text));
  const names = columns.map((j) => [...new Set(grid.slice(0, heads).map((line) => line[j]))].filter(Boolean).join(" / "));
  const unique = names.map((name, i) => (name && names.indexOf(name) === i ? name : `${name || "column"} ${i + 1}`));
  return {
    names: unique,
    lines: lines.map((line) => columns.map((j) => line[j] ?? "")),
    left: { rows: body.length - lines.length, columns: wide - columns.length },
  };
}

// The rows that an output holds beside its table, to the last digit.
const heldRows = (table) => {
  const box = table.closest(".table");
  const held = box?.querySelectorAll("table").length === 1 && box.querySelector("script.rows");
  return held ? JSON.parse(held.textContent) : null;
};

// What the download of a table lacks, in words; nothing where it holds all digits.
function lackOf(table) {
  const cells = [...table.querySelectorAll("td")];
  if (heldRows(table) || cells.every((cell) => cell.dataset.value !== undefined)) return "";
  const { lines, left } = tableOf(table);
  const said = table.closest(".table")?.textContent.match(/([\d_,]+) rows? × ([\d_,]+) columns?|shape: \(([\d_,]+), ([\d_,]+)\)/);
  const whole = said ? [said[1] ?? said[3], said[2] ?? said[4]].map((text) => text.replace(/[_,]/g, "")) : [];
  const lacks = [];
  if (left.rows) lacks.push(whole[0] ? `${lines.length} of ${whole[0]} rows` : "without the rows left out there");
  if (left.columns) lacks.push(whole[1] ? `not all of the ${whole[1]} columns` : "without the columns left out there");
  const texts = lines.flat();
  if (texts.some((text) => /\d\.\d|\de[+-]?\d/i.test(text))) lacks.push("numbers as rounded there");
  if (texts.some((text) => /\S(\.{3}|\u2026)$/.test(text))) lacks.push("texts as cut there");
  return lacks.join(", ");
}
