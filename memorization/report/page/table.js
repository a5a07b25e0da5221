// The table of results: sorted by any column, filtered by words, its runs shown or hidden.

const table = document.getElementById("table");
const body = table.tBodies[0];
const rows = [...body.rows];
const rowOf = new Map(rows.filter((row) => row.dataset.run).map((row) => [Number(row.dataset.run), row]));
const filter = document.getElementById("filter");
const sorting = { column: -1, descending: false };
// Before the page is changed, as it was written.
const cells = new Map(rows.map((row) => [row, [...row.cells].map((cell) => cell.textContent)]));
const words = new Map(rows.map((row) => [row, cells.get(row).join(" ").toLowerCase()]));

/** The numbers of the runs that are neither filtered out nor hidden, in the order of the table. */
function shownRuns() {
  const shown = [];
  for (const row of body.rows) {
    if (row.dataset.run && !row.hidden && !row.classList.contains("off")) {
      shown.push(Number(row.dataset.run));
    }
  }
  return shown;
}

/** What a run is called: its cells up to the seed. */
function nameOfRun(number) {
  const of = cells.get(rowOf.get(number));
  return `${nameOfGroup(number)}, seed ${of[content.names + 1]}`;
}

function nameOfGroup(number) {
  const of = cells.get(rowOf.get(number)).slice(0, content.names + 1);
  const corruption = of.pop();
  return `${of.filter(Boolean).join(", ")}, corruption ${corruption}`;
}

function markRows(numbers) {
  for (const row of body.querySelectorAll(".marked")) row.classList.remove("marked");
  for (const number of numbers) rowOf.get(number).classList.add("marked");
}

/** Numbers, "3 of 7" as 3, before texts, in the order of the alphabet; what was not reached last. */
function sortKey(cell, column) {
  if (column < content.names) return [1, cell];
  const number = Number.parseFloat(cell);
  return Number.isNaN(number) ? [2, cell] : [0, number];
}

function compare(one, other, column, descending) {
  const [a, b] = [sortKey(one, column), sortKey(other, column)];
  const last = (a[0] === 2) - (b[0] === 2);
  if (last) return last;
  const order = a[0] === 1 ? a[1].localeCompare(b[1]) : a[0] === 0 ? a[1] - b[1] : 0;
  return descending ? -order : order;
}

/** Sort single runs by a column, lines about several below them; the third time as they were. */
function sortBy(column) {
  if (sorting.column !== column) Object.assign(sorting, { column, descending: false });
  else if (!sorting.descending) sorting.descending = true;
  else Object.assign(sorting, { column: -1, descending: false });
  const ordered = [...rows];
  if (sorting.column >= 0) {
    const summarising = (row) => row.classList.contains("summary");
    ordered.sort((one, other) => summarising(one) - summarising(other) || (summarising(one) ? 0
      : compare(cells.get(one)[column], cells.get(other)[column], column, sorting.descending)));
  }
  body.append(...ordered);
  for (const [number, title] of [...table.tHead.rows[0].cells].entries()) {
    if (number !== sorting.column) title.removeAttribute("aria-sort");
    else title.setAttribute("aria-sort", sorting.descending ? "descending" : "ascending");
  }
}

function applyFilter() {
  const wanted = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of rows) row.hidden = !wanted.every((word) => words.get(row).includes(word));
  changed();
}

/** Show a run or hide it. */
function show(number, shown) {
  const row = rowOf.get(number);
  row.classList.toggle("off", !shown);
  row.querySelector("input").checked = shown;
}

function showAll(shown) {
  for (const [number, row] of rowOf) if (!row.hidden) show(number, shown);
  changed();
}

/** Something else is shown now. */
function changed() {
  const shown = new Set(shownRuns());
  document.getElementById("shown").textContent = `${shown.size} of ${runs.length} runs shown`;
  for (const [number, card] of cards.entries()) card.hidden = !shown.has(number);
  drawComparison();
}

function startTable() {
  for (const [number, title] of [...table.tHead.rows[0].cells].entries()) {
    title.tabIndex = 0;
    title.addEventListener("click", () => sortBy(number));
    title.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        sortBy(number);
      }
    });
  }
  for (const [number, row] of rowOf) {
    const box = document.createElement("input");
    box.type = "checkbox";
    box.checked = true;
    box.setAttribute("aria-label", `show ${nameOfRun(number)}`);
    box.addEventListener("change", () => {
      show(number, box.checked);
      changed();
    });
    row.cells[0].prepend(box, swatch(look(runs[number].group)));
    row.addEventListener("pointerenter", () => emphasise(number));
    row.addEventListener("pointerleave", () => emphasise(-1));
  }
  filter.addEventListener("input", applyFilter);
  document.getElementById("none").addEventListener("click", () => showAll(false));
  document.getElementById("all").addEventListener("click", () => showAll(true));
  for (const name of ["filtering", "none", "all"]) document.getElementById(name).hidden = false;
}
