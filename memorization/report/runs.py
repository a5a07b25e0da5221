"""What a finished run has measured, and runs that differ in nothing but the seed."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foundations import reading
from foundations.reading import printable
from memorization.options import OPTIONS
from memorization.run.folder import METRICS_FILE, load_metrics, runs_below
from memorization.run.record import RUN_FILE, format_of, load_record
from memorization.run.settings import outcome_settings
from training_loop import metrics

# Of a name in a table or a figure.
MOST_OF_A_NAME = 60
# Of a fingerprint.
_DIGITS = 8


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
        return int(self.rows[-1][metrics.EPOCH])

    @property
    def finished(self) -> bool:
        """Whether these are all that it was to do."""
        return metrics.ended(self.rows, self.options["epochs"], self.options.get("stop_at"))

    def last(self, name: str) -> float:
        """The metric `name` of the last epoch; NaN where it was not measured."""
        return self.rows[-1].get(name, math.nan)

    @property
    def seconds(self) -> float:
        """Wall time of all epochs, their testing included; NaN where one was not timed."""
        return math.fsum(row.get(metrics.SECONDS, math.nan) for row in self.rows)

    @property
    def gap(self) -> float:
        """Generalisation gap, training minus test accuracy, -1 to 1."""
        return self.last(metrics.error("test")) - self.last(metrics.error("training"))

    @property
    def steps_of_an_epoch(self) -> int | None:
        """Training steps of each epoch; None where the record does not tell."""
        images, batch = self.record["data"].get("training"), self.options.get("batch_size")
        if not all(type(number) is int and number > 0 for number in (images, batch)):
            return None
        whole = self.options.get("as_in_2017") is True
        return (images // batch if whole else -(-images // batch)) or None

    def epochs_to(self, threshold: float) -> int | None:
        """First epoch whose training error is at most `threshold`; None if there is none.

        The time to fit of Zhang et al. (arXiv 1611.03530), figure 1b.
        """
        error = metrics.error("training")
        reached = (int(row[metrics.EPOCH]) for row in self.rows if row[error] <= threshold)
        return next(reached, None)

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the outcome, but for corruption and seed: options, and what --init held."""
        settings = outcome_settings(self.options)
        settings["init"] = self.record.get("initial")
        return {n: value for n, value in settings.items() if n not in ("corruption", "seed")}

    @property
    def key(self) -> tuple:
        """What runs have in common that differ in nothing but the seed."""
        return (
            self.record["experiment"],
            self.options["corruption"],
            tuple(sorted((name, str(value)) for name, value in self.settings.items())),
            format_of(self.record),
            self._source,
            # Of seeds that each ended where --stop-at says, none is further than another.
            self.epochs if self.options.get("stop_at") is None else self._epochs_of_its_end,
        )

    @property
    def _epochs_of_its_end(self) -> int:
        return self.options["epochs"] if self.finished else self.epochs

    @property
    def _source(self) -> str:
        # Of the files alone: what was done to them follows from experiment, corruption, settings.
        data = self.record["data"]
        return data["source_fingerprint"] if format_of(self.record) > 1 else data["fingerprint"]


@dataclass(frozen=True)
class Group:
    """Runs that differ in nothing but the seed, in the order of their seeds."""

    key: tuple
    runs: tuple[MeasuredRun, ...]

    @property
    def experiment(self) -> str:
        """The experiment's name, as its record has it."""
        return self.runs[0].record["experiment"]

    @property
    def name(self) -> str:
        """The experiment's name as it is shown."""
        return printable(self.experiment, MOST_OF_A_NAME).strip() or "(no name)"

    @property
    def data_name(self) -> str:
        """The data set's name as it is shown."""
        return printable(self.runs[0].record["data"]["name"], MOST_OF_A_NAME)

    @property
    def classes(self) -> int:
        """How many classes the data set has."""
        return max(1, len(self.runs[0].record["data"]["class_names"]))

    def values(self, name: str) -> list[list[float]]:
        """The column `name` of each run, NaN where it has none, all as long as the longest.

        What has ended early (--stop-at) stays as it is, while other seeds go on.
        """
        longest = max(run.epochs for run in self.runs)
        return [
            [
                *(row.get(name, math.nan) for row in run.rows),
                *[run.last(name)] * (longest - run.epochs),
            ]
            for run in self.runs
        ]

    @property
    def corruption(self) -> float:
        """The share of replaced labels."""
        return self.runs[0].options["corruption"]


