"""The options that all experiments share; nothing here imports Theano, so `--help` is quick.

A module for each subject; `OPTIONS` has them all, in the order of --help and of a run's name.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from memorization.command_line import ArgumentParser
from memorization.option import Option, flag
from memorization.options.data import ChangedDataOptions, DataOptions, check_data
from memorization.options.network import NetworkOptions, check_network
from memorization.options.optimizer import OptimizerOptions, check_optimizer
from memorization.options.run import DEVICES, RunOptions, check_run
from memorization.options.training import TrainingOptions


# The last one named has its fields first.
@dataclass(frozen=True)
class Options(
    RunOptions,
    ChangedDataOptions,
    NetworkOptions,
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
        return {"experiment": self.experiment, **values}

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
    for check in (check_run, check_data, check_network, check_optimizer):
        check(parser, chosen)
    command = sys.argv if argv is None else [script, *argv]
    return Options(experiment=Path(script).stem, **vars(chosen), command=tuple(command))


__all__ = ["DEVICES", "OPTIONS", "Options", "flag", "parse"]
