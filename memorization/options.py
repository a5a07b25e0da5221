"""The options that all experiments share; nothing here imports Theano, so `--help` is quick."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from datasets import DATA_SETS
from datasets.transformations import IMAGES
from memorization.architecture import ACTIVATIONS, KINDS, NORMS, WEIGHTS
from memorization.command_line import (
    ArgumentParser,
    folder_name,
    fraction,
    positive_float,
    positive_int,
    seed_number,
    whole_number,
)
from memorization.option import Decides, Option

# The others are what --synthetic has in the place of these.
NAMED_DATA_SETS = tuple(name for name in DATA_SETS if not name.startswith("synthetic-"))

PATTERN_CLASSES = 2

DEVICES = ("cpu", "torch-cpu", "cuda")


def _option(help: str, decides: Decides, **more: Any) -> Any:
    option = Option(help, decides, **more)
    return field(default=option.default, metadata={"option": option})


def _images_before(recorded: Mapping[str, Any]) -> str:
    """--images of a run from before that option: one experiment alone put others in their place."""
    return "gaussian-0.1" if recorded.get("experiment") == "cifar10_randX_input" else "true"


@dataclass(frozen=True)
class Options:
    """One run's options; every experiment sets the defaults that are its own."""

    experiment: str
    data: str | None = _option(
        "data set (default: the experiment's own)",
        Decides.OUTCOME,
        unset="its own",
        parse=str,
        choices=NAMED_DATA_SETS,
    )
    patterns: Sequence[int] | None = _option(
        "with --data patterns: how many to train on, and of how many values +1 or -1 each",
        Decides.OUTCOME,
        parse=positive_int,
        nargs=2,
        metavar=("N", "D"),
    )
    classes: int | None = _option(
        f"with --data patterns: classes of their labels (default: {PATTERN_CLASSES})",
        Decides.OUTCOME,
        parse=positive_int,
        metavar="K",
    )
    data_dir: str | None = _option(
        "folder with the data set (default: $BINARYNET_DATA, $PYLEARN2_DATA_PATH, "
        "datasets/data, in this order)",
        # What it holds does: the data set's fingerprint is compared.
        Decides.NOTHING,
        parse=str,
        metavar="DIR",
    )
    synthetic: bool = _option(
        "train on drawn digits; needs no data set", Decides.OUTCOME, default=False
    )
    epochs: int = _option(
        "passes over the training set",
        Decides.OUTCOME,
        parse=whole_number,
        metavar="N",
        default=500,
    )
    batch_size: int = _option(
        "images per training step", Decides.OUTCOME, parse=positive_int, metavar="N", default=50
    )
    seed: int = _option(
        "of labels, noise, weights, dropout and the order of the batches",
        Decides.OUTCOME,
        parse=seed_number,
        metavar="N",
        default=0,
    )
    label_seed: int | None = _option(
        "of the labels alone (default: that of --seed)",
        Decides.OUTCOME,
        unset="as seed",
        parse=seed_number,
        metavar="N",
    )
    lr_start: float = _option(
        "learning rate of the first epoch",
        Decides.OUTCOME,
        parse=positive_float,
        metavar="F",
        default=1e-3,
    )
    lr_fin: float = _option(
        "learning rate reached after the last epoch",
        Decides.OUTCOME,
        parse=positive_float,
        metavar="F",
        default=1e-6,
    )
    train_size: int | None = _option(
        "keep the first N training images (default: all)",
        Decides.OUTCOME,
        unset="all",
        parse=positive_int,
        metavar="N",
    )
    width: float = _option(
        "multiply every layer's filters and units",
        Decides.OUTCOME,
        parse=positive_float,
        metavar="F",
        default=1.0,
    )
    weights: str = _option(
        "binary, or float: Glorot's uniform at first, then plain Adam",
        Decides.OUTCOME,
        parse=str,
        choices=WEIGHTS,
        default="binary",
    )
    activations: str = _option(
        "binary: the experiment's own; hard: the same without rounding; relu: rectifiers",
        Decides.OUTCOME,
        parse=str,
        choices=ACTIVATIONS,
        default="binary",
    )
    network: str = _option(
        "cnn: the experiment's own; mlp: dense layers alone (--hidden)",
        Decides.OUTCOME,
        parse=str,
        choices=KINDS,
        default="cnn",
    )
    hidden: Sequence[int] | None = _option(
        "with --network mlp: units of each hidden layer (default: none, a single layer)",
        Decides.OUTCOME,
        parse=positive_int,
        metavar="N",
        nargs="*",
    )
    norm: str = _option(
        "batch norm after each layer, none, or frozen: its beta and gamma stay 0 and 1",
        Decides.OUTCOME,
        parse=str,
        choices=NORMS,
        default="batch",
    )
    bias: str = _option(
        "whether layers have biases",
        Decides.OUTCOME,
        parse=str,
        choices=("yes", "no"),
        default="yes",
    )
    freeze_weights: bool = _option(
        "weights stay as they begin; biases and norm alone are trained",
        Decides.OUTCOME,
        default=False,
    )
    init: str | None = _option(
        "start from saved parameters of the same network, not from drawn ones",
        # What it holds does: its fingerprint is recorded and compared.
        Decides.NOTHING,
        parse=str,
        metavar="FILE.npz",
    )
    corruption: float = _option(
        "share of the labels that is replaced",
        Decides.OUTCOME,
        parse=fraction,
        metavar="F",
        default=0.0,
    )
    images: str = _option(
        "what the images are: the data set's own, or others in their place (docs/images.md)",
        Decides.OUTCOME,
        parse=str,
        default="true",
        choices=tuple(IMAGES),
        before=_images_before,
    )
    results_dir: str = _option(
        "folder under which the run's folder is made",
        Decides.NOTHING,
        parse=str,
        metavar="DIR",
        default="results",
    )
    name: str | None = _option(
        "name of the run's folder (default: the seed and what differs from the defaults)",
        Decides.NOTHING,
        parse=folder_name,
        metavar="NAME",
    )
    overwrite: bool = _option(
        "start over where a run exists already", Decides.NOTHING, default=False
    )
    resume: bool = _option(
        "go on with a run that was stopped or killed", Decides.NOTHING, default=False
    )
    exact: bool = _option(
        "with --resume: refuse where threads, versions or machine are not those recorded",
        Decides.NOTHING,
        default=False,
    )
    save_every: int = _option(
        "epochs between two saves of the state",
        Decides.NOTHING,
        parse=positive_int,
        metavar="N",
        default=1,
    )
    quiet: bool = _option("print the final table alone", Decides.NOTHING, default=False)
    measure: bool = _option(
        "measure what memorisation research does (docs/measures.md)",
        Decides.COLUMNS,
        default=False,
    )
    tensorboard: bool = _option(
        "write TensorBoard event files as well", Decides.NOTHING, default=False
    )
    device: str = _option(
        "what executes the graph", Decides.OUTCOME, parse=str, default="cpu", choices=DEVICES
    )
    tf32: bool = _option(
        "with --device cuda: round gradients' operands to TF32 (docs/gpu.md)",
        Decides.OUTCOME,
        default=False,
    )
    as_in_2017: bool = _option(
        "keep the original's mistakes that change what is measured (README, deviations)",
        Decides.OUTCOME,
        default=False,
    )
    # The script and its options, as whoever goes on with the run has to give them; no option.
    command: tuple[str, ...] = ()

    def recorded(self) -> dict[str, Any]:
        """The experiment and all options, ready for JSON."""
        return {name: value for name, value in vars(self).items() if name != "command"}

    @property
    def seed_of_labels(self) -> int:
        """What names the stream of the random labels: --label-seed, or else --seed."""
        return self.seed if self.label_seed is None else self.label_seed

    @property
    def data_parameters(self) -> dict[str, Any]:
        """What the data set is made from that --data names, where it is drawn to measure."""
        if self.patterns is None:
            return {}
        count, dimensions = self.patterns
        seeds = {"seed": self.seed, "label_seed": self.seed_of_labels}
        return {"count": count, "dimensions": dimensions, "classes": self.classes, **seeds}

    @property
    def lr_decay(self) -> float:
        """What the learning rate is multiplied with after each epoch."""
        return (self.lr_fin / self.lr_start) ** (1.0 / max(self.epochs, 1))


