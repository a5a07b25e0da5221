"""The load at which half of the seeds are solved: a logistic curve, an interval over the seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
CONFIDENCE = 0.95
# Of Fisher's scoring: at most so many steps, none of more than that in a logit, until all of them
# are less than that.
_STEPS, _LONGEST, _SHORTEST = 500, 3.0, 1e-6


@dataclass(frozen=True)
class Half:
    """The load at which half of the seeds are solved, with its interval and the curve's slope.

    What lies beyond the loads that were tried, `least` to `most`, is put at their end.
    """

    load: float
    low: float
    high: float
    slope: float
    intercept: float
    least: float
    most: float

    @property
    def within(self) -> bool:
        """Whether it lies within the loads that were tried."""
        return self.least < self.load < self.most

    def share(self, loads: np.ndarray) -> np.ndarray:
        """The fitted share of the seeds that are solved at `loads`."""
        return _share(self.intercept + self.slope * np.asarray(loads))

    def __str__(self) -> str:
        return f"{self._at(self.load)} [{self._at(self.low)}, {self._at(self.high)}]"

    def _at(self, load: float) -> str:
        if self.least < load < self.most:
            return f"{load:.3f}"
        return f"<={self.least:.3f}" if load <= self.least else f">={self.most:.3f}"


def half_solved(loads: Sequence[float], solved: np.ndarray, seed: int = 0) -> Half:
    """Fit the share of the seeds that are solved at `loads` (L,); `solved` (L, seeds) of bool.

    The interval is the bootstrap's: seeds are drawn anew with replacement, each with its outcome at
    every load, RESAMPLES times by numpy's generator of `seed`. Where all seeds or none are solved
    at each load, it is the two loads that the half lies between: nothing tells more.
    """
    x = np.asarray(loads, np.float64)
    seeds = solved.shape[1]
    drawn = np.random.default_rng(seed).integers(0, seeds, (RESAMPLES, seeds))
    counts = np.concatenate([solved.T[None], solved.T[drawn]]).sum(axis=1)
    # Many of them are the same.
    counts, places = np.unique(counts, axis=0, return_inverse=True)
    places = places.ravel()
    intercepts, slopes = (of[places] for of in logistic_fits(x, counts, seeds))
    halves = _halves(intercepts, slopes, counts[places] / seeds, x)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(halves[1:], [tail, 1 - tail])
    ends = float(min(loads)), float(max(loads))
    if not np.any(solved.any(axis=1) & ~solved.all(axis=1)) and ends[0] < halves[0] < ends[1]:
        low, high = x[x < halves[0]].max(), x[x > halves[0]].min()
    load, slope, intercept = float(halves[0]), float(slopes[0]), float(intercepts[0])
    return Half(load, float(low), float(high), slope, intercept, *ends)


def logistic_fits(x: np.ndarray, counts: np.ndarray, of: int) -> tuple[np.ndarray, np.ndarray]:
    """Intercepts and slopes (F,) of F logistic curves: `counts` (F, L) of `of` trials at `x` (L,).

    The likelihood is Firth's (1993), with Jeffreys' prior, whose largest value is finite where
    solved and unsolved loads do not overlap too.
    """
    design = np.stack([np.ones_like(x), x - x.mean()])
    found = np.zeros((len(counts), 2))
    for _ in range(_STEPS):
        p = _share(found @ design)
        weights = of * p * (1 - p)
        information = np.einsum("fl,il,jl->fij", weights, design, design)
        inverse = np.linalg.inv(information)
        leverage = weights * np.einsum("il,fij,jl->fl", design, inverse, design)
        score = (counts - of * p + leverage * (0.5 - p)) @ design.T
        steps = np.einsum("fij,fj->fi", inverse, score)
        largest = abs(steps @ design).max(axis=1, keepdims=True)
        found += steps / np.maximum(1, largest / _LONGEST)
        if largest.max() < _SHORTEST:
            break
    return found[:, 0] - found[:, 1] * x.mean(), found[:, 1]


def _halves(intercepts, slopes, shares, x) -> np.ndarray:
    """Where each curve is a half, put at the ends of `x` beyond them or where no curve falls."""
    falls = slopes < 0
    crossing = -intercepts / np.where(falls, slopes, -1.0)
    never = np.where(shares.mean(axis=1) < 0.5, x.min(), x.max())
    return np.clip(np.where(falls, crossing, never), x.min(), x.max())


def _share(logit: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * logit))
