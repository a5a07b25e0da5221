"""The options that say how a step of training moves the parameters."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from memorization.command_line import (
    ArgumentParser,
    below_one,
    non_negative_float,
    positive_float,
    positive_fraction,
)
from memorization.option import Decides, flag, option_field

# The options that are an optimizer's own. Its updates are those of the function <name>_updates in
# memorization/optimizers.py.
OPTIMIZERS: dict[str, tuple[str, ...]] = {
    "adam": (),
    "sgd": ("momentum",),
    "bop": ("bop_threshold", "bop_adaptivity"),
}
# Momentum as Lasagne has it; Bop's as Helwegen et al. trained BinaryNet on CIFAR-10 at first
# (arXiv 1906.02107, section 5.1; they let the adaptivity fall later on).
DEFAULTS = {"momentum": 0.9, "bop_threshold": 1e-8, "bop_adaptivity": 1e-4}


@dataclass(frozen=True)
class OptimizerOptions:
    """The loss, the optimizer and what it is told."""

    margin: float = option_field(
        "the loss is max(0, F - target * output)^2: by how much an output is to be right",
        Decides.OUTCOME,
        parse=positive_float,
        metavar="F",
        default=1.0,
    )

    optimizer: str = option_field(
        "adam, sgd (--momentum), or bop: binary weights without latent values (docs/training.md)",
        Decides.OUTCOME,
        parse=str,
        choices=tuple(OPTIMIZERS),
        default="adam",
    )
    momentum: float | None = option_field(
        f"with --optimizer sgd: share of the last step in the next (default: "
        f"{DEFAULTS['momentum']})",
        Decides.OUTCOME,
        parse=below_one,
        metavar="F",
    )
    bop_threshold: float | None = option_field(
        "with --optimizer bop: what a weight's averaged gradient exceeds for it to flip (default: "
        f"{DEFAULTS['bop_threshold']:g}, as in arXiv 1906.02107)",
        Decides.OUTCOME,
        parse=non_negative_float,
        metavar="F",
    )
    bop_adaptivity: float | None = option_field(
        "with --optimizer bop: share of the newest gradient in that average (default: "
        f"{DEFAULTS['bop_adaptivity']:g}, as in arXiv 1906.02107)",
        Decides.OUTCOME,
        parse=positive_fraction,
        metavar="F",
    )

    @property
    def optimizer_options(self) -> dict[str, float]:
        """By name the options that are the chosen optimizer's own."""
        return {name: getattr(self, name) for name in OPTIMIZERS[self.optimizer]}


def check_optimizer(parser: ArgumentParser, chosen: argparse.Namespace) -> None:
    """End with a line where the optimizer cannot be told what is chosen; else complete its own."""
    for owner, names in OPTIMIZERS.items():
        for name in names:
            if owner == chosen.optimizer:
                if getattr(chosen, name) is None:
                    setattr(chosen, name, DEFAULTS[name])
            elif getattr(chosen, name) is not None:
                parser.error(f"{flag(name)} is for --optimizer {owner}, not {chosen.optimizer}")
    if chosen.optimizer == "bop" and (chosen.weights != "binary" or chosen.freeze_weights):
        other = "--freeze-weights" if chosen.weights == "binary" else "--weights float"
        parser.error(f"--optimizer bop flips binary weights, and {other} leaves none to flip")
