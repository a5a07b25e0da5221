"""What the page's script is given: every run's columns, packed, and every run's record.

A column is one array over all epochs of all runs, in the order of the runs, float32 little-endian,
NaN where a run has no such column; it is compressed (zlib) and in base64, and unpacked once the
reader asks for it.
"""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from foundations.reading import MOST_OF_A_PATH, printable
from memorization.report.runs import Group, MeasuredRun
from memorization.report.table import Table
from training_loop import metrics

# Of a text in a record, and how deep its lists and objects are shown.
MOST_OF_A_TEXT = 400
DEEPEST = 8
# Columns that say nothing as a curve.
_NOT_DRAWN = {metrics.EPOCH, metrics.BEST_EPOCH}


def page_content(table: Table, groups: Sequence[Group]) -> str:
    """The content as JSON that can stand in a script element."""
    runs = [run for group in groups for run in group.runs]
    names = _columns(runs)
    content = {
        "names": table.names,
        "columns": [_column(name) for name in names],
        "runs": [entry for number, group in enumerate(groups) for entry in _runs(number, group)],
        "values": {name: _packed(_values(name, runs)) for name in names},
        "records": _packed(json.dumps([_shown(run.record) for run in runs]).encode()),
    }
    # So that nothing in it ends the element; whatever is no ASCII is escaped by JSON itself.
    return json.dumps(content).replace("<", "\\u003c")


def _columns(runs: Sequence[MeasuredRun]) -> list[str]:
    """The columns that any of `runs` has, but for those of single classes."""
    names = dict.fromkeys(name for run in runs for name in run.rows[0])
    drawn = [
        name for name in names if name not in _NOT_DRAWN and metrics.parse_name(name).label is None
    ]
    first = [metrics.error(name) for name in metrics.SETS]
    return sorted(drawn, key=lambda name: first.index(name) if name in first else len(first))


def _column(name: str) -> dict[str, Any]:
    column = metrics.parse_name(name)
    measured = bool(metrics.measured({name: 0.0}))
    share = column.is_share or (measured and not column.is_in_bits)
    return {
        "name": name,
        "title": printable(name.replace("_", " "), MOST_OF_A_TEXT),
        "share": share,
        "log": column.quantity == "loss" or name in (metrics.LEARNING_RATE, metrics.STEP_LOSS),
    }


def _runs(number: int, group: Group) -> list[dict[str, Any]]:
    """What the page shows of each run of `group`, which is that of `number`."""
    return [
        {
            "group": number,
            "folder": printable(run.folder, MOST_OF_A_PATH),
            "epochs": run.epochs,
            "wanted": run.options["epochs"],
            "classes": group.classes,
            "steps": run.steps_of_an_epoch,
        }
        for run in group.runs
    ]


def _values(name: str, runs: Sequence[MeasuredRun]) -> bytes:
    values = [row.get(name, math.nan) for run in runs for row in run.rows]
    return np.array(values, "<f4").tobytes()


def _packed(content: bytes) -> str:
    return base64.b64encode(zlib.compress(content, 9)).decode()


def _shown(value: Any, depth: int = 0) -> Any:
    """A part of a record as it may be shown, whoever wrote it."""
    if depth > DEEPEST:
        return "..."
    if isinstance(value, dict):
        return {
            printable(name, MOST_OF_A_TEXT): _shown(part, depth + 1) for name, part in value.items()
        }
    if isinstance(value, list):
        return [_shown(part, depth + 1) for part in value]
    if isinstance(value, bool) or value is None:
        return value
    return printable(value, MOST_OF_A_TEXT)
