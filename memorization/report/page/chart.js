// A chart: axes and curves in an SVG element.

// As in `style.py`: no two of the first 64 series have both colour and dashes in common.
const DASHES = ["", "7 3", "7 3 2 3", "2 2", "11 3", "4 2 1 2 1 2", "3 3", "13 4 3 4"];

function look(number) {
  const shape = (number + Math.floor(number / 8)) % 8;
  return { color: `var(--c${number % 8})`, dashes: DASHES[shape] };
}

const MARGIN = { left: 52, right: 12, top: 10, bottom: 38 };
// How far a curve may pass from a point that is left out, in points of the screen.
const TOLERANCE = 0.25;

/**
 * Draw `series`, each { xs, ys, look, low, high }, the last two for a band, into the element `svg`
 * of `width` x `height`. `options`: title, share, logX, logY, chances, view (what was zoomed into:
 * x and y, either may be missing), margin. Returns { x, y }, its scales, and `paths`.
 */
function drawChart(svg, width, height, series, options) {
  const margin = options.margin ?? MARGIN;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren();
  const [left, right] = [margin.left, width - margin.right];
  const [top, bottom] = [margin.top, height - margin.bottom];
  const [x, y] = scales(series, options, [left, right, top, bottom]);
  for (const tick of y.ticks) {
    svg.append(element("line", { class: "grid", x1: left, x2: right, y1: y.at(tick), y2: y.at(tick) }));
    const place = { x: left - 6, y: y.at(tick) + 4, "text-anchor": "end" };
    svg.append(element("text", place, tickText(tick, options.share)));
  }
  for (const tick of x.ticks) {
    svg.append(element("line", { class: "grid", x1: x.at(tick), x2: x.at(tick), y1: top, y2: bottom }));
    const place = { x: x.at(tick), y: bottom + 16, "text-anchor": "middle" };
    svg.append(element("text", place, tickText(tick)));
  }
  if (options.title) {
    const place = { x: (left + right) / 2, y: height - 5, "text-anchor": "middle" };
    svg.append(element("text", place, options.title));
  }
  const clip = element("clipPath", { id: `${svg.id}-inside` });
  clip.append(element("rect", { x: left, y: top - 2, width: right - left, height: bottom - top + 4 }));
  const inside = element("g", { "clip-path": `url(#${svg.id}-inside)` });
  svg.append(clip, inside);
  for (const chance of options.chances ?? []) {
    inside.append(element("line", { class: "chance", x1: left, x2: right, y1: y.at(chance), y2: y.at(chance) }));
  }
  const paths = series.map((of) => {
    if (of.low) {
      const d = outline(of, x, y);
      inside.append(element("path", { class: "spread", d, style: `fill: ${of.look.color}` }));
    }
    const path = element("path", { class: "curve", d: line(of.xs, of.ys, x, y) });
    path.style.stroke = of.look.color;
    path.style.strokeDasharray = of.look.dashes;
    inside.append(path);
    return path;
  });
  return { x, y, paths, left, right, top, bottom };
}

function scales(series, options, [left, right, top, bottom]) {
  const view = options.view ?? {};
  let [x0, x1] = view.x ?? range(series.map((of) => of.xs), options.logX) ?? [1, 2];
  if (x0 === x1) [x0, x1] = options.logX ? [x0 / 1.5, x1 * 1.5] : [x0 - 0.5, x1 + 0.5];
  const shown = series.flatMap((of) => [of.ys, of.low ?? [], of.high ?? []]);
  let [y0, y1] = view.y ?? range(shown, options.logY) ?? [0.1, 1];
  if (!view.y && options.logY) [y0, y1] = [y0 / 1.15, y1 * 1.15];
  // Whole shares stand on an axis of 0 to 100 %, so that charts can be compared.
  if (!view.y && !options.logY) {
    if (options.share && y0 >= 0 && y1 <= 1 && y1 > 0.3) [y0, y1] = [-0.02, 1.02];
    else [y0, y1] = [y0 - 0.04 * (y1 - y0 || 1), y1 + 0.04 * (y1 - y0 || 1)];
  }
  return [scale(x0, x1, left, right, options.logX), scale(y0, y1, bottom, top, options.logY)];
}

/** The height of a value; what a logarithmic axis cannot show, zero, lies on its lower edge. */
function height(value, y) {
  return y.logarithmic && value <= 0 ? y.at(y.low) : y.at(value);
}

/** The path through the points; those on a straight line between others are left out. */
function line(xs, ys, x, y) {
  const words = [];
  let kept = null;
  let last = null;
  let [steepest, flattest] = [Infinity, -Infinity];
  const put = (point, letter) => {
    words.push(`${letter}${point[0].toFixed(1)} ${point[1].toFixed(1)}`);
    kept = point;
    last = null;
    [steepest, flattest] = [Infinity, -Infinity];
  };
  for (let n = 0; n < ys.length; n++) {
    if (Number.isNaN(ys[n]) || Number.isNaN(xs[n])) {
      if (last) put(last, "L");
      kept = null;
      continue;
    }
    const point = [x.at(xs[n]), height(ys[n], y)];
    if (!kept) {
      put(point, "M");
      // A run of one epoch is a dot.
      if (ys.length === 1) words.push("m-3 0h6");
      continue;
    }
    const run = point[0] - kept[0] || 1e-9;
    const slope = (point[1] - kept[1]) / run;
    if (last && (slope > steepest || slope < flattest)) {
      const before = last;
      put(before, "L");
      const onward = point[0] - before[0] || 1e-9;
      steepest = (point[1] - before[1] + TOLERANCE) / onward;
      flattest = (point[1] - before[1] - TOLERANCE) / onward;
    } else {
      steepest = Math.min(steepest, slope + TOLERANCE / run);
      flattest = Math.max(flattest, slope - TOLERANCE / run);
    }
    last = point;
  }
  if (last) put(last, "L");
  return words.join("");
}

function outline(of, x, y) {
  const over = Array.from(of.xs, (value, n) => [x.at(value), height(of.high[n], y)]);
  const under = Array.from(of.xs, (value, n) => [x.at(value), height(of.low[n], y)]);
  const whole = [...over, ...under.reverse()].filter((point) => !point.some(Number.isNaN));
  return whole.map((point, n) => `${n ? "L" : "M"}${point[0].toFixed(1)} ${point[1].toFixed(1)}`).join("");
}

/** A piece of a curve of this look, as tables and legends have it. */
function swatch(of) {
  const piece = element("svg", { viewBox: "0 0 29 11", "aria-hidden": "true" });
  const dash = element("line", { x1: 0, x2: 29, y1: 5.5, y2: 5.5, "stroke-width": 2.4 });
  dash.style.stroke = of.color;
  dash.style.strokeDasharray = of.dashes;
  piece.append(dash);
  return piece;
}
