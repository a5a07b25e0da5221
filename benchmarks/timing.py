"""Timing of alternatives in turn, so that a busy or throttled machine slows all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence


def in_turn(
    alternatives: dict[str, Callable[[], object]], rounds: int, calls: int = 3
) -> dict[str, list[float]]:
    """Seconds per call of each alternative, (rounds,) each.

    A round runs every alternative `calls` times on end and keeps the median: the first of them pays
    for what the one before left in the caches and for threads that it left spinning.
    """
    for call in alternatives.values():
        call()
    seconds: dict[str, list[float]] = {name: [] for name in alternatives}
    for _ in range(rounds):
        for name, call in alternatives.items():
            seconds[name].append(statistics.median(_timed(call) for _ in range(calls)))
    return seconds


def quartiles(samples: Sequence[float]) -> tuple[float, float, float]:
    """First quartile, median and third quartile of two samples or more; of one, itself."""
    if len(samples) == 1:
        return (samples[0],) * 3
    first, median, third = statistics.quantiles(samples, n=4, method="inclusive")
    return first, median, third


def is_noise(samples: Sequence[float]) -> bool:
    """Whether the quartiles lie further apart than a quarter of the median: no ratio is of it."""
    first, median, third = quartiles(samples)
    return third - first > median / 4


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
