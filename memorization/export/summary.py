"""python -m memorization summary RUN: what a trained network is made of, layer by layer.

RUN is the folder of a run, its .npz of parameters, or one of BinaryNet's own. Of every layer: the
shape of what it gives, how many of its parameters are binary (their signs alone are used) and how
many real, how many bits all of them take at one for a binary and 32 for a real one, how many
multiply-adds one image costs, and the share of its weights that are positive (0 counts as positive,
as in the evaluation).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from memorization import command_line
from memorization.export import foreign, untold
from memorization.export.network import Layer, TrainedNetwork

HEADINGS = ("layer", "shape", "binary", "real", "bits", "multiply-adds", "positive")


def rows(network: TrainedNetwork) -> list[tuple[str, ...]]:
    """The table's lines under `HEADINGS`: one for each layer, and one for all of them."""
    lines, totals, positive, weights = [], np.zeros(4, np.int64), 0, 0
    for number, layer in enumerate(network.layers, 1):
        counts = _counts(layer)
        totals += counts
        W = layer.parameters["W"]
        here = int(np.count_nonzero(W >= 0))
        positive, weights = positive + here, weights + W.size
        kind = "convolution" if layer.convolutional else "dense"
        shape = " x ".join(map(str, layer.output_shape))
        share = f"{100 * here / W.size:.2f}%"
        lines.append((f"{number} {kind}", shape, *(f"{n:,}" for n in counts), share))
    share = f"{100 * positive / weights:.2f}%"
    return [*lines, ("all", "", *(f"{n:,}" for n in totals), share)]


def _counts(layer: Layer) -> tuple[int, int, int, int]:
    """Binary parameters, real ones, bits, multiply-adds."""
    W = layer.parameters["W"]
    every = sum(array.size for array in layer.parameters.values())
    binary = W.size if layer.binary else 0
    return binary, every - binary, binary + 32 * (every - binary), W.size * layer.places


def main(argv: Sequence[str] | None = None) -> None:
    parser = command_line.ArgumentParser("python -m memorization summary", __doc__)
    parser.add_argument("run", type=Path, metavar="RUN", help="the folder of a run, or its .npz")
    untold.add_options(parser)
    chosen = parser.parse_args(argv)
    table = [HEADINGS, *rows(foreign.network_of(chosen.run, chosen))]
    widths = [max(map(len, column)) for column in zip(*table)]
    for line in table:
        texts = [line[0].ljust(widths[0]), *(t.rjust(w) for t, w in zip(line[1:], widths[1:]))]
        print("  ".join(texts).rstrip())
