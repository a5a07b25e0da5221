"""The study's statistics against examples that were counted by hand or stand in tables."""

from __future__ import annotations

import pytest

from studies.capacity.inference import holm, paired


def test_the_interval_of_paired_differences_is_student_s():
    # Differences 1, 2, 3, 4, 5: mean 3, deviation sqrt(2.5), t(0.975, 4) = 2.776 of the tables.
    found = paired([11, 22, 33, 44, 55], [10, 20, 30, 40, 50])
    half = 2.776 * (2.5 / 5) ** 0.5
    assert found.mean == 3
    assert found.low == pytest.approx(3 - half, abs=1e-3)
    assert found.high == pytest.approx(3 + half, abs=1e-3)
    # t = 3 / sqrt(0.5) = 4.243, between 3.747 (p 0.02) and 4.604 (p 0.01).
    assert 0.01 < found.p < 0.02


def test_the_interval_ends_at_0_where_p_is_one_in_twenty():
    # Mean 2.776 * deviation / sqrt(5).
    differences = [-2, -1, 0, 1, 2]
    shift = 2.7764451 * (2.5 / 5) ** 0.5
    found = paired([d + shift for d in differences], [0] * 5)
    assert found.low == pytest.approx(0, abs=1e-5)
    assert found.p == pytest.approx(0.05, abs=1e-5)


def test_differences_of_one_number_are_that_number():
    assert paired([3, 4, 5], [1, 2, 3]) == paired([2, 2, 2], [0, 0, 0])
    assert paired([3, 4, 5], [1, 2, 3]).low == 2 and paired([3, 4, 5], [1, 2, 3]).p == 0
    assert paired([1, 2], [1, 2]).p == 1


@pytest.mark.parametrize(
    ("one", "other"), [([1], [2]), ([], []), ([1, 2], [1]), ([1, float("nan")], [0, 0])]
)
def test_what_cannot_be_paired_is_refused(one, other):
    with pytest.raises(ValueError, match="pair"):
        paired(one, other)


@pytest.mark.parametrize(
    ("p_values", "adjusted"),
    [
        # 4 * 0.005, 3 * 0.01, 2 * 0.03, 1 * 0.04 raised to the one before.
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.5, 0.6], [1.0, 1.0]),
        ([0.2], [0.2]),
        ([], []),
        ([0.01, 0.01], [0.02, 0.02]),
    ],
)
def test_holm(p_values, adjusted):
    assert holm(p_values) == pytest.approx(adjusted)
