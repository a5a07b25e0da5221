"""Writes the definition files of the capacity study that follow from a rule: `cells/*.txt`.

    python -m studies.capacity.define

The sweep reads them (`--cells`); PLAN.md says with what. The rule: n in steps of 1.3 from half of
what pilots suggest a network stores, to four times that, with float weights to twice. What the
pilots measured is used here alone, to place the grid.
"""

from __future__ import annotations

import math
from pathlib import Path

from studies.capacity.capacity import Shape
from studies.capacity.exact_runs import NETWORKS

CELLS = Path(__file__).resolve().parent / "cells"

CLASSES = 10
# Bits a weight, by weights and activations.
EXPECTED = {
    ("binary", "binary"): 0.11,
    ("binary", "relu"): 0.2,
    ("float", "binary"): 0.9,
    ("float", "relu"): 1.7,
}
STEP = 1.3
LEVELS = {"binary": 9, "float": 6}
BATCH = 50
# Depth at width 32, width at two hidden layers; not the product of both.
HIDDEN: dict[int, list[tuple[int, ...]]] = {
    32: [(), (32,), (32, 32), (32, 32, 32)],
    16: [(16, 16)],
    64: [(64, 64)],
    128: [(128, 128)],
}
# The level that is the expected limit, within a step.
AT_LIMIT = 3
# The networks that are searched exactly: from so many patterns a weight, to about one.
SEARCHED_LEAST, SEARCHED_LEVELS = 0.15, 8
# The networks whose labels a teacher of the same shape tells, too.
PLANTED: list[tuple[int, ...]] = [(16, 16), (32, 32), (64, 64)]


def shapes(weights: str, activations: str) -> list[Shape]:
    """All perceptrons of a twin; without a hidden layer there are no activations to tell apart."""
    return [
        Shape(width, hidden, CLASSES, weights, activations)
        for width, several in HIDDEN.items()
        for hidden in several
        if hidden or activations == "binary"
    ]


def sizes(shape: Shape) -> list[tuple[int, int]]:
    """(n, size of the batches) of every level: about BATCH, and n a multiple of it."""
    bits = EXPECTED[shape.weights, shape.activations] * shape.n_weights
    return in_steps(0.5 * bits / math.log2(CLASSES), LEVELS[shape.weights])


def in_steps(least: float, levels: int) -> list[tuple[int, int]]:
    """(n, size of the batches) of so many levels from `least` on."""
    found = {}
    for level in range(levels):
        n = STEP**level * least
        batches = max(1, round(n / BATCH))
        size = max(2, round(n / batches))
        found[batches * size] = size
    return sorted(found.items())


def line(shape: Shape, n: int, size: int, more: str = "") -> str:
    """The grid of a single cell but for its seeds, as the sweep reads it."""
    hidden = " ".join(map(str, shape.hidden)) or "none"
    return (
        f'weights={shape.weights} activations={shape.activations} hidden="{hidden}" '
        f'patterns="{n} {shape.inputs}" batch-size={size}{more}'
    )


def teacher(shape: Shape) -> str:
    """The teacher that is a network of this shape."""
    return f'teacher="{" ".join(map(str, shape.hidden))}"'


def rates(times: float) -> str:
    """The first and the last learning rate, `times` those of the plan."""
    return f" lr-start={1e-3 * times:g} lr-fin={1e-5 * times:g}"


def files() -> dict[str, list[str]]:
    """The lines of every file by its name."""
    found: dict[str, list[str]] = {}
    controls, longer = [], []
    for weights, activations in EXPECTED:
        of_twin = shapes(weights, activations)
        found[f"capacity-{weights}-{activations}.txt"] = [
            line(shape, n, size, " epochs=1000" + rates(1))
            for shape in of_twin
            for n, size in sizes(shape)
        ]
        (middle,) = (shape for shape in of_twin if shape.hidden == (32, 32))
        n, size = sizes(middle)[AT_LIMIT]
        controls += [
            line(middle, n, size, f" epochs=1000 norm=frozen{rates(1)}"),
            line(middle, n, size, f" epochs=1000 freeze-weights=yes{rates(1)}"),
            *(line(middle, n, size, f" epochs=1000{rates(times)}") for times in (0.1, 3)),
            line(middle, n, size, f" epochs=1000 batch-statistics=yes{rates(1)}"),
        ]
        for shape in of_twin:
            if shape.hidden in ((16, 16), (128, 128)):
                n, size = sizes(shape)[AT_LIMIT]
                longer.append(line(shape, n, size, " epochs=3000" + rates(1)))
    planted = [
        line(shape, n, size, f" {teacher(shape)} corruption=0 epochs=1000{rates(1)}")
        for shape in shapes("binary", "binary")
        if shape.hidden in PLANTED
        for n, size in sizes(shape)
    ]
    searched = [
        line(shape, n, size, " epochs=1000" + rates(1))
        for inputs, hidden, _ in NETWORKS
        for shape in [Shape(inputs, hidden, 1)]
        for n, size in in_steps(SEARCHED_LEAST * shape.n_weights, SEARCHED_LEVELS)
    ]
    found |= {"controls.txt": controls, "planted.txt": planted, "three-times.txt": longer}
    return {**found, "searched.txt": searched}


def main() -> None:
    for name, lines in files().items():
        text = "\n".join([f"# Written by {Path(__file__).name}.", *lines, ""])
        (CELLS / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
