"""The options that say how a network is trained."""

from __future__ import annotations

from dataclasses import dataclass

from memorization.command_line import (
    fraction,
    positive_float,
    positive_int,
    seed_number,
    whole_number,
)
from memorization.option import Decides, option_field


@dataclass(frozen=True)
class TrainingOptions:
    """The course of training."""

    epochs: int = option_field(
        "passes over the training set",
        Decides.OUTCOME,
        parse=whole_number,
        metavar="N",
        default=500,
    )
    batch_size: int = option_field(
        "images per training step", Decides.OUTCOME, parse=positive_int, metavar="N", default=50
    )
    seed: int = option_field(
        "of labels, noise, weights, dropout and the order of the batches",
        Decides.OUTCOME,
        parse=seed_number,
        metavar="N",
        default=0,
    )
    label_seed: int | None = option_field(
        "of the labels alone (default: that of --seed)",
        Decides.OUTCOME,
        unset="as seed",
        parse=seed_number,
        metavar="N",
    )
    lr_start: float = option_field(
        "learning rate of the first epoch",
        Decides.OUTCOME,
        parse=positive_float,
        metavar="F",
        default=1e-3,
    )
    lr_fin: float = option_field(
        "learning rate reached after the last epoch",
        Decides.OUTCOME,
        parse=positive_float,
        metavar="F",
        default=1e-6,
    )
    decay_epochs: int | None = option_field(
        "epochs until --lr-fin; the learning rate of later ones is the last (default: all)",
        Decides.OUTCOME,
        unset="all",
        parse=positive_int,
        metavar="N",
    )
    stop_at: float | None = option_field(
        "training error, 0 to 1, at which a run is finished before its last epoch (default: none)",
        Decides.OUTCOME,
        parse=fraction,
        metavar="F",
    )
    keep: str = option_field(
        "whose parameters are saved: the last epoch's, or those of the best validation error",
        # Metrics are the same, but what else is saved is not.
        Decides.COLUMNS,
        parse=str,
        choices=("last", "best"),
        default="last",
    )
    train_size: int | None = option_field(
        "keep the first N training images (default: all)",
        Decides.OUTCOME,
        unset="all",
        parse=positive_int,
        metavar="N",
    )
