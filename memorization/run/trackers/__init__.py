"""Trackers that are told of a run beside its folder: TensorBoard, Weights & Biases, MLflow.

A module for each, named as its option, with `check_installed` and `open_run`. All get the same:
every epoch's metrics under the tags of `described`, the options, the record, the contact sheet.
None can harm the run: one that fails is told of in a line and left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from foundations import files, reading
from memorization.options import Options, flag
from memorization.run.record import load_record
from memorization.run.trackers import described, mlflow, tensorboard, wandb
from memorization.run.trackers.described import Tracker
from training_loop import metrics
from training_loop.observers import Observer

TRACKERS: dict[str, Any] = {"tensorboard": tensorboard, "wandb": wandb, "mlflow": mlflow}
# In the run's folder: what the packages call the run, to go on with it.
IDENTITIES_FILE = "trackers.json"


class Trackers(Observer):
    """The trackers that the options `chosen` name, of the run in `folder`; a context.

    Raises UserError where a package is missing. `say` and `warn` take a line for the user.
    """

    def __init__(
        self,
        chosen: Options,
        folder: Path,
        say: Callable[[str], None],
        warn: Callable[[str], None],
    ):
        self._chosen = {name: of for name, of in TRACKERS.items() if getattr(chosen, name)}
        for module in self._chosen.values():
            module.check_installed()
        self._folder, self._say, self._warn = folder, say, warn
        self._open: dict[str, Tracker] = {}
        self._class_names: Sequence[str] = ()

    def __enter__(self) -> Trackers:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._each(lambda tracker: tracker.close(finished=kind is None))
        self._open = {}

    def begin(self, history: Sequence[metrics.Row]) -> None:
        """Open what is tracked of the run, whose finished epochs are `history`.

        A tracker that was not told of some of them is told now.
        """
        if not self._chosen:
            return
        record = load_record(self._folder)
        self._class_names = record["data"]["class_names"]
        for name, module in self._chosen.items():
            try:
                identity = self._identities().get(name)
                tracker = module.open_run(self._folder, record, identity, len(history))
                self._open[name] = tracker
                if tracker.identity is not None:
                    identities = {**self._identities(), name: tracker.identity}
                    files.save_json(self._folder / IDENTITIES_FILE, identities)
                self._say(f"{flag(name)}: {tracker.place}")
            except Exception as failure:
                self._leave(name, failure)
        for row in history:
            self.epoch_ends(row, {})

    def epoch_ends(self, row, evaluations):
        epoch = int(row[metrics.EPOCH])

        def log(tracker: Tracker) -> None:
            # Told before the process that told it was killed; it trains to the same again.
            if epoch > tracker.epochs:
                tracker.log(epoch, described.values(row, self._class_names))

        self._each(log)

    def add_picture(self, name: str, history: Sequence[metrics.Row]) -> None:
        """Add the picture `name`.png of the run, where there is one, whose epochs are `history`."""
        path = self._folder / f"{name}.png"
        if path.exists():
            if not self._open:
                self.begin(history)
            self._each(lambda tracker: tracker.add_picture(f"run/{name}", path))

    def _each(self, act: Callable[[Tracker], None]) -> None:
        for name, tracker in list(self._open.items()):
            try:
                act(tracker)
            except Exception as failure:
                self._leave(name, failure)

    def _leave(self, name: str, failure: Exception) -> None:
        self._open.pop(name, None)
        told = reading.printable(f"{type(failure).__name__}: {failure}")
        self._warn(f"{flag(name)} failed, and the run goes on without it: {told}")

    def _identities(self) -> dict[str, str]:
        path = self._folder / IDENTITIES_FILE
        if not path.exists():
            return {}
        with reading.file_errors(path, "no names of tracked runs"):
            identities = reading.load_json(path)
            reading.check_fields(identities, dict.fromkeys(identities, str))
        return identities
