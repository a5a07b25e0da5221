"""The options that say what is trained and tested on."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datasets import DATA_SETS
from datasets.own import ENDING, is_file_of_ones_own
from datasets.transformations import IMAGES
from memorization.command_line import ArgumentParser, fraction, positive_int
from memorization.option import Decides, flag, option_field

# The others are what --synthetic has in the place of these.
NAMED_DATA_SETS = tuple(name for name in DATA_SETS if not name.startswith("synthetic-"))

PATTERN_CLASSES = 2


def data_set_name(text: str) -> str:
    """`text` as --data has it; ArgumentTypeError where it names no data set and no `.npz`."""
    if text not in NAMED_DATA_SETS and not is_file_of_ones_own(text):
        raise argparse.ArgumentTypeError(
            f"invalid choice: {text!r} is none of {', '.join(NAMED_DATA_SETS)}, and no file of "
            f"one's own, whose name ends in {ENDING}"
        )
    return text


@dataclass(frozen=True)
class DataOptions:
    """The data set."""

    data: str | None = option_field(
        f"data set: {', '.join(NAMED_DATA_SETS)}, or a file of one's own (docs/own.md; default: "
        "the experiment's own)",
        Decides.OUTCOME,
        unset="its own",
        parse=data_set_name,
        metavar="NAME|FILE.npz",
    )
    patterns: Sequence[int] | None = option_field(
        "with --data patterns: how many to train on, and of how many values +1 or -1 each",
        Decides.OUTCOME,
        parse=positive_int,
        nargs=2,
        metavar=("N", "D"),
    )
    classes: int | None = option_field(
        f"with --data patterns: classes of their labels (default: {PATTERN_CLASSES})",
        Decides.OUTCOME,
        parse=positive_int,
        metavar="K",
    )
    teacher: Sequence[int] | None = option_field(
        "with --data patterns: units of the hidden layers of a random binary network that labels "
        "the patterns; alone: it has none (default: labels are random)",
        Decides.OUTCOME,
        unset="no",
        parse=positive_int,
        nargs="*",
        metavar="N",
    )
    data_dir: str | None = option_field(
        "folder with the data set (default: $BINARYNET_DATA, $PYLEARN2_DATA_PATH, "
        "datasets/data, in this order)",
        # What it holds does: the data set's fingerprint is compared.
        Decides.NOTHING,
        parse=str,
        metavar="DIR",
    )
    synthetic: bool = option_field(
        "train on drawn digits; needs no data set", Decides.OUTCOME, default=False
    )


def _images_before(recorded: Mapping[str, Any]) -> str:
    """--images of a run from before that option: one experiment alone put others in their place."""
    return "gaussian-0.1" if recorded.get("experiment") == "cifar10_randX_input" else "true"


@dataclass(frozen=True)
class ChangedDataOptions:
    """What is done to its labels and images."""

    corruption: float = option_field(
        "share of the labels that is replaced",
        Decides.OUTCOME,
        parse=fraction,
        metavar="F",
        default=0.0,
    )
    images: str = option_field(
        "what the images are: the data set's own, or others in their place (docs/images.md)",
        Decides.OUTCOME,
        parse=str,
        default="true",
        choices=tuple(IMAGES),
        before=_images_before,
    )


def check_data(parser: ArgumentParser, chosen: argparse.Namespace) -> None:
    """End with a line where the options that name the data set exclude each other."""
    drawn = "--synthetic" if chosen.synthetic else "--data patterns"
    if chosen.data_dir is not None and (chosen.synthetic or chosen.data == "patterns"):
        parser.error(f"{drawn} draws its data set, which --data-dir names; leave out either")
    if chosen.data_dir is not None and is_file_of_ones_own(chosen.data):
        parser.error(f"--data {chosen.data} names the file itself; leave out --data-dir")
    if chosen.synthetic and f"synthetic-{chosen.data}" not in DATA_SETS and chosen.data:
        parser.error(f"--synthetic has no digits drawn for --data {chosen.data}; leave out either")
    if chosen.data == "patterns":
        if chosen.patterns is None:
            parser.error("--data patterns needs --patterns N D: how many, of how many values each")
        chosen.classes = chosen.classes or PATTERN_CLASSES
        if chosen.teacher is not None:
            _check_teacher(parser, chosen)
        return
    for name in ("patterns", "classes", "teacher"):
        if getattr(chosen, name) is not None:
            parser.error(f"{flag(name)} is for --data patterns")


def _check_teacher(parser: ArgumentParser, chosen: argparse.Namespace) -> None:
    """End with a line where nothing of what a teacher labels would be trained on."""
    if chosen.corruption == 1:
        parser.error(
            "--teacher labels the patterns, and --corruption 1 replaces every label; "
            "--corruption 0 trains on the teacher's"
        )
    if chosen.images != "true":
        parser.error(
            f"--teacher labels the patterns, and --images {chosen.images} puts others in their "
            "place; give --images true"
        )
