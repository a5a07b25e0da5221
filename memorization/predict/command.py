"""python -m memorization predict NETWORK IMAGE...: which classes a network sees in images.

NETWORK is a packed or an ONNX file (python -m memorization export), the folder of a run, its .npz
of parameters, or one that BinaryNet's own scripts saved. IMAGE is a PNG, a JPEG, a .npy array
(channels, rows, columns) or (n, channels, rows, columns), or a folder of such. An image that cannot
be taken is named in a line; the others are told all the same, and the exit code is 2.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from foundations import files
from foundations.errors import UserError
from foundations.reading import printable
from memorization import command_line
from memorization.export import inference, packed, untold
from memorization.export.model import PackedNetwork
from memorization.predict import images

PROGRAM = "python -m memorization predict"

# Images computed, and told, at once.
_STEP = 256


@dataclass(frozen=True)
class Predictor:
    """What predicting takes: the form of the images, the names of the classes, the scores."""

    image_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    scores: Callable[[np.ndarray], np.ndarray]

    @property
    def outputs(self) -> tuple[str, ...]:
        """What each score is called; a single one is that of the second class."""
        return self.class_names if len(self.class_names) != 2 else self.class_names[1:]


def predictor(place: Path, chosen: argparse.Namespace) -> Predictor:
    """The network of an exported file, a run or an `.npz`; UserError where there is none."""
    if place.suffix == ".onnx":
        from memorization.export.onnx_session import OnnxNetwork

        if chosen.activation or chosen.image_shape or chosen.compiled:
            raise UserError(
                f"{printable(place)}: an ONNX file tells its own; leave out --activation, "
                "--image-shape and --compiled"
            )
        exported = OnnxNetwork(place)
        return Predictor(exported.image_shape, exported.class_names, exported.scores)
    if packed.is_packed(place):
        if chosen.activation or chosen.image_shape:
            raise UserError(
                f"{printable(place)}: a packed network tells its own; leave out --activation and "
                "--image-shape"
            )
        network = packed.load(place)
    else:
        # Late: a packed file needs none of it.
        from memorization.export import folding, foreign, twin

        trained = foreign.network_of(place, chosen)
        if not trained.binary:
            if chosen.compiled:
                raise UserError(
                    f"{printable(place)}: weights or activations are not binary; leave out "
                    "--compiled"
                )
            return Predictor(
                trained.architecture.image_shape,
                trained.class_names,
                lambda batch: twin.scores(trained, batch),
            )
        network = folding.fold(trained)
    return Predictor(network.image_shape, network.class_names, _scores(network, chosen.compiled))


def _scores(network: PackedNetwork, compiled: bool) -> Callable[[np.ndarray], np.ndarray]:
    if not compiled:
        return lambda batch: inference.scores(network, batch)
    # Late, as the above: who does not compile does not wait for it.
    from memorization.export.native import NativeNetwork

    threads = len(os.sched_getaffinity(0))
    made = NativeNetwork(network)
    return lambda batch: made.scores(batch, threads)


def main(argv: Sequence[str] | None = None) -> None:
    parser = command_line.ArgumentParser(PROGRAM, __doc__)
    add = parser.add_argument
    add(
        "network",
        type=Path,
        metavar="NETWORK",
        help="a packed or ONNX file, a run's folder, an .npz",
    )
    add("images", type=Path, metavar="IMAGE", nargs="+", help="images, or folders of them")
    add("--resize", action="store_true", help="bring pictures of other sizes to the network's")
    add(
        "--csv",
        type=Path,
        metavar="FILE",
        help="write a line per image as CSV instead of a table; - is the standard output",
    )
    add(
        "--compiled",
        action="store_true",
        help="compute binary networks by a kernel that the C compiler makes for this processor, on "
        "all its threads: the same scores, sooner where there are many images",
    )
    untold.add_options(parser)
    chosen = parser.parse_args(argv)
    network = predictor(chosen.network, chosen)
    reader = _Reader(images.Wanted(network.image_shape, chosen.resize))
    told = _told(network, reader.images(chosen.images))
    if chosen.csv is None:
        _print_table(network, told)
    elif str(chosen.csv) == "-":
        _write_csv(sys.stdout, network, told)
    else:
        with files.replacing(chosen.csv, "w") as stream:
            _write_csv(stream, network, told)
    if reader.failed:
        sys.stdout.flush()
        sys.exit(2)


class _Reader:
    """Reads images one after the other, tells in a line what cannot be read, and remembers it."""

    def __init__(self, wanted: images.Wanted):
        self.wanted = wanted
        self.failed = False

    def images(self, places: Sequence[Path]) -> Iterator[tuple[str, np.ndarray]]:
        for place in places:
            for path in self._whole(images.files_of(place)):
                yield from self._whole(images.read(path, self.wanted))

    def _whole(self, items: Iterator) -> Iterator:
        try:
            yield from items
        except UserError as error:
            self.failed = True
            line = printable(error, command_line.MOST_OF_A_LINE)
            print(f"{PROGRAM}: error: {line}", file=sys.stderr)


# Name, class and scores of each image.
Told = Iterator[tuple[str, str, np.ndarray]]


def _told(network: Predictor, found: Iterator[tuple[str, np.ndarray]]) -> Told:
    # Bytes and floats apart: in one array they would all be floats.
    for _, kind in itertools.groupby(found, lambda named: named[1].dtype):
        while batch := list(itertools.islice(kind, _STEP)):
            names, pixels = zip(*batch)
            scores = network.scores(np.stack(pixels))
            for name, number, row in zip(names, inference.predicted_classes(scores), scores):
                yield name, network.class_names[number], row


def _print_table(network: Predictor, told: Told) -> None:
    table = [["image", "class", *map(printable, network.outputs)]]
    table += [[name, printable(c), *(f"{s:.4f}" for s in row)] for name, c, row in told]
    if len(table) == 1:
        return
    widths = [max(map(len, column)) for column in zip(*table)]
    for line in table:
        texts = [text.ljust(width) for text, width in zip(line[:2], widths)]
        texts += [text.rjust(width) for text, width in zip(line[2:], widths[2:])]
        print("  ".join(texts).rstrip())


def _write_csv(stream: IO[str], network: Predictor, told: Told) -> None:
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["image", "class", *(f"score {printable(name)}" for name in network.outputs)])
    for name, label, row in told:
        # Enough digits for float32 to be read back as it was.
        writer.writerow([name, printable(label), *(f"{score:.9g}" for score in row)])
