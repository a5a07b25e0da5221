"""The nine experiments at a thousand images (PLAN.md, part 4): their sweeps, and their table.

Eight train; the ninth, svhn_evaluation_random_labels, evaluates what another has trained.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from memorization import sweep
from memorization.report import summary, table
from memorization.report.runs import Group, MeasuredRun, grouped
from memorization.sweep import kept, request
from memorization.sweep.cells import PROJECT, Cell, experiments

RESULTS = PROJECT / "results" / "experiments"
STUDY = Path(__file__).resolve().parent
KEPT = STUDY / "kept"
OPTIONS = (
    *("--train-size", "1000", "--width", "0.25", "--batch-size", "25"),
    *("--lr-start", "0.003", "--lr-fin", "0.0003", "--no-figures", "--quiet"),
)
# SVHN's 160 real images are too few to say anything.
OF_DATA = {"cifar10": ("--epochs", "60"), "svhn": ("--epochs", "100", "--synthetic")}
BASELINES = ("cifar10_random_labels", "svhn_random_labels")
# What the table tells of each group of seeds; times are those of machines that wait and differ.
TOLD = tuple(
    quantity
    for quantity in table.QUANTITIES
    if not quantity.title.startswith(("validation", "wall time")) and "gap" not in quantity.title
)


@dataclass(frozen=True)
class Sweep:
    """The words of a sweep over one data set's baseline and its twin, or over its others."""

    words: tuple[str, ...]

    def run(self, *more: str) -> None:
        """Train what is not kept yet; SystemExit where a cell failed."""
        sweep.main([*more, *self.words])

    def cells(self) -> list[Cell]:
        """All its cells."""
        return request.parse(self.words, None).cells()


def sweeps(data_dir: str | None) -> list[Sweep]:
    """All sweeps; CIFAR-10's files are in `data_dir`, or where the scripts look for them."""
    found = []
    for data, own in OF_DATA.items():
        place = ("--kept", str(KEPT), "--results-dir", str(RESULTS / data))
        files_of = (
            ("--data-dir", str(Path(data_dir).resolve()))
            if data_dir and "--synthetic" not in own
            else ()
        )
        common = (*OPTIONS, *own, *files_of)
        names = [name for name in experiments() if name.startswith(data)]
        baseline = [name for name in names if name in BASELINES]
        others = [name for name in names if name not in BASELINES]
        cells = ("--cells", str(STUDY / "cells" / "experiments.txt"))
        found.append(Sweep((*place, *cells, "--", *baseline, *common)))
        found.append(Sweep((*place, "--vary", "seed=0..2", "--", *others, *common)))
    return found


def cells() -> list[Cell]:
    """Those of all sweeps, wherever their data lie."""
    return [cell for each in sweeps(None) for cell in each.cells()]


def groups_of(wanted: Sequence[Cell], places: Iterable[Path]) -> list[Group]:
    """What is kept of the cells `wanted` below `places`, by experiment, binary networks first.

    Raises ValueError where one of them is not there, UserError where it cannot be read.
    """
    runs: list[MeasuredRun] = []
    for cell in wanted:
        found = (kept.measured(cell, place) for place in places)
        run = next((run for run in found if run is not None), None)
        if run is None:
            raise ValueError(f"no cell {cell.name}")
        runs.append(run)
    return sorted(grouped(runs), key=lambda group: (group.experiment, is_float(group)))


def is_float(group: Group) -> bool:
    """Whether it is the float twin of a baseline."""
    return group.runs[0].options["weights"] == "float"


def markdown(groups: Sequence[Group]) -> str:
    """A line for each group of two runs or more: means over seeds with their t intervals."""
    epochs = [f"epochs to {limit:.0%} training error" for limit in table.THRESHOLDS]
    titles = ("experiment", "networks", "seeds", *epochs, *(of.title for of in TOLD))
    lines = []
    for group in groups:
        texts = table.summary_lines(group, TOLD)
        means, lows, highs, medians = (
            texts[name]
            for name in (
                summary.mean_title(len(group.runs)),
                summary.LOW,
                summary.HIGH,
                summary.MEDIAN,
            )
        )
        reached = medians[: len(epochs)]
        told = [
            f"{mean} ({low} to {high})" if mean else ""
            for mean, low, high in zip(means, lows, highs)
        ][len(epochs) :]
        network = "float weights, rectifiers" if is_float(group) else "binary"
        lines.append((group.name, network, str(len(group.runs)), *reached, *told))
    return table.markdown(table.Table(titles, lines, [False] * len(lines), 2))


def told(places: Iterable[Path]) -> str:
    """The table of what is kept below `places`; raises as `groups_of` does."""
    return markdown(groups_of(cells(), list(places)))
