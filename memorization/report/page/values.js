// What `content.py` packed: columns of all runs, and the records, unpacked when first asked for.

const content = JSON.parse(document.getElementById("content").textContent);
const runs = content.runs;
const byName = new Map(content.columns.map((column) => [column.name, column]));
const unpacked = new Map();

// Where the epochs of each run begin within a column.
let total = 0;
for (const run of runs) {
  run.start = total;
  total += run.epochs;
}

async function bytesOf(packed) {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

/** The column of that name as a function of a run: its values, one for each epoch. */
function valuesOf(name) {
  if (!unpacked.has(name)) {
    unpacked.set(name, bytesOf(content.values[name]).then((buffer) => {
      const all = new Float32Array(buffer);
      return (run) => all.subarray(run.start, run.start + run.epochs);
    }));
  }
  return unpacked.get(name);
}

let records = null;
function recordOf(number) {
  records ??= bytesOf(content.records).then((buffer) => JSON.parse(new TextDecoder().decode(buffer)));
  return records.then((all) => all[number]);
}

/** A value of a column as it is read: shares in percent. */
function text(column, value) {
  if (Number.isNaN(value)) return "-";
  return column.share ? `${(100 * value).toFixed(2)} %` : String(Number(value.toPrecision(5)));
}

function element(name, attributes = {}, words = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = words;
  return made;
}
