"""The training loop: epochs of shuffled batches, each followed by one test pass over every set."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from foundations.errors import UserError
from foundations.streams import Purpose, random_state
from training_loop import metrics
from training_loop.evaluation import (
    Evaluation,
    Examples,
    answered,
    batches,
    checked_labels,
    test_pass,
)
from training_loop.observers import Observer, Observers
from training_loop.progress import Progress


class DivergenceError(UserError, FloatingPointError):
    """The training loss became NaN or infinite; the message names epoch and batch."""


class Stopped(Exception):  # noqa: N818 - the caller asked for it; nothing went wrong
    """A run was asked to stop and did, after a batch; its progress tells where it stands."""


@dataclass(frozen=True)
class Functions:
    """The functions of a network.

    train(inputs, labels, learning_rate) updates the parameters and returns the batch's mean loss;
    test(inputs, labels) returns each image's loss (batch,) and predicted class (batch,).
    """

    train: Callable
    test: Callable

    def answer(self, asked: Batch) -> Any:
        """What the function that `asked` is for returns of it."""
        if asked.learning_rate is None:
            return self.test(asked.inputs, asked.labels)
        return self.train(asked.inputs, asked.labels, asked.learning_rate)


@dataclass(frozen=True)
class Batch:
    """A batch on the way to a function: to be trained on at `learning_rate`, None to be tested."""

    inputs: Any
    labels: Any
    learning_rate: float | None = None


@dataclass(frozen=True)
class Schedule:
    """What is trained on when, and how fast.

    The learning rate of the first epoch is `lr_start`, multiplied by `lr_decay` after each of the
    first `decay_epochs` (default: all). An epoch's order depends on `seed` and epoch alone.
    `test_batch_size` is `batch_size` unless given; `drop_last` leaves out a last partial batch of
    every pass, as the original did. `shuffle_parts` is that of `shuffled`. Training ends early
    where the training error is at most `stop_at`.
    """

    epochs: int
    batch_size: int
    lr_start: float
    lr_decay: float
    seed: int = 0
    test_batch_size: int | None = None
    drop_last: bool = False
    shuffle_parts: int = 1
    decay_epochs: int | None = None
    stop_at: float | None = None

    def learning_rate(self, epoch: int) -> float:
        """That of `epoch`, counted from 1."""
        last = epoch if self.decay_epochs is None else min(epoch, self.decay_epochs)
        return self.lr_start * self.lr_decay ** (last - 1)

    def ended(self, history: Sequence[metrics.Row]) -> bool:
        """Whether the epochs of `history` are all that there are to train."""
        return metrics.ended(history, self.epochs, self.stop_at)

    def steps_before_decay(self, images: int) -> int:
        """Training steps on `images` at more than a tenth of the first learning rate."""
        epochs = range(1, self.epochs + 1)
        near = sum(10 * self.learning_rate(epoch) > self.lr_start for epoch in epochs)
        return near * -(-self.counted(images) // self.batch_size)

    def counted(self, images: int) -> int:
        """How many of `images` a pass visits."""
        return images // self.batch_size * self.batch_size if self.drop_last else images

    def batches(self, images: int, epoch: int) -> list[np.ndarray]:
        """The batches of `epoch`, counted from 1: numbers below `images`, int64."""
        order = shuffled(images, self.seed, epoch - 1, self.shuffle_parts)
        return list(batches(order[: self.counted(images)], self.batch_size))


def shuffled(n: int, seed: int, epoch: int, parts: int = 1) -> np.ndarray:
    """The order, int64 (n,), in which `epoch` visits n images; depends on its arguments alone.

    Being free of state, it is the same after a resume. With `parts` > 1 images stay within their
    part, as in the original, which shuffled large sets piecewise.
    """
    state = random_state(Purpose.BATCH_ORDER, seed, epoch)
    return np.concatenate([state.permutation(p) for p in np.array_split(np.arange(n), parts)])


Course = Generator[Batch, Any, list[metrics.Row]]


def train(
    functions: Functions,
    sets: Mapping[str, Examples],
    schedule: Schedule,
    progress: Progress,
    observers: Sequence[Observer] = (),
    stop: Callable[[], bool] = lambda: False,
    n_classes: int | None = None,
) -> list[metrics.Row]:
    """Train and test on `sets` (training, validation, test) until the schedule has ended.

    `progress` is where the run begins or goes on, and is brought forward; its history, which is
    returned, gets a row of metrics after every epoch. `stop` is asked after every batch of training
    and every epoch. `n_classes` is how many the functions tell apart, where that is known.

    Raises DivergenceError at the first batch whose loss is not finite, Stopped when `stop` says so,
    ArrayError before anything is trained on where a set's labels are none.
    """
    return answered(course(sets, schedule, progress, observers, stop, n_classes), functions.answer)


def course(
    sets: Mapping[str, Examples],
    schedule: Schedule,
    progress: Progress,
    observers: Sequence[Observer] = (),
    stop: Callable[[], bool] = lambda: False,
    n_classes: int | None = None,
) -> Course:
    """The course of `train`: yields each `Batch`, and is sent what a function returns of it."""
    told = Observers(*observers)
    labels = [
        checked_labels(sets[name].inputs, sets[name].labels, n_classes, f"{name} labels")
        for name in metrics.SETS
    ]
    told_apart = 1 + max(int(numbers.max(initial=0)) for numbers in labels)
    while not schedule.ended(progress.history):
        epoch = progress.epoch
        step_loss = yield from _train_epoch(sets["training"], schedule, progress, told, stop)
        evaluations = yield from _test_epoch(sets, schedule, epoch, told)
        rate = schedule.learning_rate(epoch)
        row = metrics.epoch_row(epoch, rate, step_loss, evaluations, told_apart, progress.history)
        row = metrics.merged(row, told.measure(epoch, evaluations))
        progress.end_epoch(row)
        told.epoch_ends(row, evaluations)
        if stop() and not schedule.ended(progress.history):
            raise Stopped(f"stopped after {epoch} epochs")
    return progress.history


def _train_epoch(
    examples: Examples,
    schedule: Schedule,
    progress: Progress,
    told: Observer,
    stop: Callable[[], bool],
) -> Generator[Batch, Any, float]:
    """Mean loss over one epoch's batches; every loss is read late, so that a device runs ahead."""
    epoch = progress.epoch
    learning_rate = schedule.learning_rate(epoch)
    cut = schedule.batches(len(examples), epoch)
    images = sum(map(len, cut))
    told.epoch_begins(epoch, learning_rate, images)
    pending: list[tuple[int, Any]] = []
    for chosen in cut[progress.batches :]:
        batch = examples[chosen]
        loss = yield Batch(batch.inputs, batch.labels, learning_rate)
        pending.append((len(chosen), loss))
        told.batch_ends(len(chosen), loss)
        stopping = stop()
        if stopping or isinstance(loss, np.ndarray) or len(pending) == 100:
            _read_losses(pending, progress)
            pending = []
        if stopping:
            raise Stopped(f"stopped after {progress.batches} batches of epoch {epoch}")
    _read_losses(pending, progress)
    return progress.loss_sum / images if images else math.nan


