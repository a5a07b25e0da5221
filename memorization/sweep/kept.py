"""What of a sweep's cells is kept for other machines: `DIR/<script>/<cell>.json.xz`, and counts.

A file of a few kilobytes holds a finished run's record and metrics. The record says nothing of
where the run lay: no folders, no host, no options that decide nothing. Metrics are without the
errors of single classes, and of DIGITS digits. Of at most WHOLE epochs all are kept; of more the
first, the last, the best, the first without training error, and each that is later by LATER than
the one before. An epoch's seconds are those since the one before that is kept.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from foundations import files, reading
from memorization.option import Decides
from memorization.options import OPTIONS
from memorization.report.runs import MeasuredRun
from memorization.run.settings import outcome_settings
from memorization.sweep.cells import Cell
from training_loop import metrics

_OF_A_PROCESS = ("from_epoch", "version", "commit", "changed", "began", "ended", "seconds")
ENDING = ".json.xz"
WHOLE = 100
LATER = 1.1
DIGITS = 9


def keep(cells: Sequence[Cell], place: Path) -> None:
    """Write below `place` every finished one of `cells` that is not there yet."""
    for cell in cells:
        path = _path(cell, place)
        run = cell.measured() if cell.finished() and not path.exists() else None
        if run is None:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"record": _of_any_place(run), "metrics": list(_thinned(run.rows))})
        with files.replacing(path) as stream:
            stream.write(lzma.compress(text.encode()))


def holds(cell: Cell, place: Path) -> bool:
    """Whether `cell` is kept below `place`, trained with the options that it has.

    Raises UserError where its file cannot be read.
    """
    return measured(cell, place) is not None


def measured(cell: Cell, place: Path) -> MeasuredRun | None:
    """What is kept of `cell` below `place`; None where nothing is that has its options.

    Raises UserError where its file cannot be read.
    """
    path = _path(cell, place)
    if not path.exists():
        return None
    run = read(path)
    same = outcome_settings(run.options) == outcome_settings(cell.options.recorded())
    return run if same else None


def read(path: Path) -> MeasuredRun:
    """The run that `keep` wrote to `path`, of its rows those that are kept; UserError if none."""
    with reading.file_errors(path, "no readable cell of a sweep"):
        try:
            kept = json.loads(lzma.decompress(path.read_bytes()))
        except lzma.LZMAError as error:
            raise ValueError(str(error)) from error
        reading.check_fields(kept, {"record": dict, "metrics": list})
        reading.check_fields(kept["record"], {"options": dict})
        if not kept["metrics"]:
            raise ValueError("no epoch in it")
    return MeasuredRun(path, kept["record"], kept["metrics"])


def runs_kept(place: Path) -> Iterator[MeasuredRun]:
    """All that is kept below `place`; raises as `read` does."""
    for path in sorted(place.rglob(f"*{ENDING}")):
        yield read(path)


def _path(cell: Cell, place: Path) -> Path:
    return place / cell.script.stem / f"{cell.folder.name}{ENDING}"


def _says_which_columns(name: str) -> bool:
    return OPTIONS[name].decides is Decides.COLUMNS


def _of_any_place(run: MeasuredRun) -> dict[str, Any]:
    record = dict(run.record)
    columns = {n: v for n, v in run.options.items() if n in OPTIONS and _says_which_columns(n)}
    record["options"] = {"seed": run.seed, **columns, **outcome_settings(run.options)}
    record["data"] = {n: value for n, value in record["data"].items() if n != "folder"}
    record["processes"] = [
        {name: process.get(name) for name in _OF_A_PROCESS}
        for process in record.get("processes", ())
    ]
    return record


def _thinned(rows: Sequence[metrics.Row]) -> Iterator[dict[str, Any]]:
    error = metrics.error("training")
    solved = (row[metrics.EPOCH] for row in rows if row[error] == 0)
    named = {len(rows), rows[-1][metrics.BEST_EPOCH], next(solved, None)}
    following, seconds = 1.0, 0.0
    for row in rows:
        seconds += row[metrics.SECONDS]
        epoch = row[metrics.EPOCH]
        if len(rows) <= WHOLE or epoch >= following or epoch in named:
            following = max(following, epoch * LATER)
            of_all = {n: v for n, v in row.items() if metrics.parse_name(n).label is None}
            of_all[metrics.SECONDS] = seconds
            yield {n: _rounded(value) for n, value in of_all.items()}
            seconds = 0.0


def _rounded(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.{DIGITS}g}")
