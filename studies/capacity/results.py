"""The runs of the capacity study, by network: what each seed stored at each n."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memorization.report.runs import MeasuredRun, read_run
from memorization.run.folder import runs_below
from memorization.sweep.kept import runs_kept
from studies.capacity.capacity import Shape
from training_loop import metrics

EPOCHS, LR_START = 1000, 1e-3


@dataclass(frozen=True)
class Trained:
    """How a cell was trained, where it is not as the plan has all of them: the controls."""

    epochs: int = EPOCHS
    lr_start: float = LR_START
    norm: str = "batch"
    freeze_weights: bool = False
    teacher: bool = False
    batch_statistics: bool = False
    # Labels as the patterns have them, none of them replaced.
    own_labels: bool = False


@dataclass
class Stored:
    """Of one network, by what is told of it, by n and then by seed, what its runs tell.

    `bits` and `errors` at the last step; `best_bits` the most after any epoch that is there, which
    is biased upwards and stands in no claim; `processors` what each ran on.
    """

    bits: dict[int, dict[int, float]] = field(default_factory=dict)
    errors: dict[int, dict[int, float]] = field(default_factory=dict)
    best_bits: dict[int, dict[int, float]] = field(default_factory=dict)
    test_errors: dict[int, dict[int, float]] = field(default_factory=dict)
    batch_errors: dict[int, dict[int, float]] = field(default_factory=dict)
    processors: dict[int, dict[int, Any]] = field(default_factory=dict)

    def by_size(self, what: str = "bits") -> dict[int, list[Any]]:
        """The field `what` of every n that all seeds have, in the order of the seeds."""
        found: dict[int, dict[int, Any]] = getattr(self, what)
        seeds = sorted({seed for of_seeds in found.values() for seed in of_seeds})
        whole = {n: of for n, of in sorted(found.items()) if set(of) == set(seeds)}
        return {n: [of[seed] for seed in seeds] for n, of in whole.items()}

    @property
    def seeds(self) -> int:
        """How many seeds there are."""
        return len({seed for of_seeds in self.errors.values() for seed in of_seeds})


def shape_of(run: MeasuredRun) -> Shape | None:
    """The perceptron of `run`; None where the study's part 1 has no such run."""
    options = run.options
    ordinary = options["network"] == "mlp" and options["bias"] == "yes"
    if not (ordinary and options["patterns"]) or options["optimizer"] != "adam":
        return None
    _, inputs = options["patterns"]
    hidden = tuple(options["hidden"] or ())
    twins = (options["weights"], options["activations"])
    # One output tells two classes apart, by its sign.
    outputs = 1 if options["classes"] == 2 else options["classes"]
    return Shape(inputs, hidden, outputs, *twins)


def trained_of(run: MeasuredRun) -> Trained:
    """How `run` was trained."""
    options = run.options
    planted = options.get("teacher") is not None
    return Trained(
        options["epochs"],
        options["lr_start"],
        options["norm"],
        options["freeze_weights"],
        planted,
        bool(options.get("batch_statistics")),
        options["corruption"] == 0 and not planted,
    )


def runs_at(places: Iterable[Path]) -> Iterator[MeasuredRun]:
    """All runs at or below `places`, those that a sweep kept (`--kept`) among them.

    Raises UserError where one cannot be read.
    """
    for place in places:
        yield from map(read_run, runs_below(place))
        yield from runs_kept(place)


def read_all(places: Iterable[Path]) -> dict[Trained, dict[Shape, Stored]]:
    """What the finished runs at or below `places` stored; raises as `runs_at` does."""
    found: dict[Trained, dict[Shape, Stored]] = {}
    for run in runs_at(places):
        shape = shape_of(run)
        if shape is None or run.rows[-1][metrics.EPOCH] != run.options["epochs"]:
            continue
        stored = found.setdefault(trained_of(run), {}).setdefault(shape, Stored())
        n = run.options["patterns"][0]
        most = max((row.get(metrics.BITS, math.nan) for row in run.rows), default=math.nan)
        told: tuple[tuple[dict[int, dict[int, Any]], Any], ...] = (
            (stored.bits, run.last(metrics.BITS)),
            (stored.errors, run.last(metrics.error("training"))),
            (stored.best_bits, most),
            (stored.test_errors, run.last(metrics.error("test"))),
            (stored.batch_errors, run.last(metrics.BATCH_STATISTICS_ERROR)),
            (stored.processors, processor_of(run)),
        )
        for by_size, value in told:
            by_size.setdefault(n, {})[run.seed] = value
    return found


def read(
    places: Iterable[Path], epochs: int = EPOCHS, lr_start: float = LR_START
) -> dict[Shape, Stored]:
    """Those of `read_all` that were trained as the plan has all, for so long and at such a rate."""
    return read_all(places).get(Trained(epochs, lr_start), {})


def processor_of(run: MeasuredRun) -> str:
    """The processor that `run` was trained on, the last of several."""
    environments = run.record.get("environments") or [{}]
    return str(environments[-1].get("environment", {}).get("processor", "unknown"))
