"""Epochs on standard output, in the lines that BinaryNet's training loop printed in 2017."""

from __future__ import annotations

import time

from training_loop import metrics
from training_loop.observers import Observer


class PrintedEpochs(Observer):
    """Prints each epoch: its learning rate, losses and errors, and the best epoch so far.

    As in BinaryNet, loss and error of the test set are those of the best epoch: the last one whose
    validation error is the lowest.
    """

    def __init__(self, epochs: int):
        self._epochs = epochs
        self._began = 0.0
        self._best: metrics.Row = {}

    def epoch_begins(self, epoch, learning_rate, images):
        self._began = time.monotonic()

    def epoch_ends(self, row, evaluations):
        seconds = time.monotonic() - self._began
        if not self._best or row[metrics.BEST_EPOCH] == row[metrics.EPOCH]:
            self._best = dict(row)
        print(f"Epoch {row[metrics.EPOCH]} of {self._epochs} took {seconds:.3f}s")
        for name, value in (
            ("LR", row[metrics.LEARNING_RATE]),
            ("training loss", row[metrics.STEP_LOSS]),
            ("validation loss", row[metrics.loss("validation")]),
            ("validation error rate", _percent(row[metrics.error("validation")])),
            ("best epoch", row[metrics.BEST_EPOCH]),
            ("best validation error rate", _percent(row[metrics.BEST_ERROR])),
            ("test loss", self._best[metrics.loss("test")]),
            ("test error rate", _percent(self._best[metrics.error("test")])),
        ):
            print(f"  {name + ':':<30} {value}", flush=True)


def _percent(share: float) -> str:
    return f"{100 * share}%"
