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

from memorization.report import style
from studies.capacity.capacity import Shape, bound_per_weight, n_max, plateau
from studies.capacity.results import EPOCHS, Stored, read
from studies.capacity.tables import name_of

TITLES = {"binary": "binary activations", "relu": "rectifiers"}
TWINS = [(w, a) for w in ("binary", "float") for a in ("binary", "relu")]


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


def draw(results: Mapping[Shape, Stored], path: Path, formats: Sequence[str]) -> list[Path]:
    """The figure of `results` as `path` with each ending of `formats`; the files' paths."""
    # The same network has one look in every panel.
    shapes = sorted({(s.inputs, s.hidden) for s in results}, key=lambda s: (len(s[1]), s[0]))
    looks = {shape: style.series(number) for number, shape in enumerate(shapes)}
    with style.drawing(9, 7.4) as drawn:
        for twin, axes in zip(TWINS, drawn.subplots(2, 2).flat):
            of_twin = {s: r for s, r in results.items() if (s.weights, s.activations) == twin}
            axes.set_title(f"{twin[0]} weights, {TITLES[twin[1]]}")
            axes.set_xlabel("bits of the labels per weight")
            axes.set_ylabel("memorised bits per weight")
            reach = 0.0
            for shape, stored in sorted(of_twin.items(), key=lambda item: item[0].n_weights):
                by_size = stored.by_size()
                given = [n * math.log2(shape.outputs) / shape.n_weights for n in by_size]
                kept = [[b / shape.n_weights for b in of] for of in by_size.values()]
                means = [math.fsum(of) / len(of) for of in kept]
                look = looks[shape.inputs, shape.hidden]
                axes.plot(given, means, label=name_of(shape), **look.line(len(given)))
                low, high = zip(*((min(of), max(of)) for of in kept))
                axes.fill_between(given, low, high, color=look.color, alpha=0.15, linewidth=0)
                reach = max(reach, *high)
            if of_twin:
                axes.plot([0, reach], [0, reach], "--", color=style.GREY, label="all of the labels")
                axes.legend(fontsize=7)
        return style.save(drawn, path, formats)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m studies.capacity.draw")
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--output", type=Path, default=Path("capacity.png"))
    chosen = parser.parse_args(argv)
    ending = chosen.output.suffix[1:]
    if ending not in style.FORMATS:
        parser.error(f"--output {chosen.output}: its ending is one of {', '.join(style.FORMATS)}")
    results = read(chosen.runs, chosen.epochs)
    if not results:
        parser.error(f"no finished run of {chosen.epochs} epochs of the study's networks there")
    print("\n".join(table(results)))
    draw(results, chosen.output.with_suffix(""), [ending])


if __name__ == "__main__":
    main()
