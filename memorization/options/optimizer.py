"""The options that say how a step of training moves the parameters."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

from memorization.command_line import (
    ArgumentParser,
    below_one,
    fraction,
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
    "sbpi": ("sbpi_probability",),
}
# What of the other options an optimizer is told too.
TOLD = {"sbpi": ("margin", "seed")}
# Which know of a weight no real value: it is -1 or +1 at first.
WITHOUT_LATENT_WEIGHTS = ("bop", "sbpi")
# Momentum as Lasagne has it; Bop's as Helwegen et al. trained BinaryNet on CIFAR-10 at first
# (arXiv 1906.02107, section 5.1; they let the adaptivity fall later on).
DEFAULTS = {
    "momentum": 0.9,
    "bop_threshold": 1e-8,
    "bop_adaptivity": 1e-4,
    "sbpi_probability": 0.3,
}
# All that --optimizer sbpi is for, as it is asked for.
_PERCEPTRON: dict[str, Any] = {
    "data": "patterns",
    "classes": 2,
    "images": "true",
    "network": "mlp",
    "hidden": None,
    "weights": "binary",
    "freeze_weights": False,
    "norm": "none",
    "bias": "no",
    "batch_size": 1,
}


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
        "adam, sgd (--momentum), bop: binary weights without latent values, or sbpi: a single "
        "binary output, pattern by pattern (docs/training.md)",
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

    sbpi_probability: float | None = option_field(
        "with --optimizer sbpi: with which a pattern that is right by less than --margin is "
        f"reinforced (default: {DEFAULTS['sbpi_probability']})",
        Decides.OUTCOME,
        parse=fraction,
        metavar="F",
    )

    @property
    def optimizer_options(self) -> dict[str, Any]:
        """By name what the chosen optimizer is told: the options that are its own, and others."""
        names = (*OPTIMIZERS[self.optimizer], *TOLD.get(self.optimizer, ()))
        return {name: getattr(self, name) for name in names}

    @property
    def latent_weights(self) -> bool:
        """Whether the optimizer moves real values, of which the binary weights are the signs."""
        return self.optimizer not in WITHOUT_LATENT_WEIGHTS


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
    if chosen.optimizer == "sbpi":
        _check_perceptron(parser, chosen)


def _check_perceptron(parser: ArgumentParser, chosen: argparse.Namespace) -> None:
    for name, wanted in _PERCEPTRON.items():
        value = getattr(chosen, name)
        if value == wanted:
            continue
        needed = f"{flag(name)} {wanted}" if wanted else f"no {flag(name)}"
        parser.error(
            f"--optimizer sbpi trains a single binary output on patterns of two classes, one by "
            f"one: it needs {needed}"
        )
