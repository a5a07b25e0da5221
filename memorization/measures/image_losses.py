"""`image_losses.h5`: loss and margin of every training image after every epoch (--history).

The file has its whole length from the beginning, NaN where no epoch has been yet: an epoch is
written into its place and nothing else of the file changes, so that a kill leaves a file that can
be read, and a disk that is too full is known of before the first epoch.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from foundations import files, reading
from foundations.errors import UserError
from training_loop.evaluation import Evaluation
from training_loop.observers import Observer

LOSSES_FILE = "image_losses.h5"
NAMES = ("losses", "margins")
_DTYPE = np.dtype("<f4")


def _opened(path: Path | str, mode: str) -> Any:
    # Its folder is locked already; who looks into it meanwhile is not to stop the run.
    return h5py.File(path, mode, locking=False)


class ImageLosses(Observer):
    """Keeps losses and margins of a run's `images` training images over `epochs` epochs.

    Its file in the run's `folder` holds `losses` and `margins`, (epochs, images) float32, a row for
    each epoch, the images in the order of labels.npz's training_numbers. It is to be told of an
    epoch's end before the state is saved, and to be given the test function (`watched`).
    """

    def __init__(self, folder: Path, images: int, epochs: int):
        self._path = folder / LOSSES_FILE
        self._shape = (epochs, images)
        self._ready = False
        self._margins: list[np.ndarray] = []
        self._in_training_set = False

    @property
    def bytes(self) -> int:
        """The size of the file, but for some kilobytes of its own."""
        return len(NAMES) * _DTYPE.itemsize * self._shape[0] * self._shape[1]

    @property
    def remark(self) -> str:
        """What the user is told before the run begins."""
        epochs, images = self._shape
        return (
            f"--history losses: {self.bytes / 1e6:,.1f} MB in {LOSSES_FILE} "
            f"({images:,} images, {epochs:,} epochs)"
        )

    def check_room(self) -> None:
        """Raise UserError where the disk has no room for a file that is not there yet."""
        place = next(folder for folder in self._path.absolute().parents if folder.exists())
        free = shutil.disk_usage(place).free
        if not self._path.exists() and free < self.bytes:
            raise UserError(
                f"--history losses needs {self.bytes / 1e6:,.0f} MB, of which {place} has "
                f"{free / 1e6:,.0f} free; make room, or leave it out"
            )

    def watched(self, test: Callable) -> Callable:
        """The function `test`, which returns margins (batch,) besides, without these.

        They are kept where the pass is one over the training set.
        """

        def call(inputs: Any, labels: Any) -> tuple[Any, Any]:
            losses, predictions, margins = test(inputs, labels)
            if self._in_training_set:
                self._margins.append(np.array(margins, _DTYPE))
            return losses, predictions

        return call

    def epoch_begins(self, epoch, learning_rate, images):
        """At the first that this process trains: make the file, or cut it back to what was saved.

        Raises UserError where the file of a run that goes on is missing, damaged or another's.
        """
        if not self._ready:
            self._prepare(epoch - 1)
            self._ready = True

    def _prepare(self, done: int) -> None:
        if not done:
            self._make(())
            return
        with self._reading(), _opened(self._path, "r+") as stored:
            epochs = self._check(stored, done)
            if epochs == self._shape[0]:
                for name in NAMES:
                    stored[name][done:] = np.nan
                return
        # A run that is to last longer, or shorter, than before.
        with self._reading(), _opened(self._path, "r") as stored:
            self._make([stored[name] for name in NAMES], done)

    def _reading(self) -> AbstractContextManager[None]:
        problem = "no readable history of the images' losses"
        return reading.file_errors(self._path, problem, advice="start over with --overwrite")

    def _check(self, stored: Any, done: int) -> int:
        """How many epochs there is room for; ValueError where `stored` is no such file."""
        epochs = len(stored[NAMES[0]])
        for name in NAMES:
            found = stored[name]
            wanted = (epochs, self._shape[1])
            if (found.shape, found.dtype) != (wanted, _DTYPE) or epochs < done:
                raise ValueError(f"{name} is {found.dtype} of shape {found.shape}")
        return epochs

    def _make(self, earlier: Any, done: int = 0) -> None:
        """Write the file anew, its first `done` epochs those of the datasets `earlier`."""
        with (
            files.replacing(self._path) as aside,
            self._errors(),
            _opened(aside.name, "w") as stored,
        ):
            for number, name in enumerate(NAMES):
                rows = stored.create_dataset(name, self._shape, _DTYPE, fillvalue=np.nan)
                for epoch in range(self._shape[0]):
                    rows[epoch] = earlier[number][epoch] if epoch < done else np.nan

    def testing_begins(self, set_name, images):
        self._in_training_set = set_name == "training"
        if self._in_training_set:
            self._margins = []

    def epoch_ends(self, row: Mapping[str, float], evaluations: Mapping[str, Evaluation]) -> None:
        """Write the row of the epoch that has ended; raises WriteError where the system refuses."""
        epoch = int(row["epoch"])
        rows = (evaluations["training"].losses, np.concatenate(self._margins))
        with self._errors():
            with _opened(self._path, "r+") as stored:
                for name, values in zip(NAMES, rows):
                    stored[name][epoch - 1] = values
            with open(self._path, "rb") as written:
                os.fsync(written.fileno())

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """What HDF5 cannot write is told as of any file of the run."""
        try:
            yield
        except OSError as error:
            raise files.WriteError(
                f"{self._path}: cannot be written ({reading.reason(error)})"
            ) from error
