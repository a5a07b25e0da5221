"""What a finished run has measured, and runs that differ in nothing but the seed."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foundations.errors import UserError
from memorization.options import outcome_settings
from memorization.run.folder import METRICS_FILE, load_metrics
from memorization.run.record import RUN_FILE, format_of, load_record
from training_loop import metrics


@dataclass(frozen=True)
class MeasuredRun:
    """One run: its folder, its record (`run.json`) and its lines of metrics, at least one."""

    folder: Path
    record: dict[str, Any]
    rows: list[dict[str, float]]

    @property
    def options(self) -> dict[str, Any]:
        """The options that it was given, by name."""
        return self.record["options"]

    @property
    def seed(self) -> int:
        """Its --seed."""
        return self.options["seed"]

    @property
    def epochs(self) -> int:
        """How many epochs it has done."""
        return len(self.rows)

    @property
    def finished(self) -> bool:
        """Whether these are all that it was to do."""
        return self.epochs >= self.options["epochs"]

    def last(self, name: str) -> float:
        """The metric `name` of the last epoch."""
        return self.rows[-1][name]

    @property
    def gap(self) -> float:
        """Generalisation gap, training minus test accuracy, -1 to 1."""
        return self.last(metrics.error("test")) - self.last(metrics.error("training"))

    def epochs_to(self, threshold: float) -> int | None:
        """First epoch whose training error is at most `threshold`; None if there is none.

        The time to fit of Zhang et al. (arXiv 1611.03530), figure 1b.
        """
        error = metrics.error("training")
        reached = (int(row[metrics.EPOCH]) for row in self.rows if row[error] <= threshold)
        return next(reached, None)

    @property
    def settings(self) -> dict[str, Any]:
        """The options that decide the outcome, but for corruption and seed."""
        settings = outcome_settings(self.options)
        return {n: value for n, value in settings.items() if n not in ("corruption", "seed")}


@dataclass(frozen=True)
class Group:
    """Runs that differ in nothing but the seed, in the order of their seeds."""

    key: tuple
    runs: tuple[MeasuredRun, ...]

    @property
    def experiment(self) -> str:
        """The experiment's name."""
        return self.runs[0].record["experiment"]

    @property
    def corruption(self) -> float:
        """The share of replaced labels."""
        return self.runs[0].options["corruption"]

    def mean(self, of: Callable[[MeasuredRun], float | None]) -> float | None:
        """Mean of a quantity over the runs; None where a run has none."""
        values = [of(run) for run in self.runs]
        known = [value for value in values if value is not None]
        return statistics.fmean(known) if len(known) == len(values) else None

    def deviation(self, of: Callable[[MeasuredRun], float | None]) -> float | None:
        """Standard deviation (of the sample, n - 1) over at least two runs; None as for `mean`."""
        values = [of(run) for run in self.runs]
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            return None
        return math.nan if any(map(math.isnan, known)) else statistics.stdev(known)


def read_run(folder: Path) -> MeasuredRun:
    """The run in `folder`; UserError where its record or its metrics cannot be read."""
    record = load_record(folder)
    rows = load_metrics(folder / METRICS_FILE)
    path = folder / RUN_FILE
    try:
        run = MeasuredRun(folder, record, rows)
        known = (run.options["epochs"], run.seed, run.options["corruption"])
        if not all(isinstance(value, (int, float)) for value in known):
            raise TypeError("an option that should be a number is none")
    except (KeyError, TypeError) as error:
        raise UserError(f"{path}: not the record of a run ({error!r})") from error
    return run


def grouped(runs: Sequence[MeasuredRun]) -> list[Group]:
    """`runs` in groups, sorted by experiment, corruption, settings.

    Two runs of the same seed are in one group too: a seed is a repetition, whoever counts it.
    """
    groups: dict[tuple, list[MeasuredRun]] = {}
    for run in runs:
        key = (
            run.record["experiment"],
            run.options["corruption"],
            tuple(sorted((name, str(value)) for name, value in run.settings.items())),
            format_of(run.record),
            str(run.record["data"].get("fingerprint")),
            run.epochs,
        )
        groups.setdefault(key, []).append(run)
    return [
        Group(key, tuple(sorted(groups[key], key=lambda run: run.seed))) for key in sorted(groups)
    ]


def varying_settings(groups: Sequence[Group]) -> dict[tuple, str]:
    """For each group, by its key: the options that tell it from others of its experiment."""
    texts = {}
    for group in groups:
        others = [o.runs[0].settings for o in groups if o.experiment == group.experiment]
        own = group.runs[0].settings
        names = [n for n in own if any(other.get(n) != own[n] for other in others)]
        texts[group.key] = ", ".join(filter(None, (_setting(n, own[n]) for n in names)))
    return texts


def _setting(name: str, value: Any) -> str:
    name = name.replace("_", "-")
    if isinstance(value, bool):
        return name if value else ""
    return f"{name} {'all' if value is None else value}"
