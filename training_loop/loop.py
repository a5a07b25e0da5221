"""The training loop: epochs of shuffled batches, each followed by one test pass over every set."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from foundations import files
from foundations.errors import UserError


class DivergenceError(UserError, FloatingPointError):
    """The training loss became NaN or infinite; the message names epoch and batch."""


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


def share(flags: np.ndarray, among: Any = slice(None)) -> float:
    """The share of true `flags` (n,) bool, or of those in the mask `among`; NaN of none."""
    chosen = flags[among]
    return float(np.mean(chosen)) if len(chosen) else math.nan


class Stopped(Exception):  # noqa: N818 - the caller asked for it; nothing went wrong
    """A run was asked to stop and did, after `batches` of the epoch that follows the history."""

    def __init__(self, batches: int, loss_sum: float):
        super().__init__(f"stopped after {batches} batches")
        self.batches = batches
        self.loss_sum = loss_sum


class Observer:
    """What `train` tells of its course; methods that a subclass leaves out do nothing."""

    def epoch_begins(self, epoch: int, learning_rate: float, images: int) -> None:
        """Before the first batch of `epoch` (counted from 1), which will train on `images`."""

    def batch_ends(self, images: int, loss: Any) -> None:
        """After a batch of `images`; `loss` may still be on its way from a device."""

    def testing_begins(self, set_name: str, images: int) -> None:
        """Before a test pass over "training", "validation" or "test"."""

    def testing_batch_ends(self, images: int) -> None:
        """After a test batch of `images`."""

    def epoch_ends(self, row: dict[str, float], evaluations: dict[str, Evaluation]) -> None:
        """After all of an epoch, its parameters saved: its line of metrics and its test passes."""


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

    def epoch_ends(self, row, evaluations):
        for observer in self._observers:
            observer.epoch_ends(row, evaluations)


def class_numbers(targets: np.ndarray) -> np.ndarray:
    """Labels (n,) int64 from labels (n,) or from one-hot targets (n, classes) of any coding."""
    targets = np.asarray(targets)
    return (targets.argmax(axis=1) if targets.ndim == 2 else targets).astype(np.int64)


def batches(order: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    """`order` cut into pieces of `batch_size`; the last may be shorter."""
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


def shuffled(n: int, seed: int, epoch: int, parts: int = 1) -> np.ndarray:
    """The order, int64 (n,), in which `epoch` visits n images; depends on its arguments alone.

    Being free of state, it is the same after a resume. With `parts` > 1 images stay within their
    part, as in the original, which shuffled large sets piecewise.
    """
    # numpy's frozen stream: the same order in every version.
    state = np.random.RandomState(np.random.MT19937(np.random.SeedSequence([seed, epoch])))
    return np.concatenate([state.permutation(p) for p in np.array_split(np.arange(n), parts)])


def evaluate(
    val_fn: Callable, X, y, batch_size: int, batch_ends: Callable[[int], None] = lambda images: None
) -> Evaluation:
    """One test pass over all of X (n, ...) and y (n,) or (n, classes), the last batch included.

    `val_fn(X_batch, y_batch)` returns each image's loss (batch,) and predicted class (batch,).
    """
    losses: list[np.ndarray] = []
    predictions: list[np.ndarray] = []
    for chosen in batches(np.arange(len(X)), batch_size):
        batch_losses, batch_predictions = val_fn(X[chosen], y[chosen])
        losses.append(np.asarray(batch_losses))
        predictions.append(np.asarray(batch_predictions))
        batch_ends(len(chosen))
    return Evaluation(
        np.concatenate(losses) if losses else np.zeros(0),
        np.concatenate(predictions).astype(np.int64) if losses else np.zeros(0, np.int64),
        class_numbers(y),
    )


def train(
    train_fn: Callable,
    val_fn: Callable,
    model,
    batch_size: int,
    LR_start: float,
    LR_decay: float,
    num_epochs: int,
    X_train,
    y_train,
    X_val,
    y_val,
    X_test,
    y_test,
    save_path: str | None = None,
    shuffle_parts: int = 1,
    *,
    test_batch_size: int | None = None,
    drop_last: bool = False,
    seed: int = 0,
    history: Sequence[dict[str, float]] = (),
    batches_done: int = 0,
    loss_sum: float = 0.0,
    stop: Callable[[], bool] = lambda: False,
    observer: Observer | None = None,
) -> list[dict[str, float]]:
    """Train `model` and test it on all three sets after every epoch; returns the lines of metrics.

    train_fn(X_batch, y_batch, learning_rate) updates the parameters and returns the batch's mean
    loss; val_fn(X_batch, y_batch) returns each image's loss and predicted class. The X are arrays
    indexed along their first axis: images, or image numbers where the functions hold the images
    themselves; the y are labels (n,) or one-hot targets (n, classes).

    The learning rate of epoch e, counted from 0, is `LR_start * LR_decay ** e`. Batches are drawn
    in an order that depends on `seed` and epoch alone. `drop_last` leaves out a last partial batch,
    as the original did. `save_path` receives the parameters after every epoch, as `arr_0.npy`,
    `arr_1.npy` ... in `get_all_params` order.

    A run that goes on: `history` holds the lines of the epochs already done, and of the next one
    `batches_done` have been trained on, whose losses, each times its images, sum to `loss_sum`.
    `stop` is asked after every batch of training and every epoch.

    Raises DivergenceError at the first batch whose loss is not finite, Stopped when `stop` says so.
    """
    observer = observer or Observer()
    rows = [dict(row) for row in history]
    n_classes = 1 + max(int(class_numbers(y).max(initial=0)) for y in (y_train, y_val, y_test))
    sets = {"training": (X_train, y_train), "validation": (X_val, y_val), "test": (X_test, y_test)}
    for epoch in range(len(rows), num_epochs):
        learning_rate = LR_start * LR_decay**epoch
        order = shuffled(len(X_train), seed, epoch, shuffle_parts)
        if drop_last:
            order = order[: len(order) // batch_size * batch_size]
        observer.epoch_begins(epoch + 1, learning_rate, len(order))
        mean_loss = _train_epoch(
            train_fn,
            X_train,
            y_train,
            list(batches(order, batch_size)),
            learning_rate,
            epoch + 1,
            batches_done,
            loss_sum,
            stop,
            observer,
        )
        batches_done, loss_sum = 0, 0.0
        evaluations = {}
        for name, (X, y) in sets.items():
            tested = len(X) // batch_size * batch_size if drop_last else len(X)
            observer.testing_begins(name, tested)
            evaluations[name] = evaluate(
                val_fn,
                X[:tested],
                y[:tested],
                test_batch_size or batch_size,
                observer.testing_batch_ends,
            )
            _check_finite(name, evaluations[name], epoch + 1)
        row = metrics_row(epoch + 1, learning_rate, mean_loss, evaluations, n_classes, rows)
        rows.append(row)
        if save_path is not None:
            save_parameters(save_path, model)
        observer.epoch_ends(row, evaluations)
        if stop() and epoch + 1 < num_epochs:
            raise Stopped(0, 0.0)
    return rows


def _train_epoch(
    train_fn, X, y, cut, learning_rate, epoch, batches_done, loss_sum, stop, observer
) -> float:
    """Mean loss over one epoch's batches; every loss is read late, so that a device runs ahead."""
    pending: list[tuple[int, int, Any]] = []
    for number, chosen in enumerate(cut[batches_done:], start=batches_done + 1):
        loss = train_fn(X[chosen], y[chosen], learning_rate)
        pending.append((number, len(chosen), loss))
        observer.batch_ends(len(chosen), loss)
        stopping = stop()
        if stopping or isinstance(loss, np.ndarray) or len(pending) == 100:
            loss_sum += _read_losses(pending, epoch)
            pending = []
        if stopping:
            raise Stopped(number, loss_sum)
    loss_sum += _read_losses(pending, epoch)
    images = sum(map(len, cut))
    return loss_sum / images if images else math.nan


