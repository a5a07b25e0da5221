"""What the training loop tells of its course, and whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training_loop import metrics
from training_loop.evaluation import Evaluation


class Observer:
    """Somebody who is told of a run's course; methods that a subclass leaves out do nothing.

    The loop asks all of its observers for their measurements of an epoch before it tells any of
    them that the epoch has ended, so that their order does not matter.
    """

    def epoch_begins(self, epoch: int, learning_rate: float, images: int) -> None:
        """Before the first batch of `epoch` (counted from 1), which will train on `images`."""

    def batch_ends(self, images: int, loss: Any) -> None:
        """After a batch of `images`; `loss` may still be on its way from a device."""

    def testing_begins(self, set_name: str, images: int) -> None:
        """Before a test pass over "training", "validation" or "test"."""

    def testing_batch_ends(self, images: int) -> None:
        """After a test batch of `images`."""

    def measure(self, epoch: int, evaluations: Mapping[str, Evaluation]) -> Mapping[str, float]:
        """Columns to add to the metrics of `epoch`, after its test passes, by set."""
        return {}

    def epoch_ends(self, row: metrics.Row, evaluations: Mapping[str, Evaluation]) -> None:
        """After all of an epoch: its metrics, what was measured included, and its test passes."""


class Observers(Observer):
    """Several observers as one; each is told in turn."""

    def __init__(self, *observers: Observer):
        self._observers = observers

    def epoch_begins(self, epoch, learning_rate, images):
        for observer in self._observers:
            observer.epoch_begins(epoch, learning_rate, images)

    def batch_ends(self, images, loss):
        for observer in self._observers:
            observer.batch_ends(images, loss)

    def testing_begins(self, set_name, images):
        for observer in self._observers:
            observer.testing_begins(set_name, images)

    def testing_batch_ends(self, images):
        for observer in self._observers:
            observer.testing_batch_ends(images)

    def measure(self, epoch, evaluations):
        columns = (observer.measure(epoch, evaluations) for observer in self._observers)
        return metrics.merged({}, *columns)

    def epoch_ends(self, row, evaluations):
        for observer in self._observers:
            observer.epoch_ends(row, evaluations)
