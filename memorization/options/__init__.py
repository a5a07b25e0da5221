"""The options that all experiments share; nothing here imports Theano, so `--help` is quick.

A module for each subject; `OPTIONS` has them all, in the order of --help and of a run's name.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from memorization.command_line import ArgumentParser
from memorization.option import Option, flag
from memorization.options.data import ChangedDataOptions, DataOptions, check_data
from memorization.options.network import NetworkOptions, check_network
from memorization.options.optimizer import OptimizerOptions, check_optimizer
from memorization.options.regularisers import RegularisationOptions, check_regularisers
from memorization.options.run import DEVICES, RunOptions, check_run
from memorization.options.training import TrainingOptions


# The last one named has its fields first.
@dataclass(frozen=True)
class Options(
    RunOptions,
    ChangedDataOptions,
    NetworkOptions,
    RegularisationOptions,
    OptimizerOptions,
    TrainingOptions,
    DataOptions,
):
    """One run's options; every experiment sets the defaults that are its own."""

    # Named after the script; no option.
    experiment: str = field(kw_only=True)
    # The script and its options, as whoever goes on with the run has to give them; no option.
    command: tuple[str, ...] = ()

    def recorded(self) -> dict[str, Any]:
        """The experiment and all options, ready for JSON."""
        values = {name: getattr(self, name) for name in OPTIONS}
        lists = {name: list(v) for name, v in values.items() if isinstance(v, tuple)}
        return {"experiment": self.experiment, **values, **lists}

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
        teacher = {} if self.teacher is None else {"teacher": list(self.teacher)}
        return {
            **{"count": count, "dimensions": dimensions, "classes": self.classes},
            **{**seeds, **teacher},
        }

    @property
    def lr_decay(self) -> float:
        """What the learning rate is multiplied with after each epoch."""
        epochs = self.epochs if self.decay_epochs is None else self.decay_epochs
        return (self.lr_fin / self.lr_start) ** (1.0 / max(epochs, 1))


OPTIONS: dict[str, Option] = {
    option.name: option.metadata["option"] for option in fields(Options) if option.metadata
}


Values = dict[str, Any]


def parse(
    script: str,
    documentation: str | None,
    argv: Sequence[str] | None,
    earlier: Callable[[str, Values, Values], Values] = lambda experiment, given, defaults: {},
    **defaults: Any,
) -> Options:
    """The options of `script`, whose docstring is `documentation`, from the command line `argv`.

    The experiment is named after the script. `defaults` are its own values of any of `Options`.
    What is not given is as `earlier` has it, or else as the defaults are; it is called with the
    experiment's name, what is given, and the defaults.
    """
    experiment = Path(script).stem
    own: Values = {name: option.default for name, option in OPTIONS.items()}
    if unknown := defaults.keys() - own.keys():
        raise TypeError(f"no such options: {sorted(unknown)}")
    own.update(defaults)
    parser = ArgumentParser(Path(script).name, documentation)
    for name, option in OPTIONS.items():
        absent: Values = {"default": argparse.SUPPRESS}
        if option.parse is None:
            parser.add_argument(flag(name), action="store_true", help=option.help, **absent)
            continue
        value = own[name]
        shown = " ".join(map(str, value)) if isinstance(value, tuple) else value
        told = value is not None and value is not False
        text = f"{option.help} (default: {shown})" if told else option.help
        parser.add_argument(
            flag(name),
            type=option.parse,
            metavar=option.metavar,
            choices=option.choices,
            nargs=option.nargs,
            const=True if option.nargs == "?" else None,
            help=text.replace("%", "%%"),
            **absent,
        )
    given = vars(parser.parse_args(argv))
    for other in ("overwrite", "config"):
        if given.get("resume") and given.get(other):
            parser.error(f"--resume and {flag(other)} exclude each other")
    before = earlier(experiment, given, own)
    chosen = argparse.Namespace(**{**own, **before, **given})
    chosen.resume = before.get("resume", chosen.resume)
    for check in (check_run, check_data, check_network, check_optimizer):
        check(parser, chosen)
    check_regularisers(parser, chosen, own["l2"])
    for name, value in vars(chosen).items():
        # Equal to a default, and to be changed by nobody.
        setattr(chosen, name, tuple(value) if isinstance(value, list) else value)
    command = sys.argv if argv is None else [script, *argv]
    return Options(experiment=experiment, **vars(chosen), command=tuple(command))


__all__ = ["DEVICES", "OPTIONS", "Options", "flag", "parse"]
