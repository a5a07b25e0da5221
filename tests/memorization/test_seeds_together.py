"""What several seeds say together: intervals of the mean, medians of what some never reached."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from support.runs import SUMMARY

from memorization.report import summary


@pytest.mark.parametrize("n", [2, 3, 10, 200])
def test_the_interval_is_students(n):
    values = np.random.RandomState(n).normal(3, 2, n).tolist()
    low, high = summary.t_interval(values)
    expected = stats.t.interval(0.95, n - 1, loc=np.mean(values), scale=stats.sem(values))
    assert (low, high) == pytest.approx(expected, rel=1e-9)


def test_the_interval_of_nineteen_in_twenty_samples_holds_their_mean():
    samples = np.random.RandomState(0).normal(size=(4000, 3))
    held = [low <= 0 <= high for low, high in map(summary.t_interval, samples.tolist())]
    # Five standard deviations of that share.
    assert abs(np.mean(held) - 0.95) < 5 * math.sqrt(0.95 * 0.05 / len(held))


@pytest.mark.parametrize(
    ("reached", "median"),
    [
        ([7], 7),
        ([None], None),
        ([3, 1, 2], 2),
        ([1, 2], 1),
        ([5, None, 9], 9),
        ([5, None, None], None),
        ([5, None], 5),
        ([None, 8, None, 4, 6], 8),
    ],
)
def test_who_never_got_there_counts_as_later(reached, median):
    assert summary.censored_median(reached) == median
    # That is where the Kaplan-Meier estimate of those still under way first is a half or less.
    observed = [10 if epoch is None else epoch for epoch in reached]
    sample = stats.CensoredData.right_censored(observed, [epoch is None for epoch in reached])
    curve = stats.ecdf(sample).sf
    below = curve.quantiles[curve.probabilities <= 0.5]
    assert (int(below[0]) if len(below) else None) == median


def test_nothing_is_said_of_what_was_not_measured():
    lines = summary.of_values([math.nan, 1.0], lambda value: "" if math.isnan(value) else "x")
    assert list(lines) == list(SUMMARY)
    assert set(lines.values()) == {""}
