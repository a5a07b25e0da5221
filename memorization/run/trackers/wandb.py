"""A run in Weights & Biases (`--wandb`); WANDB_MODE=offline keeps it in the run's folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from foundations.errors import UserError
from memorization.run.trackers.described import RECORD, record_text

PROJECT = "binarized-memorization"
EPOCH = "epoch"


def check_installed() -> None:
    """Raise UserError where the package is not installed."""
    _package()


def open_run(
    folder: Path, record: Mapping[str, Any], identity: str | None, epochs_done: int
) -> _Run:
    """The run `identity`, or a new one, with the options as its config and the record as text.

    An offline run goes on in a folder of its own beside the earlier one, under the same identity.
    """
    wandb = _package()
    run = wandb.init(
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        group=record["experiment"],
        name=folder.name,
        dir=os.environ.get("WANDB_DIR", str(folder)),
        id=identity or uuid4().hex,
        resume="allow",
        # Its own capture of the streams would take the terminal away from the bars.
        settings=wandb.Settings(silent=True, console="off"),
    )
    run.config.update(dict(record["options"]), allow_val_change=True)
    run.define_metric(EPOCH)
    run.define_metric("*", step_metric=EPOCH)
    run.summary[RECORD] = record_text(record)
    if run.settings._offline:
        return _Run(wandb, run, str(run.settings.sync_dir), epochs_done if identity else 0)
    return _Run(wandb, run, run.url, int(run.summary.get(EPOCH, 0)))


class _Run:
    def __init__(self, wandb: Any, run: Any, place: str, epochs: int):
        self._wandb, self._run = wandb, run
        self.identity, self.place, self.epochs = run.id, place, epochs

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        self._run.log({EPOCH: epoch, **values})

    def add_picture(self, tag: str, path: Path) -> None:
        self._run.log({tag: self._wandb.Image(str(path))})

    def close(self, finished: bool) -> None:
        self._run.finish(exit_code=0 if finished else 1)


def _package() -> Any:
    try:
        import wandb
    except ImportError:
        raise UserError(
            "--wandb needs wandb: make venv EXTRAS=wandb, or pip install wandb"
        ) from None
    return wandb
