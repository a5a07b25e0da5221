// A card for each run: its own errors, and its record.

const SETS = ["training", "validation", "test"];
const CARD = { width: 300, height: 150 };
const cards = [];
let printed = false;

function printing() {
  return printed;
}

function makeCard(number) {
  const card = document.createElement("article");
  const title = document.createElement("h3");
  title.textContent = runs[number].folder;
  const svg = element("svg", { id: `run-${number}`, viewBox: `0 0 ${CARD.width} ${CARD.height}` });
  const details = document.createElement("details");
  const summary = document.createElement("summary");
  summary.textContent = "record";
  const shown = document.createElement("pre");
  details.append(summary, shown);
  details.addEventListener("toggle", async () => {
    if (details.open && !shown.textContent) shown.textContent = told(await recordOf(number));
  });
  card.append(title, svg, details);
  return card;
}

/** A record as lines of names and values, what belongs together further to the right. */
function told(value, margin = "") {
  const lines = [];
  for (const [name, part] of Object.entries(value)) {
    const nested = part !== null && typeof part === "object";
    const flat = Array.isArray(part) && !part.some((one) => one !== null && typeof one === "object");
    if (nested && !flat) lines.push(`${margin}${name}:`, told(part, `${margin}  `));
    else lines.push(`${margin}${name}: ${flat ? part.join(", ") : part ?? "none"}`);
  }
  return lines.join("\n");
}

async function drawCard(number) {
  const svg = cards[number].querySelector("svg");
  if (svg.childElementCount) return;
  const run = runs[number];
  const epochs = Float64Array.from({ length: run.epochs }, (_, n) => n + 1);
  const series = [];
  for (const [place, name] of SETS.entries()) {
    series.push({ xs: epochs, ys: (await valuesOf(`${name}_error`))(run), look: look(place) });
  }
  const margin = { left: 44, right: 6, top: 8, bottom: 22 };
  const options = { share: true, chances: [1 - 1 / run.classes], margin };
  drawChart(svg, CARD.width, CARD.height, series, options);
}

function startRuns() {
  const place = document.getElementById("cards");
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) drawCard(cards.indexOf(entry.target));
    }
  }, { rootMargin: "300px" });
  for (const number of runs.keys()) {
    cards.push(makeCard(number));
    seen.observe(cards[number]);
  }
  place.append(...cards);
  window.addEventListener("beforeprint", () => {
    printed = true;
    for (const number of shownRuns()) drawCard(number);
  });
  window.addEventListener("afterprint", () => { printed = false; });
}
