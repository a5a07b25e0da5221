"""The options that all experiments share; nothing here imports Theano, so `--help` is quick."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from memorization.command_line import (
    ArgumentParser,
    fraction,
    positive_float,
    positive_int,
    seed_number,
    whole_number,
)

DEVICES = ("cpu", "torch-cpu", "cuda")


def _option(parse: Callable | None, metavar: str | None, help: str, default: Any = None, **more):
    metadata = {"parse": parse, "metavar": metavar, "help": help, **more}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Options:
    """One run's options; every experiment sets the defaults that are its own."""

    experiment: str
    data_dir: str | None = _option(
        str,
        "DIR",
        "folder with the data set (default: $BINARYNET_DATA, $PYLEARN2_DATA_PATH, "
        "datasets/data, in this order)",
    )
    synthetic: bool = _option(None, None, "train on drawn digits; needs no data set", False)
    epochs: int = _option(whole_number, "N", "passes over the training set", 500)
    batch_size: int = _option(positive_int, "N", "images per training step", 50)
    seed: int = _option(
        seed_number, "N", "of labels, noise, weights, dropout and the order of the batches", 0
    )
    lr_start: float = _option(positive_float, "F", "learning rate of the first epoch", 1e-3)
    lr_fin: float = _option(positive_float, "F", "learning rate reached after the last epoch", 1e-6)
    train_size: int | None = _option(
        positive_int, "N", "keep the first N training images (default: all)"
    )
    width: float = _option(positive_float, "F", "multiply every layer's filters and units", 1.0)
    corruption: float = _option(fraction, "F", "share of the labels that is replaced", 0.0)
    results_dir: str = _option(str, "DIR", "folder under which the run's folder is made", "results")
    overwrite: bool = _option(None, None, "start over where a run exists already", False)
    resume: bool = _option(None, None, "go on with a run that was stopped or killed", False)
    save_every: int = _option(positive_int, "N", "epochs between two saves of the state", 1)
    quiet: bool = _option(None, None, "print the final table alone", False)
    measure: bool = _option(
        None, None, "measure what memorisation research does (docs/measures.md)", False
    )
    tensorboard: bool = _option(None, None, "write TensorBoard event files as well", False)
    device: str = _option(str, None, "what executes the graph", "cpu", choices=DEVICES)
    tf32: bool = _option(
        None, None, "with --device cuda: round gradients' operands to TF32 (docs/gpu.md)", False
    )
    as_in_2017: bool = _option(
        None,
        None,
        "keep the original's mistakes that change what is measured (README, deviations)",
        False,
    )

    @property
    def lr_decay(self) -> float:
        """What the learning rate is multiplied with after each epoch."""
        return (self.lr_fin / self.lr_start) ** (1.0 / max(self.epochs, 1))


def parse(script: str, documentation: str, argv: Sequence[str] | None, **defaults) -> Options:
    """The options of `script`, whose docstring is `documentation`, from the command line `argv`.

    The experiment is named after the script. `defaults` are its own values of any of `Options`.
    """
    parser = ArgumentParser(Path(script).name, documentation)
    for option in fields(Options)[1:]:
        default = defaults.pop(option.name, option.default)
        flag = "--" + option.name.replace("_", "-")
        text = option.metadata["help"]
        if option.metadata["parse"] is None:
            parser.add_argument(flag, action="store_true", default=default, help=text)
            continue
        if default is not None:
            text += f" (default: {default})"
        parser.add_argument(
            flag,
            type=option.metadata["parse"],
            metavar=option.metadata["metavar"],
            choices=option.metadata.get("choices"),
            default=default,
            help=text.replace("%", "%%"),
        )
    if defaults:
        raise TypeError(f"no such options: {sorted(defaults)}")
    chosen = parser.parse_args(argv)
    if chosen.resume and chosen.overwrite:
        parser.error("--resume and --overwrite exclude each other")
    return Options(Path(script).stem, **vars(chosen))
