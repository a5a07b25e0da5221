"""The figures that compare runs, by the names of their files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from memorization.report import comparison
from memorization.report.measured_runs import draw_measures_compared
from memorization.report.runs import Group
from memorization.report.zhang import draw_zhang

DRAWN: dict[str, Callable[[Sequence[Group], Path], list[Path]]] = {
    "comparison": comparison.draw,
    "zhang_figure_1": draw_zhang,
    "measured": lambda groups, path: draw_measures_compared(
        groups, comparison.labels_of(groups), path
    ),
}
