// Scales of a chart: from values to points of the screen and back, linear or logarithmic.

/** A scale of the values `low` to `high` onto the points `from` to `to`. */
function scale(low, high, from, to, logarithmic) {
  const bent = logarithmic ? Math.log10 : (value) => value;
  const [first, last] = [bent(low), bent(high)];
  const slope = (to - from) / (last - first || 1);
  return {
    low, high, logarithmic,
    at: (value) => from + (bent(value) - first) * slope,
    back: (point) => {
      const value = first + (point - from) / slope;
      return logarithmic ? 10 ** value : value;
    },
    ticks: logarithmic ? powers(low, high) : steps(low, high),
  };
}

/** Some six round numbers from `low` to `high`. */
function steps(low, high) {
  const rough = (high - low) / 6 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((n) => n * power >= rough);
  const ticks = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + 1e-9 * step; n++) {
    ticks.push(Number((n * step).toPrecision(12)));
  }
  return ticks;
}

/** Powers of ten, with 2 and 5 between them where there are few; other numbers within one. */
function powers(low, high) {
  const decades = Math.log10(high / low);
  if (decades < 0.6) return steps(low, high).filter((tick) => tick > 0);
  const subdivided = decades < 3 ? [1, 2, 5] : [1];
  const every = Math.max(1, Math.ceil(decades / 8));
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); 10 ** power <= high; power++) {
    if (power % every) continue;
    for (const n of subdivided) {
      const tick = Number(`${n}e${power}`);
      if (tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9)) ticks.push(tick);
    }
  }
  return ticks;
}

/** Lowest and highest of several lists, `positive` numbers alone if so wanted; null of none. */
function range(lists, positive = false) {
  let [low, high] = [Infinity, -Infinity];
  for (const list of lists) {
    for (const value of list) {
      if (Number.isNaN(value) || (positive && value <= 0)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low <= high ? [low, high] : null;
}

function tickText(value, share) {
  const shown = Number((share ? 100 * value : value).toPrecision(6));
  const short = Math.abs(shown) >= 1e5 || (shown && Math.abs(shown) < 1e-3);
  return (short ? shown.toExponential().replace("e+", "e") : String(shown)) + (share ? "%" : "");
}
