"""The load at which half of the seeds are solved, against curves that are known or counted."""

from __future__ import annotations

import math

import numpy as np
import pytest

from studies.capacity.logistic import half_solved, logistic_fits

LOADS = [0.3, 0.4, 0.5, 0.6, 0.7]


def counted(*counts, of=20):
    """Which of `of` seeds are solved at each load, the first of them first."""
    return np.arange(of) < np.array(counts)[:, None]


def test_two_loads_have_the_shares_of_firth():
    # As many parameters as loads: each share is (k + 1/2) / (n + 1).
    ((intercept,), (slope,)) = logistic_fits(np.array([0.4, 0.6]), np.array([[15, 2]]), 20)
    for load, share in ((0.4, 15.5 / 21), (0.6, 2.5 / 21)):
        logit = intercept + slope * load
        assert 1 / (1 + math.exp(-logit)) == pytest.approx(share, abs=1e-6)


def test_many_seeds_of_a_known_curve():
    shares = 1 / (1 + np.exp(40 * (np.array(LOADS) - 0.53)))
    solved = np.random.default_rng(1).random((5, 4000)) < shares[:, None]
    found = half_solved(LOADS, solved)
    assert found.load == pytest.approx(0.53, abs=0.004)
    assert found.slope == pytest.approx(-40, rel=0.1)
    assert found.low < 0.53 < found.high < found.low + 0.01
    np.testing.assert_allclose(found.share(LOADS), shares, atol=0.02)


def test_shares_that_mirror_each_other_are_a_half_in_the_middle():
    found = half_solved(LOADS, counted(20, 15, 10, 5, 0))
    assert found.load == pytest.approx(0.5, abs=1e-6)
    assert found.within and found.low < 0.5 < found.high


@pytest.mark.slow
def test_the_interval_holds_the_load_of_half_in_nineteen_of_twenty_samples():
    rng = np.random.default_rng(2)
    shares = 1 / (1 + np.exp(25 * (np.array(LOADS) - 0.5)))
    held = []
    for _ in range(60):
        found = half_solved(LOADS, rng.random((5, 20)) < shares[:, None])
        held.append(found.low <= 0.5 <= found.high)
    # The bootstrap of twenty seeds falls a little short.
    assert np.mean(held) >= 0.85


def test_seeds_are_drawn_whole():
    # Of the same counts, where a seed is solved at all loads or at none, the interval is wider.
    good = np.tile(np.arange(20) < 10, (5, 1))
    apart = np.stack([np.roll(of, 4 * n) for n, of in enumerate(good)])
    good[0], good[4], apart[0], apart[4] = True, False, True, False
    together, mixed = half_solved(LOADS, good), half_solved(LOADS, apart)
    assert together.load == pytest.approx(mixed.load)
    assert together.high - together.low > 1.5 * (mixed.high - mixed.low)


def test_where_no_load_is_mixed_the_interval_is_the_gap():
    found = half_solved(LOADS, counted(20, 20, 0, 0, 0))
    assert (found.low, found.high) == (0.4, 0.5)
    assert found.load == pytest.approx(0.45, abs=1e-6)
    assert str(found) == "0.450 [0.400, 0.500]"


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ((20, 20, 20, 20, 20), ">=0.700 [>=0.700, >=0.700]"),
        ((0, 0, 0, 0, 0), "<=0.300 [<=0.300, <=0.300]"),
        ((20, 20, 20, 20, 12), ">=0.700 [0.69"),
        ((4, 0, 0, 0, 0), "<=0.300 [<=0.300, <=0.300]"),
    ],
)
def test_what_lies_beyond_the_loads_is_put_at_their_end(counts, told):
    found = half_solved(LOADS, counted(*counts))
    assert not found.within
    assert str(found).startswith(told)