def _check_finite(name: str, evaluation: Evaluation, epoch: int) -> None:
    # The epoch's last step may have spoilt the parameters; its own loss was computed before it.
    if len(evaluation.losses) and not math.isfinite(evaluation.loss):
        raise DivergenceError(
            f"the loss on the {name} set is {evaluation.loss} after epoch {epoch}: the run has "
            "diverged; a smaller --lr-start may help"
        )


def _read_losses(pending: list[tuple[int, int, Any]], epoch: int) -> float:
    total = 0.0
    for number, images, loss in pending:
        value = float(loss)
        if not math.isfinite(value):
            raise DivergenceError(
                f"the loss is {value} at batch {number} of epoch {epoch}: the run has diverged; "
                "a smaller --lr-start may help"
            )
        total += value * images
    return total


def metrics_row(
    epoch: int,
    learning_rate: float,
    mean_loss: float,
    evaluations: dict[str, Evaluation],
    n_classes: int,
    earlier: Sequence[dict[str, float]],
) -> dict[str, float]:
    """One epoch's line of metrics: the original's fields; errors are shares, 0 to 1."""
    row: dict[str, float] = {
        "epoch": epoch,
        "learning_rate": learning_rate,
        "train_step_loss": mean_loss,
    }
    for name, evaluation in evaluations.items():
        row[f"{name}_error"] = evaluation.error
        row[f"{name}_loss"] = evaluation.loss
    before = earlier[-1] if earlier else None
    if before is not None and not row["validation_error"] <= before["best_validation_error"]:
        best_epoch, best_error = before["best_epoch"], before["best_validation_error"]
    else:
        best_epoch, best_error = epoch, row["validation_error"]
    row["best_epoch"] = best_epoch
    row["best_validation_error"] = best_error
    for name in ("training", "test"):
        for label, error in enumerate(evaluations[name].class_errors(n_classes)):
            row[f"{name}_error_class_{label}"] = error
    return row


def save_parameters(path: str, model) -> None:
    """All parameters of the Lasagne network `model` in the original's `.npz` format."""
    import lasagne

    files.save_arrays(path, *lasagne.layers.get_all_param_values(model))
