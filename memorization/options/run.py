"""The options that say where a run is kept, what it shows and what computes it."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from memorization.command_line import ArgumentParser, folder_name, positive_int
from memorization.option import Decides, option_field

DEVICES = ("cpu", "torch-cpu", "cuda")


@dataclass(frozen=True)
class RunOptions:
    """The run itself."""

    results_dir: str = option_field(
        "folder under which the run's folder is made",
        Decides.NOTHING,
        parse=str,
        metavar="DIR",
        default="results",
    )
    name: str | None = option_field(
        "name of the run's folder (default: the seed and what differs from the defaults)",
        Decides.NOTHING,
        parse=folder_name,
        metavar="NAME",
    )
    overwrite: bool = option_field(
        "start over where a run exists already", Decides.NOTHING, default=False
    )
    resume: bool | str = option_field(
        "go on with a run: that in the folder RUN, or the unfinished one that is there; more "
        "--epochs lengthen a finished one",
        Decides.NOTHING,
        parse=str,
        default=False,
        nargs="?",
        metavar="RUN",
    )
    stretch_schedule: bool = option_field(
        "with --resume and more --epochs: learning rates as of a run meant to be as long",
        Decides.NOTHING,
        default=False,
    )
    config: str | None = option_field(
        "take the options from a run's record; those given besides go before it",
        Decides.NOTHING,
        parse=str,
        metavar="run.json",
    )
    exact: bool = option_field(
        "with --resume: refuse where threads, versions or machine are not those recorded",
        Decides.NOTHING,
        default=False,
    )
    save_every: int = option_field(
        "epochs between two saves of parameters, metrics and state",
        Decides.NOTHING,
        parse=positive_int,
        metavar="N",
        default=1,
    )
    quiet: bool = option_field(
        "print the last and the best epoch alone", Decides.NOTHING, default=False
    )
    no_figures: bool = option_field(
        "draw none at the end; python -m memorization figures draws them",
        Decides.NOTHING,
        default=False,
    )
    class_errors: bool = option_field(
        "print the errors of every class after each epoch", Decides.NOTHING, default=False
    )
    measure: bool = option_field(
        "measure what memorisation research does (docs/measures.md)",
        Decides.COLUMNS,
        default=False,
    )
    batch_statistics: bool = option_field(
        "measure the training error with each batch's statistics in batch norm as well "
        "(docs/measures.md)",
        Decides.COLUMNS,
        default=False,
    )
    corrupted_labels: bool = option_field(
        "tell corrupted training images apart from the others (docs/measures.md)",
        Decides.COLUMNS,
        default=False,
    )
    history: str | None = option_field(
        "losses: keep loss and margin of every training image after every epoch (docs/measures.md)",
        Decides.COLUMNS,
        parse=str,
        choices=("losses",),
    )
    tensorboard: bool = option_field(
        "write TensorBoard event files as well", Decides.NOTHING, default=False
    )
    wandb: bool = option_field(
        "track the run in Weights & Biases as well (WANDB_MODE=offline: in its folder)",
        Decides.NOTHING,
        default=False,
    )
    mlflow: bool = option_field(
        "track the run in MLflow as well ($MLFLOW_TRACKING_URI, or <results-dir>/mlruns)",
        Decides.NOTHING,
        default=False,
    )
    device: str = option_field(
        "what executes the graph", Decides.OUTCOME, parse=str, default="cpu", choices=DEVICES
    )
    tf32: bool = option_field(
        "with --device cuda: round gradients' operands to TF32 (docs/gpu.md)",
        Decides.OUTCOME,
        default=False,
    )
    as_in_2017: bool = option_field(
        "keep the original's mistakes that change what is measured (README, deviations)",
        Decides.OUTCOME,
        default=False,
    )


def check_run(parser: ArgumentParser, chosen: argparse.Namespace) -> None:
    """End with a line where the options of the run exclude each other."""
    if chosen.stretch_schedule and not chosen.resume:
        parser.error("--stretch-schedule is for --resume with more --epochs")
    if chosen.batch_statistics and chosen.norm == "none":
        parser.error("--batch-statistics is for batch norm, and --norm none leaves it out")
    if chosen.tf32 and chosen.device != "cuda":
        parser.error(f"--tf32 is for --device cuda: {chosen.device} computes in float32")
