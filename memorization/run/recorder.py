"""The only writer of a run's folder while the run goes on."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from datasets.labelled_sets import LabelledSets
from foundations import files
from foundations.errors import UserError
from memorization import stopping
from memorization.run import state
from memorization.run.folder import METRICS_FILE, new_folder, save_metrics
from memorization.run.labels import save_labels
from memorization.run.record import save_record
from training_loop import loop as training


class Recorder(training.Observer):
    """Writes metrics and state after every epoch, and the state of a run that is stopped.

    `variables` are all that a run has to find again as it was; `progress` is how far it has come.
    """

    def __init__(self, folder: Path, record: dict[str, Any], variables: Sequence[Any]):
        self._folder = folder
        self._record = record
        self._variables = variables
        self.progress = state.Progress()
        self._rows: list[dict[str, float]] = []

    def begin(self, data: LabelledSets) -> None:
        """Make the folder of a new run: its labels, its first state, and last its record."""
        with new_folder(self._folder) as new:
            save_labels(new, data)
            state.save(new / state.STATE_FILE, self._variables, self.progress)
            save_record(new, self._record)

    def resume(self, save_parameters: Callable[[str], None]) -> None:
        """Load the state; where metrics and parameters differ from it, write them again from it.

        `save_parameters` writes the network's parameters to a path.
        """
        files.remove_leftovers(self._folder)
        self.progress = state.load(self._folder / state.STATE_FILE, self._variables)
        self._rows = list(self.progress.history)
        if self._rows:
            save_metrics(self._folder / METRICS_FILE, self._rows)
            if not self.progress.batches:
                save_parameters(str(self._folder / self._record["parameters"]))

    def epoch_ends(self, row, evaluations):
        self._rows.append(row)
        save_metrics(self._folder / METRICS_FILE, self._rows)
        options = self._record["options"]
        last = len(self._rows) == options["epochs"]
        if last or len(self._rows) % options["save_every"] == 0:
            self._save(state.Progress(self._rows))

    def interrupted(
        self, stopped: training.Stopped, signal_number: int | None
    ) -> stopping.Interrupted:
        """Save where `stopped` left the run; the exception that tells the user how to go on."""
        try:
            self._save(state.Progress(self._rows, stopped.batches, stopped.loss_sum))
        except files.WriteError as error:
            raise self.unwritable(error) from error
        return stopping.Interrupted(
            f"stopped after {len(self._rows)} epochs and {stopped.batches} batches; nothing is "
            f"lost, go on with: {resuming_command()}",
            signal_number or signal.SIGINT,
        )

    def unwritable(self, error: files.WriteError) -> UserError:
        """`error`, what of a run that can no longer write is saved, and how to go on from there."""
        path = self._folder / state.STATE_FILE
        if not path.exists():
            return UserError(
                f"{error}; nothing of the run is left in {self._folder}: start it again"
            )
        epochs = len(state.read_progress(path).history)
        return UserError(
            f"{error}; what was saved after {epochs} epochs is whole: when there is room, go on "
            f"with: {resuming_command()}"
        )

    def _save(self, progress: state.Progress) -> None:
        state.save(self._folder / state.STATE_FILE, self._variables, progress)


def resuming_command() -> str:
    """What the user types to go on with the run that this command began."""
    words = [word for word in sys.argv if word not in ("--overwrite", "--resume")]
    return f"python {shlex.join([*words, '--resume'])}"
