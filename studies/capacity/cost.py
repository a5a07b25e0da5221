"""How long the cells of the study were trained, and on what: a sentence for docs/results.md."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from memorization.report.runs import MeasuredRun
from studies.capacity.results import processor_of, runs_at

Span = tuple[float, float]


def told(places: Iterable[Path]) -> str:
    """Runs, cells, hours and processors of what is at or below `places`, as one sentence.

    Seeds that trained together, or beside each other, count once: a cell's hours are those in which
    any of its seeds was being trained. Raises ValueError where there is no run, UserError where one
    cannot be read.
    """
    cells: dict[str, list[Span]] = {}
    processors: set[str] = set()
    runs = 0
    for run in runs_at(places):
        runs += 1
        processors.add(processor_of(run))
        cells.setdefault(_cell(run), []).extend(_spans(run.record.get("processes") or []))
    if not runs:
        raise ValueError("none of its cells")
    hours = sum(map(_covered, cells.values())) / 3600
    return (
        f"{runs:,} runs of {len(cells):,} cells, trained within {hours:.2f} hours of one thread "
        f"each, beside other work, on {' and '.join(sorted(processors))}."
    )


def _cell(run: MeasuredRun) -> str:
    """What all seeds of a cell have in common."""
    return json.dumps([run.record["experiment"], {**run.options, "seed": None}], sort_keys=True)


def _spans(processes: list[dict[str, Any]]) -> list[Span]:
    """Begin and end of each process, in seconds; one that was killed wrote no end."""
    return [
        (_seconds(process["began"]), _seconds(process["ended"]))
        for process in processes
        if process.get("began") and process.get("ended")
    ]


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()


def _covered(spans: list[Span]) -> float:
    """How many seconds lie within any of `spans`."""
    covered, reached = 0.0, float("-inf")
    for begin, end in sorted(spans):
        covered += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return covered
