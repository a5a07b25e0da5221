"""The only writer of a run's folder while the run goes on."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from datasets.labelled_sets import LabelledSets
from foundations import files
from foundations.errors import UserError
from foundations.reading import pasteable
from memorization.run import state
from memorization.run.folder import (
    LAST_FILE,
    METRICS_FILE,
    discard,
    new_folder,
    remove_leftovers,
    save_metrics,
)
from memorization.run.labels import save_labels
from memorization.run.record import (
    changed_environment,
    continued,
    ended,
    load_record,
    save_record,
)
from memorization.run.settings import lengthened
from memorization.signals import Interrupted
from training_loop import metrics
from training_loop.observers import Observer
from training_loop.progress import Progress


class Kept(Protocol):
    """The parameters that a run saves: of which epoch, and how they are written."""

    def epoch_ends(self, row: metrics.Row) -> None:
        """The epoch of `row` has ended; what is kept may be another."""

    def save(self, path: Path) -> None:
        """Write to `path` what is kept."""


class Recorder(Observer):
    """Writes parameters, metrics and state every --save-every epochs, and where a run is stopped.

    `variables` are all that a run has to find again as it was, by name; `kept` its parameters;
    `command`, a script and its options, began the run. `progress`, how far the run has come, is the
    loop's to advance.
    """

    def __init__(
        self,
        folder: Path,
        record: dict[str, Any],
        variables: Mapping[str, Any],
        kept: Kept,
        command: Sequence[str],
    ):
        self.folder = folder
        self._record = record
        self._variables = variables
        self._kept = kept
        self._command = command
        self._parameters_file = folder / record["parameters"]
        self._text = metrics.CsvText()
        self.progress = Progress()

    def begin(self, data: LabelledSets) -> None:
        """Make the folder of a new run: its labels, its first state, and last its record."""
        with new_folder(self.folder) as new:
            save_labels(new, data)
            state.save(new / state.STATE_FILE, self._variables, self.progress)
            save_record(new, self._record)

    def resume(self) -> str:
        """Load the state; where metrics and parameters differ from it, write them again from it.

        Records the environment where it is another than before, and returns what differs; "" where
        nothing does.
        """
        remove_leftovers(self.folder)
        self.progress = state.load(self.folder / state.STATE_FILE, self._variables)
        if self.progress.history:
            self._save_metrics()
            if not self.progress.batches:
                self._kept.epoch_ends(self.progress.history[-1])
                self._kept.save(self._parameters_file)
        earlier = load_record(self.folder)
        if lengthened(earlier["options"], self._record["options"]):
            # What is drawn would pass for the figures of the whole.
            (self.folder / LAST_FILE).unlink(missing_ok=True)
        save_record(self.folder, continued(earlier, self._record, self.progress.epoch))
        return changed_environment(earlier, self._record)

    def epoch_ends(self, row, evaluations):
        self._kept.epoch_ends(row)
        rows = self.progress.history
        options = self._record["options"]
        last = metrics.ended(rows, options["epochs"], options["stop_at"])
        if last or len(rows) % options["save_every"] == 0:
            self._save()

    def ended(self) -> None:
        """Record when this process has ended, and how long it took."""
        save_record(self.folder, ended(load_record(self.folder)))

    def interrupted(self, signal_number: int | None) -> Interrupted:
        """Save where the run was stopped; the exception that tells the user how to go on."""
        try:
            self._save()
            self.ended()
        except files.WriteError as error:
            raise self.unwritable(error) from error
        done = f"{len(self.progress.history)} epochs and {self.progress.batches} batches"
        return Interrupted(
            f"stopped after {done}; nothing is lost, go on with: {self.resuming_command}",
            signal_number or signal.SIGINT,
        )

    def discard(self) -> None:
        """Take away a run on which nothing was trained, as if it had not begun."""
        if self.progress == Progress():
            discard(self.folder)

    def unwritable(self, error: files.WriteError) -> UserError:
        """`error`, what of a run that can no longer write is saved, and how to go on from there."""
        path = self.folder / state.STATE_FILE
        if not path.exists():
            return UserError(
                f"{error}; nothing of the run is left in {self.folder}: start it again"
            )
        epochs = len(state.read_progress(path).history)
        return UserError(
            f"{error}; what was saved after {epochs} epochs is whole: when there is room, go on "
            f"with: {self.resuming_command}"
        )

    @property
    def resuming_command(self) -> str:
        """What the user types to go on with the run."""
        return resuming_command(self._command, self.folder)

    def _save(self) -> None:
        # The parameters' file has those of whole epochs alone.
        if self.progress.history and not self.progress.batches:
            self._kept.save(self._parameters_file)
        if self.progress.history:
            self._save_metrics()
        self._save_state()

    def _save_metrics(self) -> None:
        save_metrics(self.folder / METRICS_FILE, self.progress.history, self._text)

    def _save_state(self) -> None:
        state.save(self.folder / state.STATE_FILE, self._variables, self.progress)


def resuming_command(command: Sequence[str], folder: Path) -> str:
    """What the user types to go on with the run in `folder` that `command`, a script and its
    options, began: options and the data's folder are in the run's record."""
    return pasteable([sys.executable, command[0], "--resume", str(folder)])


def same_command(command: Sequence[str]) -> str:
    """What the user types to begin again as `command` did."""
    return pasteable([sys.executable, *command])
