"use strict";
// Figures: one copy of the libraries draws them all. Menus offer saving only, nothing that leaves this page.
const specs = JSON.parse(document.getElementById("specs")?.textContent ?? "{}");
for (const place of document.querySelectorAll("[data-chart]")) {
  const actions = { export: true, source: false, compiled: false, editor: false };
  const options = { mode: "vega-lite", renderer: place.dataset.renderer, actions };
  vegaEmbed(place, specs[place.dataset.chart], options)
    .then(() => { place.dataset.drawn = "yes"; })
    .catch((error) => { place.textContent = `This figure could not be drawn: ${error.message}`; throw error; });
}

// Tables: a click on a head sorts (numbers by value, missing values last), a second click turns the order.
const collator = new Intl.Collator(undefined, { numeric: true });
function compare(a, b) {
  const [x, y] = [parseFloat(a), parseFloat(b)];
  return Number.isNaN(x) || Number.isNaN(y) ? collator.compare(a, b) : x - y;
}
function sort(table, column, direction) {
  const rows = [...table.tBodies[0].rows].map((row) => [row.cells[column].textContent, row]);
  const known = rows.filter(([text]) => text !== "\u2013");
  known.sort((a, b) => direction * compare(a[0], b[0]));
  table.tBodies[0].append(...known.map(([, row]) => row), ...rows.filter(([text]) => text === "\u2013").map(([, row]) => row));
}
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.addEventListener("click", () => {
    const ascending = head.getAttribute("aria-sort") !== "ascending";
    heads.forEach((other) => other.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    sort(table, column, ascending ? 1 : -1);
  }));
}

// Filters: a row stays when it holds every word.
for (const input of document.querySelectorAll("[data-filters]")) {
  const rows = [...document.getElementById(input.dataset.filters).tBodies[0].rows];
  const count = document.getElementById(`${input.dataset.filters}-count`);
  const texts = rows.map((row) => [...row.cells].map((cell) => cell.textContent).join(" ").toLowerCase());
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, index) => {
      row.hidden = !words.every((word) => texts[index].includes(word));
      shown += row.hidden ? 0 : 1;
    });
    count.textContent = shown === rows.length ? `${shown} rows` : `${shown} of ${rows.length} rows`;
  });
}
