// The three columns of errors, so that printing need not wait for them.
Promise.all(SETS.map((name) => valuesOf(`${name}_error`))).then(() => {
  document.getElementById("comparison").hidden = false;
  document.getElementById("runs").hidden = false;
  startRuns();
  startTable();
  startComparison();
  logY.checked = byName.get(quantity.value).log;
  changed();
});
