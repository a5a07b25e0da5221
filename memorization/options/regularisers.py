"""The options that keep a network from fitting as it would: dropout, penalty, other views."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memorization.command_line import ArgumentParser, below_one, non_negative_float
from memorization.option import Decides, option_field
from memorization.options.optimizer import WITHOUT_LATENT_WEIGHTS

NO_DROPOUT = (0.0, 0.0)
LAYERS = ("dense", "all")

# What experiments did of themselves before these were options.
_DROPOUT_BEFORE = {
    "svhn_random_labels_dropout": (0.25, 0.5),
    "cifar10_train_acc_dropout": (0.5, 0.5),
}
_L2_BEFORE = {"svhn_random_labels_l2_regularization": 0.0005}


def _dropout_before(recorded: Mapping[str, Any]) -> list[float]:
    return list(_DROPOUT_BEFORE.get(recorded.get("experiment", ""), NO_DROPOUT))


def _l2_before(recorded: Mapping[str, Any]) -> float:
    return _L2_BEFORE.get(recorded.get("experiment", ""), 0.0)


@dataclass(frozen=True)
class RegularisationOptions:
    """Regularisers."""

    dropout: Sequence[float] = option_field(
        "probabilities with which the outputs of the last two hidden layers are dropped",
        Decides.OUTCOME,
        parse=below_one,
        nargs=2,
        metavar=("F", "F"),
        default=NO_DROPOUT,
        before=_dropout_before,
    )
    l2: float = option_field(
        "coefficient of the squared norm of the real-valued weights, a penalty in the loss",
        Decides.OUTCOME,
        parse=non_negative_float,
        metavar="F",
        default=0.0,
        before=_l2_before,
    )
    l2_layers: str = option_field(
        "whose weights --l2 penalises: those of the dense layers, the output's among them, or all",
        Decides.OUTCOME,
        parse=str,
        choices=LAYERS,
        default="dense",
    )
    augment: bool = option_field(
        "train on images moved by up to 4 pixels and mirrored at random, anew in each epoch",
        Decides.OUTCOME,
        default=False,
    )


def check_regularisers(
    parser: ArgumentParser, chosen: argparse.Namespace, own_penalty: float
) -> None:
    """End with a line where a penalty would be none, or a pattern be moved.

    `own_penalty` is the --l2 that is the script's own.
    """
    if chosen.augment and chosen.data == "patterns":
        parser.error("--augment moves and mirrors images, and patterns are none")
    if not chosen.l2:
        if chosen.l2_layers != "dense":
            parser.error("--l2-layers is for --l2, which is 0")
        return
    if chosen.as_in_2017:
        if chosen.l2 != own_penalty:
            parser.error("--as-in-2017 has no penalty; leave out either that or --l2")
        return
    if chosen.freeze_weights:
        parser.error(
            f"--freeze-weights: --l2 {chosen.l2:g} penalises weights, and these would not move; "
            "with --l2 0 there is no penalty"
        )
    if chosen.optimizer in WITHOUT_LATENT_WEIGHTS:
        parser.error(
            f"--optimizer {chosen.optimizer}: --l2 {chosen.l2:g} penalises real-valued weights, "
            f"and {chosen.optimizer} knows none; with --l2 0 there is no penalty"
        )
