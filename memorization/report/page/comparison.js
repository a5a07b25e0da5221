// The chart that compares the runs which the table shows.

const chart = document.getElementById("chart");
const pointed = document.getElementById("pointed");
const quantity = document.getElementById("quantity");
const against = document.getElementById("against");
const lines = document.getElementById("lines");
const logY = document.getElementById("log-y");
const logX = document.getElementById("log-x");
const whole = document.getElementById("whole");
const legend = document.getElementById("legend");
const MOST_IN_LEGEND = 16;
// How near a curve has to be to be read, in points of the screen.
const REACH = 40;

const comparison = { view: {}, drawn: null, series: [], column: null, asked: 0 };

function offerQuantities() {
  for (const column of content.columns) quantity.append(new Option(column.title, column.name));
  against.append(new Option("epoch", "epoch"));
  if (runs.some((run) => run.steps)) against.append(new Option("training step", "step"));
  if (byName.has("seconds")) against.append(new Option("time (hours)", "hours"));
}

/** Where each epoch of a run lies on the horizontal axis. */
function places(run, seconds) {
  if (against.value === "step") {
    return Float64Array.from({ length: run.epochs }, (_, n) => (n + 1) * (run.steps ?? NaN));
  }
  if (against.value === "hours") {
    let sum = 0;
    return Float64Array.from(seconds(run), (value) => (sum += value) / 3600);
  }
  return Float64Array.from({ length: run.epochs }, (_, n) => n + 1);
}

async function drawComparison() {
  const asked = ++comparison.asked;
  const values = await valuesOf(quantity.value);
  const seconds = against.value === "hours" ? await valuesOf("seconds") : null;
  // Another wish may have come while this one waited for its column.
  if (asked !== comparison.asked) return;
  const column = byName.get(quantity.value);
  let series = shownRuns().map((number) => {
    const run = runs[number];
    const [xs, ys] = [places(run, seconds), values(run)];
    return { xs, ys, look: look(run.group), numbers: [number], group: run.group };
  });
  series = series.filter((of) => of.ys.some((value) => !Number.isNaN(value)));
  if (lines.value === "means") series = meansOf(series);
  const chances = column.share && /_error$/.test(column.name)
    ? [...new Set(series.map((of) => 1 - 1 / runs[of.numbers[0]].classes))] : [];
  const width = chart.parentElement.clientWidth || 800;
  const tall = Math.round(Math.max(260, Math.min(460, width * 0.55)));
  const named = against.selectedOptions[0].text;
  comparison.drawn = drawChart(chart, width, tall, series, {
    title: `${column.title} against ${named}`,
    share: column.share, logX: logX.checked, logY: logY.checked, chances, view: comparison.view,
  });
  drawLegend(series);
  comparison.series = series;
  comparison.column = column;
  comparison.width = width;
  document.getElementById("bands").hidden = !series.some((of) => of.low);
  whole.disabled = !comparison.view.x && !comparison.view.y;
  pointed.hidden = true;
  document.documentElement.dataset.drawn = String(Number(document.documentElement.dataset.drawn ?? 0) + 1);
}

/** What the looks of the chart's curves stand for; the table tells where there are too many. */
function drawLegend(series) {
  const first = new Map(series.map((of) => [of.group, of]));
  const entries = [...first.values()].slice(0, MOST_IN_LEGEND).map((of) => {
    const entry = document.createElement("li");
    entry.append(swatch(of.look), nameOfGroup(of.numbers[0]));
    return entry;
  });
  const left = first.size - entries.length;
  if (left) {
    const more = document.createElement("li");
    more.textContent = `and ${left} more, as in the table`;
    entries.push(more);
  }
  legend.replaceChildren(...entries);
}

/** For each group of runs that differ in the seed alone, their mean and its band. */
function meansOf(series) {
  const groups = Map.groupBy ? Map.groupBy(series, (of) => of.group) : groupedBy(series);
  return [...groups.values()].map((members) => {
    if (members.length === 1) return members[0];
    const epochs = Math.min(...members.map((of) => of.ys.length));
    const over = (told) => Float64Array.from({ length: epochs }, (_, n) => told(members, n));
    const mean = (of, n, key) => of.reduce((sum, one) => sum + one[key][n], 0) / of.length;
    return {
      ...members[0],
      numbers: members.flatMap((of) => of.numbers),
      xs: over((of, n) => mean(of, n, "xs")),
      ys: over((of, n) => mean(of, n, "ys")),
      low: over((of, n) => Math.min(...of.map((one) => one.ys[n]))),
      high: over((of, n) => Math.max(...of.map((one) => one.ys[n]))),
    };
  });
}

function groupedBy(series) {
  const groups = new Map();
  for (const of of series) groups.set(of.group, [...(groups.get(of.group) ?? []), of]);
  return groups;
}

