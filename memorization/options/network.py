"""The options that say what is trained."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields

from foundations.errors import UserError
from memorization.architecture import ACTIVATIONS, KINDS, NORMS, WEIGHTS
from memorization.command_line import ArgumentParser, positive_float, positive_int
from memorization.option import Decides, option_field


@dataclass(frozen=True)
class NetworkOptions:
    """The network and what it begins with."""

    width: float = option_field(
        "multiply every layer's filters and units",
        Decides.OUTCOME,
        parse=positive_float,
        metavar="F",
        default=1.0,
    )
    weights: str = option_field(
        "binary, or float: Glorot's uniform at first, then plain Adam",
        Decides.OUTCOME,
        parse=str,
        choices=WEIGHTS,
        default="binary",
    )
    activations: str = option_field(
        "binary: the experiment's own; hard: the same without rounding; relu: rectifiers",
        Decides.OUTCOME,
        parse=str,
        choices=ACTIVATIONS,
        default="binary",
    )
    network: str = option_field(
        "cnn: the experiment's own; mlp: dense layers alone (--hidden)",
        Decides.OUTCOME,
        parse=str,
        choices=KINDS,
        default="cnn",
    )
    hidden: Sequence[int] | None = option_field(
        "with --network mlp: units of each hidden layer (default: none, a single layer)",
        Decides.OUTCOME,
        parse=positive_int,
        metavar="N",
        nargs="*",
    )
    norm: str = option_field(
        "batch norm after each layer, none, or frozen: its beta and gamma stay 0 and 1",
        Decides.OUTCOME,
        parse=str,
        choices=NORMS,
        default="batch",
    )
    bias: str = option_field(
        "whether layers have biases",
        Decides.OUTCOME,
        parse=str,
        choices=("yes", "no"),
        default="yes",
    )
    freeze_weights: bool = option_field(
        "weights stay as they begin; biases and norm alone are trained",
        Decides.OUTCOME,
        default=False,
    )
    init: str | None = option_field(
        "start from saved parameters of the same network, not from drawn ones",
        # What it holds does: its fingerprint is recorded and compared.
        Decides.NOTHING,
        parse=str,
        metavar="FILE.npz",
    )


def check_left_alone(chosen: NetworkOptions) -> None:
    """Raise UserError where an option would have to shape a network that a program builds."""
    for field in fields(NetworkOptions):
        # What it begins with is any network's.
        if field.name != "init" and getattr(chosen, field.name) != field.default:
            raise UserError(
                f"--{field.name.replace('_', '-')}: this program builds its network itself, and "
                "the option would not reach it"
            )


def check_network(parser: ArgumentParser, chosen: argparse.Namespace) -> None:
    """End with a line where the options that choose the network exclude each other."""
    if chosen.hidden is not None and chosen.network != "mlp":
        parser.error(f"--hidden is for --network mlp: a {chosen.network} has layers of its own")
    if chosen.freeze_weights and chosen.norm != "batch" and chosen.bias == "no":
        parser.error(
            f"--freeze-weights with --norm {chosen.norm} and --bias no leaves nothing to train"
        )
    # No hidden layer is the same, whether said or not.
    chosen.hidden = chosen.hidden or None
