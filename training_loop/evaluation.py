"""Test passes: each image's loss and prediction, and what follows from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Examples:
    """A set to train or to test on.

    `inputs` (n, ...) are what a function is given, cut along the first axis: images, or image
    numbers where the functions hold the images themselves. `labels` are (n,), or one-hot targets
    (n, classes) of any coding.
    """

    inputs: Any
    labels: Any

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, chosen: Any) -> Examples:
        return Examples(self.inputs[chosen], self.labels[chosen])


@dataclass(frozen=True)
class Evaluation:
    """A test pass over one set.

    `losses` (n,) float: each image's loss; `predictions` (n,) int64: each image's predicted class;
    `labels` (n,) int64.
    """

    losses: np.ndarray
    predictions: np.ndarray
    labels: np.ndarray

    @property
    def loss(self) -> float:
        """Mean loss; NaN for an empty set."""
        return float(np.mean(self.losses, dtype=np.float64)) if len(self.losses) else math.nan

    @property
    def error(self) -> float:
        """Share of images whose prediction is not their label, 0 to 1; NaN for an empty set."""
        return share(self.predictions != self.labels)

    def class_errors(self, n_classes: int) -> list[float]:
        """`error` of the images of each class; NaN for a class that does not occur."""
        wrong = self.predictions != self.labels
        return [share(wrong, self.labels == label) for label in range(n_classes)]


@dataclass(frozen=True)
class MeansOfBatches(Evaluation):
    """A test pass that told no more than the mean loss and error of each batch.

    `losses` (n,) and `errors` (n,) float: what was told of each image's batch, so that their means
    weight a batch by its size. There are no `predictions`, and no errors of single classes.
    """

    errors: np.ndarray

    @property
    def error(self) -> float:
        """Share of images whose prediction is not their label, 0 to 1; NaN for an empty set."""
        return float(np.mean(self.errors, dtype=np.float64)) if len(self.errors) else math.nan

    def class_errors(self, n_classes: int) -> list[float]:
        """NaN for every class."""
        return [math.nan] * n_classes


def share(flags: np.ndarray, among: Any = slice(None)) -> float:
    """The share of true `flags` (n,) bool, or of those in the mask `among`; NaN of none."""
    chosen = flags[among]
    return float(np.mean(chosen)) if len(chosen) else math.nan


def class_numbers(targets: np.ndarray) -> np.ndarray:
    """Labels (n,) int64 from labels (n,) or from one-hot targets (n, classes) of any coding."""
    targets = np.asarray(targets)
    return (targets.argmax(axis=1) if targets.ndim == 2 else targets).astype(np.int64)


def batches(order: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    """`order` cut into pieces of `batch_size`; the last may be shorter."""
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


def evaluate(
    val_fn: Callable, X, y, batch_size: int, batch_ends: Callable[[int], None] = lambda images: None
) -> Evaluation:
    """One test pass over all of X (n, ...) and y (n,) or (n, classes), the last batch included.

    `val_fn(X_batch, y_batch)` returns each image's loss (batch,) and predicted class (batch,), or
    two numbers: the batch's mean loss and its share of wrong predictions.
    """
    losses: list[np.ndarray] = []
    told: list[np.ndarray] = []
    only_means = False
    for chosen in batches(np.arange(len(X)), batch_size):
        batch_losses, batch_told = val_fn(X[chosen], y[chosen])
        only_means = np.ndim(batch_losses) == 0
        if only_means:
            batch_losses = np.full(len(chosen), batch_losses)
            batch_told = np.full(len(chosen), batch_told)
        losses.append(np.asarray(batch_losses))
        told.append(np.asarray(batch_told))
        batch_ends(len(chosen))
    all_losses = np.concatenate(losses) if losses else np.zeros(0)
    labels = class_numbers(y)
    if only_means:
        no_predictions = np.zeros(0, np.int64)
        return MeansOfBatches(all_losses, no_predictions, labels, np.concatenate(told))
    predictions = np.concatenate(told).astype(np.int64) if told else np.zeros(0, np.int64)
    return Evaluation(all_losses, predictions, labels)