def find_runs(
    places: Sequence[Path], is_report: Callable[[Path], bool]
) -> tuple[list[Path], list[str]]:
    """The folders of runs at or below `places`, each once, and a line for each place without.

    A place where `is_report` holds need not have a run: `results/*` names
    folders of reports too.
    """
    found: dict[str, Path] = {}
    complaints = []
    for place in places:
        folders = list(runs_below(place))
        if not folders and not is_report(place):
            kind = "no run there" if os.path.isdir(place) else "no such folder"
            complaints.append(f"{place}: {kind}; left out")
        for folder in folders:
            found.setdefault(os.path.realpath(folder), folder)
    return list(found.values()), complaints


def read_run(folder: Path) -> MeasuredRun:
    """The run in `folder`; UserError where its record or its metrics cannot be read."""
    record = load_record(folder)
    with reading.file_errors(folder / RUN_FILE, "not the record of a run"):
        options = record["options"]
        reading.check_fields(options, {"epochs": int, "seed": int, "corruption": (int, float)})
        if not (options["epochs"] >= 0 and 0 <= options["seed"] < 2**32):
            raise ValueError("epochs or a seed that no run has")
        stop_at = {"stop_at": None, **options}
        reading.check_fields(stop_at, {"stop_at": (int, float, type(None))})
        if not 0 <= options["corruption"] <= 1:
            raise ValueError(f"corruption is {reading.printable(options['corruption'])}")
    return MeasuredRun(folder, record, load_metrics(folder / METRICS_FILE))


def distinct(runs: Sequence[MeasuredRun]) -> tuple[list[MeasuredRun], list[str]]:
    """`runs` without repetitions, and a line for each of these.

    The same experiment with the same settings, seed and data, as far along, is the same run,
    wherever it lies and however often it was found: it is no second draw of anything.
    """
    first: dict[tuple, MeasuredRun] = {}
    lines = []
    for run in runs:
        kept = first.setdefault((*run.key, run.seed), run)
        if kept is not run:
            differs = "" if _same_rows(kept, run) else ", though it measured other numbers"
            lines.append(f"{run.folder}: the same run as {kept.folder}{differs}; counted once")
    return list(first.values()), lines


def _same_rows(one: MeasuredRun, other: MeasuredRun) -> bool:
    # By their texts: not a number equals itself there.
    return repr(_untimed(one)) == repr(_untimed(other))


def _untimed(run: MeasuredRun) -> list[metrics.Row]:
    return [
        {name: value for name, value in row.items() if name not in metrics.TIMINGS}
        for row in run.rows
    ]


def grouped(runs: Sequence[MeasuredRun]) -> list[Group]:
    """`runs`, none of them twice, in groups sorted by experiment, corruption, settings."""
    groups: dict[tuple, list[MeasuredRun]] = {}
    for run in runs:
        groups.setdefault(run.key, []).append(run)
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
        words = filter(None, (_setting(n, own[n]) for n in names))
        texts[group.key] = printable(", ".join(words)).strip()
    return texts


def _setting(name: str, value: Any) -> str:
    shown = printable(name.replace("_", "-"))
    if isinstance(value, bool):
        return shown if value else ""
    if value is None:
        return f"{shown} {OPTIONS[name].unset if name in OPTIONS else 'none'}"
    if name == "init":
        return f"{shown} {printable(value[:_DIGITS])}"
    parts = value if isinstance(value, list) else [value]
    return " ".join([shown, *map(printable, parts)])
