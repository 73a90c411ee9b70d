// Shows the cards that hold every word of the search; without this script all of them stand there.
"use strict";
const field = document.getElementById("search");
const told = document.getElementById("found");
const cards = [...document.querySelectorAll("#cards > .card")].map((card) => ({
  card,
  text: card.textContent.toLowerCase().replace(/\s+/g, " "),
}));

function search() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const { card, text } of cards) {
    const fits = words.every((word) => text.includes(word));
    card.hidden = !fits;
    count += fits;
  }
  told.textContent = words.length ? `${count} of ${cards.length}` : "";
}

field.form.hidden = cards.length < 2;
field.form.addEventListener("submit", (event) => event.preventDefault());
field.addEventListener("input", search);
// The browser may bring back what was typed before.
search();
