"""What a network has stored, against networks and tables that can be counted out."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from studies.capacity.capacity import (
    Shape,
    bound_per_weight,
    log2_regions,
    n_max,
    plateau,
    stored_bits,
    symmetry_bits,
    threshold_bits,
)


def test_n_max_is_the_largest_that_three_of_five_solve():
    errors = {
        10: [0, 0, 0, 0, 0],
        13: [0, 0, 0, 0.1, 0.2],
        17: [0, 0, 0.1, 0.1, 0.1],
    }
    assert n_max(errors) == 13
    assert n_max(errors, least=2) == 17
    assert n_max({17: errors[17]}) is None
    assert n_max({}) is None


def test_a_seed_has_no_say_in_the_n_of_its_own_plateau():
    # The outlier 90 decides the n of the others, and never its own.
    bits = {10: [5, 5, 5], 20: [6, 7, 8], 30: [90, 0, 1]}
    assert plateau(bits) == [6, 0, 1]
    with pytest.raises(ValueError, match="two seeds"):
        plateau({10: [5]})
    with pytest.raises(ValueError):
        plateau({10: [5, 6], 20: [5]})


@pytest.mark.parametrize(("width", "weights"), [(16, 672), (32, 2368), (64, 8832), (128, 34048)])
def test_the_weights_of_the_plan_s_shapes(width, weights):
    assert Shape(width, (width, width), 10).n_weights == weights


def test_a_hidden_unit_has_as_many_thresholds_as_it_can_tell_apart():
    # Of 3 inputs the sums are -3, -1, 1, 3: on or off for ever, or three places between.
    sums = {sum(x) for x in itertools.product((-1, 1), repeat=3)}
    told_apart = {tuple(s >= t for s in sorted(sums)) for t in np.arange(-5, 5.5, 0.5)}
    outputs = threshold_bits(Shape(3, (), 2))
    one_unit = threshold_bits(Shape(3, (1,), 2)) - threshold_bits(Shape(1, (), 2))
    assert 2**one_unit == pytest.approx(len(told_apart)) == 5
    assert outputs > 0


def test_regions_of_lines_through_the_origin():
    # n lines cut the plane into 2 n; 3 planes cut space into 8.
    assert [2 ** log2_regions(n, 2) for n in (1, 2, 3, 7)] == pytest.approx([2, 4, 6, 14])
    assert 2 ** log2_regions(3, 3) == pytest.approx(8)


def test_no_two_outputs_tell_more_apart_than_the_bound_counts():
    # a s + c against a' s' + c' on the sums of one input, over many random numbers.
    sums = [-1, 1]
    rng = np.random.default_rng(0)
    found = {
        tuple(a * s + c >= b * t + d for s in sums for t in sums)
        for a, b, c, d in rng.normal(size=(20000, 4))
    }
    assert math.log2(len(found)) <= threshold_bits(Shape(1, (), 2))


def function_of(weights, thresholds, outputs):
    """The signs of a 2-2-1 network of +1 and -1 on all four inputs."""
    told = []
    for x in itertools.product((-1, 1), repeat=2):
        hidden = [1 if np.dot(w, x) >= t else -1 for w, t in zip(weights, thresholds)]
        told.append(np.dot(outputs, hidden) >= 0)
    return tuple(told)


def test_networks_of_one_orbit_are_one_function():
    weights, thresholds, outputs = [(1, -1), (1, 1)], [1, -1], (1, -1)
    expected = function_of(weights, thresholds, outputs)
    orbit = set()
    for order in itertools.permutations(range(2)):
        for signs in itertools.product((-1, 1), repeat=2):
            # s >= t is -(-s >= 1 - t) of sums that are whole and even.
            w = [tuple(signs[i] * v for v in weights[i]) for i in order]
            t = [thresholds[i] if signs[i] > 0 else 1 - thresholds[i] for i in order]
            v = tuple(signs[i] * outputs[i] for i in order)
            assert function_of(w, t, v) == expected
            orbit.add((tuple(w), v))
    assert math.log2(len(orbit)) == symmetry_bits(Shape(2, (2,), 1)) == 3


def test_bits_of_memory_and_the_bound_on_what_is_stored():
    binary = Shape(32, (32, 32), 10)
    assert stored_bits(binary) == pytest.approx(2368 + threshold_bits(binary))
    # Permutations and flips of two layers of 32 take 2 (117.66 + 32) of them.
    assert symmetry_bits(binary) == pytest.approx(2 * (117.66 + 32), abs=0.01)
    assert bound_per_weight(binary) == pytest.approx(
        (2368 + threshold_bits(binary) - 299.32) / 2368, abs=1e-4
    )
    floats = Shape(32, (32, 32), 10, "float", "relu")
    assert stored_bits(floats) == 32 * 2368 + 64 * (32 + 32 + 10)
    assert symmetry_bits(floats) == pytest.approx(2 * 117.66, abs=0.01)