def _read_losses(pending: list[tuple[int, Any]], progress: Progress) -> None:
    """Add the batches of `pending`, each its images and its loss, to `progress`."""
    total = 0.0
    for number, (images, loss) in enumerate(pending, start=progress.batches + 1):
        value = float(loss)
        if not math.isfinite(value):
            raise DivergenceError(
                f"the loss is {value} at batch {number} of epoch {progress.epoch}: the run has "
                "diverged; a smaller --lr-start may help"
            )
        total += value * images
    progress.add_batches(len(pending), total)


def _test_epoch(
    sets: Mapping[str, Examples],
    schedule: Schedule,
    epoch: int,
    told: Observer,
) -> Generator[Batch, Any, dict[str, Evaluation]]:
    """A test pass over each of the sets, by name."""
    evaluations: dict[str, Evaluation] = {}
    for name in metrics.SETS:
        tested = sets[name][: schedule.counted(len(sets[name]))]
        told.testing_begins(name, len(tested))
        size = schedule.test_batch_size or schedule.batch_size
        tests = test_pass(tested.inputs, tested.labels, size, told.testing_batch_ends)
        evaluations[name] = yield from _as_batches(tests)
        _check_finite(name, evaluations[name], epoch)
    return evaluations


def _as_batches(
    tests: Generator[tuple[Any, Any], Any, Evaluation],
) -> Generator[Batch, Any, Evaluation]:
    answer = None
    while True:
        try:
            inputs, labels = tests.send(answer)
        except StopIteration as end:
            return end.value
        answer = yield Batch(inputs, labels)


def _check_finite(name: str, evaluation: Evaluation, epoch: int) -> None:
    # The epoch's last step may have spoilt the parameters; its own loss was computed before it.
    if len(evaluation.losses) and not math.isfinite(evaluation.loss):
        raise DivergenceError(
            f"the loss on the {name} set is {evaluation.loss} after epoch {epoch}: the run has "
            "diverged; a smaller --lr-start may help"
        )


def train_together(functions: Functions, courses: Sequence[Course]) -> list[list[metrics.Row]]:
    """Bring `courses` of one schedule and equal sets to their ends, batch by batch together.

    The functions take inputs and labels (R, batch), of each course a row, and return R losses, or R
    times losses and predicted classes. Returns the history of each. What a course raises ends all;
    Stopped is raised when each has been told of its last batch.
    """
    answers: list[Any] = [None] * len(courses)
    while True:
        asked, histories, stopped = [], [], []
        for course_, answer in zip(courses, answers):
            try:
                asked.append(course_.send(answer))
            except StopIteration as end:
                histories.append(end.value)
            except Stopped as end:
                stopped.append(end)
        if stopped:
            raise stopped[0]
        if not asked:
            return histories
        assert not histories, "courses of one schedule end together"
        inputs = np.stack([batch.inputs for batch in asked])
        labels = np.stack([batch.labels for batch in asked])
        answer = functions.answer(Batch(inputs, labels, asked[0].learning_rate))
        if asked[0].learning_rate is None:
            answers = list(zip(*answer))
        else:
            # Arrays, whose values are here already, as those of a run alone are.
            answers = list(map(np.asarray, answer))
