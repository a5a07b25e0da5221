"""Draws what networks stored against how much they were given, from the runs themselves.

    python -m studies.capacity.draw RUNS... [--epochs 1000] [--output capacity.png]

A panel for each twin: memorised bits at the last step per weight, mean and range of the seeds,
against the bits of the labels per weight, a line for each network. The dashed line is all that
labels tell. Beside it on the terminal: plateau, n_max and the bound of each network.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from studies.capacity.capacity import Shape, bound_per_weight, n_max, plateau
from studies.capacity.results import Stored, read

TWINS = [(w, a) for w in ("binary", "float") for a in ("binary", "relu")]


def name_of(shape: Shape) -> str:
    """The units of its layers: 32-32-32-10."""
    return "-".join(map(str, (shape.inputs, *shape.hidden, shape.outputs)))


def table(results: Mapping[Shape, Stored]) -> list[str]:
    """A line for each network: mean plateau a weight, n_max, the bound a weight."""
    lines = []
    for shape, stored in results.items():
        bits = stored.by_size()
        several = len(next(iter(bits.values()), [])) > 1
        mean = math.fsum(of := plateau(bits)) / len(of) / shape.n_weights if several else math.nan
        lines.append(
            f"{name_of(shape)} {shape.weights} {shape.activations}: {mean:.4f} bits a weight, "
            f"n_max {n_max(stored.by_size('errors'))}, bound {bound_per_weight(shape):.3f}"
        )
    return lines


def figure(results: Mapping[Shape, Stored]):
    """Matplotlib's figure of `results`."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(9, 7), layout="constrained")
    for (weights, activations), axes in zip(TWINS, drawn.subplots(2, 2).flat):
        axes.set_title(f"{weights} weights, {activations} activations", fontsize=10)
        axes.set_xlabel("bits of the labels per weight")
        axes.set_ylabel("memorised bits per weight")
        reach = 0.0
        for shape, stored in results.items():
            if (shape.weights, shape.activations) != (weights, activations):
                continue
            by_size = stored.by_size()
            given = [n * math.log2(shape.outputs) / shape.n_weights for n in by_size]
            kept = [[b / shape.n_weights for b in of] for of in by_size.values()]
            means = [math.fsum(of) / len(of) for of in kept]
            (line,) = axes.plot(given, means, "o-", markersize=3, label=name_of(shape))
            low, high = zip(*((min(of), max(of)) for of in kept))
            axes.fill_between(given, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
            reach = max(reach, *high)
        if reach:
            axes.plot([0, reach], [0, reach], "k--", linewidth=0.8, label="all that labels tell")
            axes.legend(fontsize=7)
    return drawn


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m studies.capacity.draw")
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--epochs", type=int, default=1000)
    parser.add_argument("--output", type=Path, default=Path("capacity.png"))
    chosen = parser.parse_args(argv)
    results = read(chosen.runs, chosen.epochs)
    if not results:
        parser.error(f"no finished run of {chosen.epochs} epochs of the study's networks there")
    print("\n".join(table(results)))
    figure(results).savefig(chosen.output, dpi=150)


if __name__ == "__main__":
    main()
