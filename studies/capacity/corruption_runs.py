"""The runs of part 3 of PLAN.md: their errors against the truth, and the intervals of these."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scipy import stats

from foundations.errors import UserError
from memorization.report.runs import MeasuredRun
from studies.capacity.inference import mean_interval, paired
from studies.capacity.results import runs_at
from training_loop import metrics

EXPERIMENT = "cifar10_random_labels"
CONFIDENCE = 0.95
# Training errors, against the labels given, at which networks are compared.
MATCHED = (0.5, 0.25, 0.1)
# A training error that counts as fitted.
FITTED = 0.01
AS_GIVEN, AS_TRUE = "corrupted_as_given", "corrupted_as_true"

# Of a run, a share or an error; None where it has none.
Quantity = Callable[[MeasuredRun], float | None]


@dataclass(frozen=True, order=True)
class Twin:
    """What is binary in a network."""

    weights: str
    activations: str

    def __str__(self) -> str:
        activations = "rectifiers" if self.activations == "relu" else "binary activations"
        return f"{self.weights} weights, {activations}"


@dataclass(frozen=True, order=True)
class Condition:
    """What is trained: a twin, on n images of which a share has labels drawn anew."""

    corruption: float
    n: int
    twin: Twin


# By condition and then by seed.
Runs = Mapping[Condition, Mapping[int, MeasuredRun]]


@dataclass(frozen=True)
class Interval:
    """A mean over seeds, and the ends of its interval; both NaN of one seed."""

    mean: float
    low: float
    high: float

    def text(self, signed: bool = False) -> str:
        """In percent."""
        sign = "+" if signed else ""
        mean = f"{100 * self.mean:{sign}.1f}"
        if math.isnan(self.low):
            return f"{mean} (one seed)"
        return f"{mean} ({100 * self.low:{sign}.1f} to {100 * self.high:{sign}.1f})"


def condition_of(run: MeasuredRun) -> Condition | None:
    """What the finished `run` was trained on; None where part 3 has no such run.

    Other runs of the same experiment do not tell their corrupted images apart.
    """
    options = run.options
    told = options["corruption"] == 0 or AS_GIVEN in run.rows[-1]
    if run.record["experiment"] != EXPERIMENT or options["network"] != "cnn" or not told:
        return None
    if run.rows[-1][metrics.EPOCH] != options["epochs"]:
        return None
    activations = options.get("activations") or "binary"
    twin = Twin(options["weights"], activations)
    return Condition(options["corruption"], run.record["data"]["training"], twin)


def read(places: Iterable[Path]) -> Runs:
    """The runs at or below `places`, in order.

    Raises UserError where one cannot be read, or where two are of the same seed and differ.
    """
    found: dict[Condition, dict[int, MeasuredRun]] = {}
    for run in runs_at(places):
        condition = condition_of(run)
        if condition is None:
            continue
        same = found.setdefault(condition, {}).setdefault(run.seed, run)
        # Those that are kept have fewer digits.
        alike = math.isclose(clean_test_error(same), clean_test_error(run), rel_tol=1e-6)
        if same.settings != run.settings or not alike:
            raise UserError(
                f"{run.folder}: a second run of seed {run.seed}, {condition.twin}, corruption "
                f"{condition.corruption:g}, {condition.n} images, trained otherwise than "
                f"{same.folder}; give the runs of one setting"
            )
    return {of: dict(sorted(found[of].items())) for of in sorted(found)}


def clean_error(row: Mapping[str, float]) -> float:
    """The test error against the truth, 0 to 1; where no label is replaced there is but one."""
    return row.get(metrics.clean_error("test"), row[metrics.error("test")])


def clean_test_error(run: MeasuredRun) -> float:
    """That after the last epoch."""
    return clean_error(run.rows[-1])


def at_training_error(
    rows: Sequence[Mapping[str, float]],
    level: float,
    value: Callable[[Mapping[str, float]], float],
) -> float | None:
    """`value` where the training error first falls to `level`, by linear interpolation.

    Between the first of the `rows` whose training error is at most `level` and the one before it.
    None where no epoch falls so far, or the first has already.
    """
    error = metrics.error("training")
    for before, after in itertools.pairwise(rows):
        if before[error] <= level:
            return None
        if after[error] <= level:
            share = (before[error] - level) / (before[error] - after[error])
            return value(before) + share * (value(after) - value(before))
    return None


def at_level(level: float, value: Callable[[Mapping[str, float]], float] = clean_error) -> Quantity:
    """`at_training_error` as a quantity of runs."""
    return lambda run: at_training_error(run.rows, level, value)


def last(column: str) -> Quantity:
    """`column` after the last epoch; None where there is nothing that it counts."""

    def of(run: MeasuredRun) -> float | None:
        value = run.last(column)
        return None if math.isnan(value) else value

    return of


def steps_to_fit(run: MeasuredRun) -> int | None:
    """Training steps until the end of the first epoch of at most FITTED; None: in none."""
    epoch, steps = run.epochs_to(FITTED), run.steps_of_an_epoch
    return None if epoch is None or steps is None else epoch * steps


def binomial_half(variance: float, images: int) -> float:
    """Half of the normal interval of a mean over `images`, each with this `variance`."""
    return float(stats.norm.ppf((1 + CONFIDENCE) / 2)) * math.sqrt(variance / images)


def share_interval(values: Sequence[float], images: int | None = None) -> Interval:
    """The mean of the seeds' shares and its interval.

    Its half is the root of the sum of two squares: half of the t interval over the seeds, and where
    all seeds are tested on the same `images` half of the binomial interval of so many, whatever the
    number of seeds, which does not make up for few images. Rather too wide than too narrow: as far
    as seeds err on other images each, the spread of the seeds holds that too.
    """
    if len(values) < 2:
        return Interval(values[0], math.nan, math.nan)
    mean, low, high = mean_interval(values, CONFIDENCE)
    half = math.hypot((high - low) / 2, binomial_half(mean * (1 - mean), images) if images else 0.0)
    return Interval(mean, max(0.0, mean - half), min(1.0, mean + half))


def difference_interval(one: Sequence[float], other: Sequence[float], images: int) -> Interval:
    """What the errors `one` exceed `other` by, seed by seed, on the same `images`.

    As `share_interval`, with the variances of both added up, as if either erred wherever it will:
    twins that err on the same images differ by less.
    """
    if len(one) < 2:
        return Interval(one[0] - other[0], math.nan, math.nan)
    of = paired(one, other, CONFIDENCE)
    variance = math.fsum(p * (1 - p) for p in (math.fsum(v) / len(v) for v in (one, other)))
    half = math.hypot((of.high - of.low) / 2, binomial_half(variance, images))
    return Interval(of.mean, of.mean - half, of.mean + half)


def tested_images(of_seeds: Mapping[int, MeasuredRun]) -> int:
    """How many images the runs were all tested on."""
    return min(run.record["data"]["test"] for run in of_seeds.values())
