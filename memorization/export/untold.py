"""The options that say of an `.npz` without a record what its shapes do not tell."""

from __future__ import annotations

import argparse

from memorization.architecture import UNITS
from memorization.command_line import positive_int


def add_options(parser: argparse.ArgumentParser) -> None:
    """Let `parser` take what a file without a record does not tell."""
    add = parser.add_argument
    add(
        "--activation",
        choices=UNITS,
        help="of an .npz of BinaryNet's: activations of -1 and +1 (tanh) or of 0 and 1 (sigmoid)",
    )
    add(
        "--image-shape",
        type=positive_int,
        nargs=3,
        metavar=("C", "ROWS", "COLUMNS"),
        help="of an .npz of BinaryNet's: its images, where their number of values is unusual",
    )