/** The curve next to a point of the chart, and its epoch there; null where none is near. */
function nearest(left, top) {
  const { x, y } = comparison.drawn;
  let best = null;
  let closest = REACH;
  for (const [place, of] of comparison.series.entries()) {
    let [first, last] = [0, of.xs.length - 1];
    const wanted = x.back(left);
    while (first < last) {
      const middle = (first + last) >> 1;
      if (of.xs[middle] < wanted) first = middle + 1;
      else last = middle;
    }
    for (const n of [first - 1, first]) {
      if (n < 0 || Number.isNaN(of.ys[n])) continue;
      const away = Math.hypot(x.at(of.xs[n]) - left, height(of.ys[n], y) - top);
      if (away < closest) [closest, best] = [away, { place, n }];
    }
  }
  return best;
}

/** Where the pointer is, in points of the chart. */
function inChart(event) {
  const box = chart.getBoundingClientRect();
  const shrunk = comparison.width / box.width;
  return [(event.clientX - box.left) * shrunk, (event.clientY - box.top) * shrunk];
}

function unpoint() {
  pointed.hidden = true;
  for (const path of chart.querySelectorAll(".strong")) path.classList.remove("strong");
  markRows([]);
}

function point(event) {
  if (!comparison.drawn) return;
  const found = nearest(...inChart(event));
  unpoint();
  if (!found) return;
  const { place, n } = found;
  const of = comparison.series[place];
  comparison.drawn.paths[place].classList.add("strong");
  const several = of.numbers.length > 1 ? `mean of ${of.numbers.length} seeds\n` : "";
  const name = of.numbers.length > 1 ? nameOfGroup(of.numbers[0]) : nameOfRun(of.numbers[0]);
  const told = `${comparison.column.title} ${text(comparison.column, of.ys[n])}`;
  pointed.textContent = `${name}\n${several}epoch ${n + 1}: ${told}`;
  pointed.hidden = false;
  markRows(of.numbers);
  const box = chart.getBoundingClientRect();
  const [left, top] = [event.clientX - box.left, event.clientY - box.top];
  pointed.style.left = `${Math.max(0, Math.min(left + 14, box.width - pointed.offsetWidth))}px`;
  const over = top - pointed.offsetHeight - 12;
  pointed.style.top = `${over > 0 ? over : top + 18}px`;
}

/** Emphasise the curve of one run, as its line of the table is pointed at. */
function emphasise(number) {
  for (const [place, of] of comparison.series.entries()) {
    comparison.drawn.paths[place].classList.toggle("strong", of.numbers.includes(number));
  }
}

let dragged = null;

function beginDrag(event) {
  if (event.button || !comparison.drawn) return;
  dragged = { from: inChart(event), box: element("rect", { class: "chosen" }) };
  chart.append(dragged.box);
  chart.setPointerCapture(event.pointerId);
}

function drag(event) {
  if (!dragged) return point(event);
  const { left, right, top, bottom } = comparison.drawn;
  const [x0, y0] = dragged.from;
  const [x1, y1] = inChart(event);
  const within = (value, low, high) => Math.max(low, Math.min(high, value));
  // A drag along the epochs keeps all heights.
  const flat = Math.abs(y1 - y0) < 12;
  dragged.x = [x0, x1].map((value) => within(value, left, right)).sort((a, b) => a - b);
  dragged.y = flat ? null : [y0, y1].map((value) => within(value, top, bottom)).sort((a, b) => a - b);
  const [upper, lower] = dragged.y ?? [top, bottom];
  dragged.box.setAttribute("x", dragged.x[0]);
  dragged.box.setAttribute("width", dragged.x[1] - dragged.x[0]);
  dragged.box.setAttribute("y", upper);
  dragged.box.setAttribute("height", lower - upper);
}

function endDrag() {
  if (!dragged) return;
  const { x, y, box } = dragged;
  dragged = null;
  box.remove();
  if (!x || x[1] - x[0] < 8) return;
  const scaled = comparison.drawn;
  comparison.view.x = x.map(scaled.x.back);
  if (y) comparison.view.y = [scaled.y.back(y[1]), scaled.y.back(y[0])];
  drawComparison();
}

function zoomOut() {
  comparison.view = {};
  drawComparison();
}

function startComparison() {
  offerQuantities();
  quantity.addEventListener("change", () => {
    logY.checked = byName.get(quantity.value).log;
    zoomOut();
  });
  for (const control of [against, logX, logY, lines]) control.addEventListener("change", zoomOut);
  whole.addEventListener("click", zoomOut);
  chart.addEventListener("dblclick", zoomOut);
  chart.addEventListener("pointerdown", beginDrag);
  chart.addEventListener("pointermove", drag);
  chart.addEventListener("pointerup", endDrag);
  chart.addEventListener("pointercancel", endDrag);
  chart.addEventListener("pointerleave", unpoint);
  new ResizeObserver(() => {
    // Of a change of height it is the cause itself.
    if (chart.parentElement.clientWidth !== comparison.width && !printing()) drawComparison();
  }).observe(chart.parentElement);
}
