// Shows the cards that hold every word of the search; without this script the newest stand there.
"use strict";
{
  const field = document.getElementById("search");
  const counter = document.getElementById("found");
  const list = document.getElementById("cards");
  const more = document.querySelector("#more button");
  const held = document.getElementById("rest")?.textContent;
  const rest = held ? JSON.parse(held) : { words: [], marks: [], rows: [] };
  const plain = (text) => text.toLowerCase().replace(/\s+/g, " ");
  const cards = [...list.querySelectorAll(":scope > .card")].map((card) => ({
    card,
    text: plain(card.textContent),
  }));
  // So many stand there at once, and so many more with every touch of the button.
  const most = Math.max(cards.length, 1);
  let shown = most;
  let fitting = cards;

  const words = rest.words.map(plain);
  for (const row of rest.rows) {
    const [title, name, state, said, day, changed, error, , counts] = row;
    const verdicts = rest.marks.map(([verdict], i) => (counts[i] ? `${counts[i]} ${verdict}` : ""));
    const own = plain([day, changed, error, ...verdicts].join(" "));
    cards.push({ row, places: [title, name, state, said], text: own });
  }

  const holds = ({ text, places = [] }, word) =>
    text.includes(word) || places.some((place) => words[place].includes(word));

  function element(kind, className, ...parts) {
    const made = document.createElement(kind);
    if (className) made.className = className;
    made.append(...parts);
    return made;
  }

  function made([title, name, state, , day, changed, error, link, counts]) {
    const card = element("li", "card run");
    const heading = element("h2", "", link ? element("a", "", rest.words[title]) : rest.words[title]);
    if (link) heading.firstChild.href = link;
    const named = element("code", "", rest.words[name]);
    const about = ` · ${day || "no date"} · ${rest.words[state]}`;
    card.append(heading, element("p", "name", named, about));
    if (changed) card.append(element("p", "knobs", changed));
    if (error) card.append(element("p", "stderr", error));
    const tally = element("p", "counts");
    rest.marks.forEach(([verdict, mark], i) => {
      if (!counts[i]) return;
      const sign = element("span", "mark", mark);
      sign.setAttribute("aria-hidden", "true");
      const words = ` ${counts[i]} ${verdict}`;
      tally.append(element("span", verdict.replace(" ", "-"), sign, words), " ");
    });
    if (tally.firstChild) card.append(tally);
    return card;
  }

  function show() {
    list.replaceChildren(...fitting.slice(0, shown).map((one) => (one.card ??= made(one.row))));
    if (more) more.hidden = fitting.length <= shown;
  }

  function search() {
    const wanted = plain(field.value).split(" ").filter(Boolean);
    fitting = cards.filter((one) => wanted.every((word) => holds(one, word)));
    shown = most;
    show();
    counter.textContent = wanted.length ? `${fitting.length} of ${cards.length}` : "";
  }

  field.form.hidden = cards.length < 2;
  field.form.addEventListener("submit", (event) => event.preventDefault());
  field.addEventListener("input", search);
  more?.addEventListener("click", () => {
    shown += most;
    show();
  });
  // The browser may bring back what was typed before.
  search();
}
