"""Runs with chosen errors, as tests of what compares runs need them, and the table of a report."""

from __future__ import annotations

import csv
import json
import shutil

from memorization.run import folder as run_folder

ERRORS = ("training", "validation", "test")
# Of runs whose labels were replaced: errors against the true ones, in percent, and bits.
CLEAN = ("training_clean_error", "validation_clean_error", "test_clean_error")
BITS = ("memorised_bits", "memorised_bits_per_binary_weight", "memorised_bits_per_real_parameter")


def make_run(short_run, folder, errors, seed=0, clean=None, bits=(), **options):
    """A run like `short_run` with other options, whose epochs had `errors`, in percent.

    Without `clean` it is one from before anything was measured against the true labels.
    """
    shutil.copytree(short_run, folder)
    record = json.loads((folder / "run.json").read_text())
    record["experiment"] = folder.name
    record["seed"] = seed
    record["options"].update({"epochs": len(errors), "seed": seed, "corruption": 1.0, **options})
    (folder / "run.json").write_text(json.dumps(record))
    (row,) = run_folder.load_metrics(short_run / "metrics.csv")
    for name in (*CLEAN, *BITS):
        del row[name]
    if clean is not None:
        row.update({name: error / 100 for name, error in zip(CLEAN, clean)})
        row.update(zip(BITS, bits))
    row["seconds"] = 1.5 + seed
    rows = [
        {**row, "epoch": epoch, **{f"{n}_error": e / 100 for n, e in zip(ERRORS, given)}}
        for epoch, given in enumerate(errors, start=1)
    ]
    run_folder.save_metrics(folder / "metrics.csv", rows)


def table_of(folder):
    with open(folder / "report.csv", encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))