OPTIONS: dict[str, Option] = {
    option.name: option.metadata["option"] for option in fields(Options) if option.metadata
}


def flag(name: str) -> str:
    """The option `name` as it is written on the command line."""
    return "--" + name.replace("_", "-")


def parse(
    script: str, documentation: str | None, argv: Sequence[str] | None, **defaults
) -> Options:
    """The options of `script`, whose docstring is `documentation`, from the command line `argv`.

    The experiment is named after the script. `defaults` are its own values of any of `Options`.
    """
    parser = ArgumentParser(Path(script).name, documentation)
    for name, option in OPTIONS.items():
        default = defaults.pop(name, option.default)
        if option.parse is None:
            parser.add_argument(flag(name), action="store_true", default=default, help=option.help)
            continue
        text = option.help if default is None else f"{option.help} (default: {default})"
        parser.add_argument(
            flag(name),
            type=option.parse,
            metavar=option.metavar,
            choices=option.choices,
            nargs=option.nargs,
            default=default,
            help=text.replace("%", "%%"),
        )
    if defaults:
        raise TypeError(f"no such options: {sorted(defaults)}")
    chosen = parser.parse_args(argv)
    if chosen.resume and chosen.overwrite:
        parser.error("--resume and --overwrite exclude each other")
    _check_data(parser, chosen)
    if chosen.tf32 and chosen.device != "cuda":
        parser.error(f"--tf32 is for --device cuda: {chosen.device} computes in float32")
    if chosen.hidden is not None and chosen.network != "mlp":
        parser.error(f"--hidden is for --network mlp: a {chosen.network} has layers of its own")
    if chosen.freeze_weights and chosen.norm != "batch" and chosen.bias == "no":
        parser.error(
            f"--freeze-weights with --norm {chosen.norm} and --bias no leaves nothing to train"
        )
    # No hidden layer is the same, whether said or not.
    chosen.hidden = chosen.hidden or None
    command = sys.argv if argv is None else [script, *argv]
    return Options(Path(script).stem, **vars(chosen), command=tuple(command))


def _check_data(parser: ArgumentParser, chosen: argparse.Namespace) -> None:
    """End with a line where the options that name the data set exclude each other."""
    drawn = "--synthetic" if chosen.synthetic else "--data patterns"
    if chosen.data_dir is not None and (chosen.synthetic or chosen.data == "patterns"):
        parser.error(f"{drawn} draws its data set, which --data-dir names; leave out either")
    if chosen.synthetic and f"synthetic-{chosen.data}" not in DATA_SETS and chosen.data:
        parser.error(f"--synthetic has no digits drawn for --data {chosen.data}; leave out either")
    if chosen.data == "patterns":
        if chosen.patterns is None:
            parser.error("--data patterns needs --patterns N D: how many, of how many values each")
        chosen.classes = chosen.classes or PATTERN_CLASSES
    elif chosen.patterns is not None or chosen.classes is not None:
        name = "classes" if chosen.patterns is None else "patterns"
        parser.error(f"{flag(name)} is for --data patterns")
