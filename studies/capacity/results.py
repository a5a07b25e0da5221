"""The runs of the capacity study, by network: what each seed stored at each n."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from memorization.report.runs import MeasuredRun, read_run
from memorization.run.folder import runs_below
from memorization.sweep.kept import runs_kept
from studies.capacity.capacity import Shape
from training_loop import metrics


@dataclass
class Stored:
    """Of one network, by n and then by seed: memorised bits and training error, last step."""

    bits: dict[int, dict[int, float]] = field(default_factory=dict)
    errors: dict[int, dict[int, float]] = field(default_factory=dict)

    def by_size(self, what: str = "bits") -> dict[int, list[float]]:
        """`bits` or `errors` of every n that all seeds have, in the order of the seeds."""
        found: dict[int, dict[int, float]] = getattr(self, what)
        seeds = sorted({seed for of_seeds in found.values() for seed in of_seeds})
        whole = {n: of for n, of in sorted(found.items()) if set(of) == set(seeds)}
        return {n: [of[seed] for seed in seeds] for n, of in whole.items()}


def shape_of(run: MeasuredRun) -> Shape | None:
    """The perceptron of `run`; None where it is none of the study's: norm, bias, random labels."""
    options = run.options
    ordinary = options["network"] == "mlp" and options["norm"] == "batch"
    trained = options["bias"] == "yes" and not options["freeze_weights"]
    # What a teacher labels is not memorised bit by bit, and its runs tell no bits.
    if not (ordinary and trained and options["patterns"]) or options.get("teacher") is not None:
        return None
    _, inputs = options["patterns"]
    return Shape(
        inputs,
        tuple(options["hidden"] or ()),
        options["classes"],
        options["weights"],
        options["activations"],
    )


def read(places: Iterable[Path], epochs: int, lr_start: float = 1e-3) -> dict[Shape, Stored]:
    """What the finished runs at or below `places` stored that have these epochs and this rate.

    Those that a sweep kept (`--kept`) are runs as well.

    Raises UserError where one cannot be read.
    """
    found: dict[Shape, Stored] = {}
    for place in places:
        for run in (*map(read_run, runs_below(place)), *runs_kept(place)):
            shape = shape_of(run)
            told = (run.options["epochs"], run.options["lr_start"])
            finished = run.rows[-1][metrics.EPOCH] == epochs
            if shape is None or not finished or told != (epochs, lr_start):
                continue
            n = run.options["patterns"][0]
            stored = found.setdefault(shape, Stored())
            stored.bits.setdefault(n, {})[run.seed] = run.last(metrics.BITS)
            stored.errors.setdefault(n, {})[run.seed] = run.last(metrics.error("training"))
    return found
