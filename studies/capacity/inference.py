"""Intervals and tests of the capacity study: paired differences over seeds, Holm's correction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Paired:
    """The mean of paired differences, its t interval, and the two-sided p of no difference."""

    mean: float
    low: float
    high: float
    p: float


def paired(one: Sequence[float], other: Sequence[float], confidence: float = 0.95) -> Paired:
    """What `one` exceeds `other` by, seed by seed; the interval of Student's t, n - 1 degrees.

    Where all differences are one number the interval is that number, and p is 1 for 0, else 0.
    Raises ValueError for fewer than two pairs, other lengths, or a number that is not finite.
    """
    if len(one) != len(other):
        raise ValueError(f"{len(one)} values cannot be paired with {len(other)}")
    differences = np.subtract(one, other, dtype=np.float64)
    if len(differences) < 2 or not np.isfinite(differences).all():
        raise ValueError("a paired interval takes two finite differences or more")
    mean = float(differences.mean())
    error = float(differences.std(ddof=1)) / math.sqrt(len(differences))
    if error == 0:
        return Paired(mean, mean, mean, float(mean == 0))
    degrees = len(differences) - 1
    half = float(stats.t.ppf((1 + confidence) / 2, degrees)) * error
    p = 2 * float(stats.t.sf(abs(mean) / error, degrees))
    return Paired(mean, mean - half, mean + half, p)


def mean_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float, float]:
    """The mean of `values` and the ends of its t interval; ValueError as `paired` has it."""
    of = paired(values, [0.0] * len(values), confidence)
    return of.mean, of.low, of.high


def holm(p_values: Sequence[float]) -> list[float]:
    """The p values adjusted for their number as Holm (1979) does, in the order given.

    The i-th smallest of m is multiplied by m - i + 1; none is below a smaller one's, none above 1.
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda n: p_values[n])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted
