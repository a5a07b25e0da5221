"""What the runs of several seeds say together: mean, deviation, interval; median of epochs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

CONFIDENCE = 0.95

# What is written for an epoch that did not come.
NEVER = "never"

# The lines below the runs of a group.
DEVIATION = "standard deviation"
# Two numbers, each in a cell of its own, where whoever reads the CSV can go on with it.
LOW, HIGH = f"{CONFIDENCE:.0%} interval from", f"{CONFIDENCE:.0%} interval to"
MEDIAN = "median"


def mean_title(n: int) -> str:
    """What the line of means over `n` runs is called."""
    return f"mean of {n}"


def t_interval(values: Sequence[float]) -> tuple[float, float]:
    """The interval of Student's t for the mean of a sample of at least two, from low to high.

    It is as wide as the sample says, whatever range its values can have. NaN where one of them is.
    """
    if any(map(math.isnan, values)):
        return math.nan, math.nan
    # Late: it takes a fifth of the time in which a script says what is wrong with its options.
    from scipy.special import stdtrit

    n = len(values)
    quantile = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2))
    half = quantile * statistics.stdev(values) / math.sqrt(n)
    mean = statistics.fmean(values)
    return mean - half, mean + half


def censored_median(reached: Sequence[int | None]) -> int | None:
    """The first epoch by which at least half of the runs had got there; None where fewer ever did.

    `reached` are the runs' first epochs, None of those that did not get there within their epochs:
    they count as later than all of these (censored), not as if they had not been run.
    """
    epochs = sorted(epoch for epoch in reached if epoch is not None)
    needed = (len(reached) + 1) // 2
    return epochs[needed - 1] if len(epochs) >= needed else None


def of_values(values: Sequence[float], text: Callable[[float], str]) -> dict[str, str]:
    """The lines over a quantity's `values`, at least two, written by `text`; no median."""
    mean, (low, high) = statistics.fmean(values), t_interval(values)
    deviation = math.nan if math.isnan(mean) else statistics.stdev(values)
    return {
        mean_title(len(values)): text(mean),
        DEVIATION: text(deviation),
        LOW: text(low),
        HIGH: text(high),
        MEDIAN: "",
    }


def of_epochs(reached: Sequence[int | None]) -> dict[str, str]:
    """The lines over the first epochs at which runs, two or more, got somewhere; None: never.

    There are no mean, deviation and interval where one did not: in the mean's place stands how many
    did, and the median counts the others as later.
    """
    got_there = [float(epoch) for epoch in reached if epoch is not None]
    if len(got_there) == len(reached):
        lines = of_values(got_there, "{:.1f}".format)
    else:
        how_many = f"{len(got_there)} of {len(reached)} reached"
        lines = {mean_title(len(reached)): how_many, DEVIATION: "", LOW: "", HIGH: ""}
    median = censored_median(reached)
    return {**lines, MEDIAN: NEVER if median is None else str(median)}
