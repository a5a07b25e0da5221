"""The five comparisons that PLAN.md named before there were data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from studies.capacity.capacity import Shape, plateau
from studies.capacity.inference import Paired, holm, paired
from studies.capacity.results import Stored


def _middle(weights: str, activations: str) -> Shape:
    return Shape(32, (32, 32), 10, weights, activations)


# What is compared: the first network's bits per weight less the second's.
COMPARISONS: dict[str, tuple[Shape, Shape]] = {
    "float - binary weights, binary activations": (
        _middle("float", "binary"),
        _middle("binary", "binary"),
    ),
    "float - binary weights, rectifiers": (_middle("float", "relu"), _middle("binary", "relu")),
    "rectifiers - binary activations, binary weights": (
        _middle("binary", "relu"),
        _middle("binary", "binary"),
    ),
    "three hidden layers - one, binary": (Shape(32, (32, 32, 32), 10), Shape(32, (32,), 10)),
    "width 128 - width 16, binary": (Shape(128, (128, 128), 10), Shape(16, (16, 16), 10)),
}


@dataclass(frozen=True)
class Compared:
    """A comparison's name, its paired differences in bits per weight, and p as Holm adjusts it."""

    name: str
    difference: Paired
    p: float


def plateau_per_weight(shape: Shape, stored: Stored) -> list[float]:
    """The plateau of `shape` for each seed, in bits per weight; ValueError as `plateau` has it."""
    return [bits / shape.n_weights for bits in plateau(stored.by_size())]


def compared(results: Mapping[Shape, Stored]) -> list[Compared]:
    """All five comparisons; raises ValueError where a network is not there, or its twin's runs ran
    on another kind of processor."""
    differences = []
    for name, shapes in COMPARISONS.items():
        if missing := [shape for shape in shapes if shape not in results]:
            shape = missing[0]
            units = "-".join(map(str, (shape.inputs, *shape.hidden, shape.outputs)))
            raise ValueError(
                f"{name}: no cells of {units}, {shape.weights} weights, {shape.activations}"
            )
        sides = [results[shape] for shape in shapes]
        kinds = {kind for side in sides for of in side.processors.values() for kind in of.values()}
        if len(kinds) > 1:
            raise ValueError(f"{name}: run on {', '.join(sorted(kinds))}; run either side again")
        one, other = (plateau_per_weight(*of) for of in zip(shapes, sides))
        differences.append(paired(one, other))
    adjusted = holm([difference.p for difference in differences])
    return [Compared(*of) for of in zip(COMPARISONS, differences, adjusted)]
