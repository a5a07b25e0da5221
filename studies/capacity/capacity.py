"""What a network has stored: the largest set without an error, the plateau of its bits, bounds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Of a float32.
FLOAT_BITS = 32


@dataclass(frozen=True)
class Shape:
    """A perceptron: its inputs, the units of its hidden layers, its outputs, its two twins.

    `weights`: binary or float; `activations`: binary or relu. Every layer has a batch norm.
    """

    inputs: int
    hidden: tuple[int, ...]
    outputs: int
    weights: str = "binary"
    activations: str = "binary"

    @property
    def layers(self) -> list[tuple[int, int]]:
        """(fan-in, units) of each layer of weights."""
        units = [self.inputs, *self.hidden, self.outputs]
        return list(itertools.pairwise(units))

    @property
    def n_weights(self) -> int:
        """Weights, biases and norm not counted."""
        return sum(fan_in * units for fan_in, units in self.layers)


def n_max(errors: Mapping[int, Sequence[float]], least: int = 3) -> int | None:
    """The largest n at which at least `least` seeds have no error; None where there is none.

    `errors`: by n the training errors at the last step, a seed each.
    """
    solved = [n for n, of_seeds in errors.items() if sum(e == 0 for e in of_seeds) >= least]
    return max(solved, default=None)


def plateau(bits: Mapping[int, Sequence[float]]) -> list[float]:
    """For each seed its bits at the n at which the other seeds' mean is largest.

    `bits`: by n those of every seed, in one order. The seed itself has no say in its n, so that the
    largest of many noisy numbers is not taken for the number. Raises ValueError where an n lacks
    seeds, or there is one seed alone.
    """
    (count,) = {len(of_seeds) for of_seeds in bits.values()} or {0}
    if count < 2:
        raise ValueError("the other seeds choose n: two seeds are the fewest")

    def mean_of_others(n: int, seed: int) -> float:
        return math.fsum(b for other, b in enumerate(bits[n]) if other != seed) / (count - 1)

    return [bits[max(bits, key=lambda n: mean_of_others(n, seed))][seed] for seed in range(count)]


def threshold_bits(shape: Shape) -> float:
    """The bits that biases and norms of `shape` store besides its weights, at most.

    Of binary weights and activations, inputs +1 and -1: a hidden unit of fan-in m sums to one of m
    + 1 whole numbers, and bias and norm fold into a threshold, m + 2 places (its direction is a
    flip of the weights); a single output likewise. K outputs are compared as a_k s_k + c_k: each
    pair of classes with each pair of sums is a plane through 0 in the 2 K numbers, and what the
    outputs can tell apart is no more than the regions that all planes cut. All else keeps a scale
    and a shift of float32 for each unit.
    """
    if (shape.weights, shape.activations) != ("binary", "binary"):
        return 2.0 * FLOAT_BITS * sum(units for _, units in shape.layers)
    *hidden, (fan_in, outputs) = shape.layers
    if outputs == 1:
        return sum(units * math.log2(m + 2) for m, units in shape.layers)
    bits = sum(units * math.log2(m + 2) for m, units in hidden)
    planes = math.comb(outputs, 2) * (fan_in + 1) ** 2
    return bits + log2_regions(planes, 2 * outputs)


def log2_regions(planes: int, dimensions: int) -> float:
    """log2 of the regions that `planes` planes through 0 cut `dimensions` dimensions into, at most.

    2 (C(n - 1, 0) + ... + C(n - 1, d - 1)); Cover 1965, Schlaefli before him.
    """
    return math.log2(2 * sum(math.comb(planes - 1, i) for i in range(dimensions)))


def symmetry_bits(shape: Shape) -> float:
    """log2 of the networks of `shape` that are one function: hidden units permuted, signs flipped.

    A unit of +1 and -1 may change its sign with those of its weights, in and out; a rectifier may
    not.
    """
    flips = 1.0 if shape.activations == "binary" else 0.0
    return sum(math.log2(math.factorial(units)) + flips * units for units in shape.hidden)


def stored_bits(shape: Shape) -> float:
    """The bits of memory of `shape`: its weights, and what biases and norms fold into."""
    a_weight = 1 if shape.weights == "binary" else FLOAT_BITS
    return shape.n_weights * a_weight + threshold_bits(shape)


def bound_per_weight(shape: Shape) -> float:
    """The bits that any training of `shape` can store, divided by its weights, at most."""
    return (stored_bits(shape) - symmetry_bits(shape)) / shape.n_weights
