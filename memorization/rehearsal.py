"""What a script would do, asked without its doing it: its options, and how fast its network trains.

`experiment` tells of both; where nobody asks, nothing happens. A script that is asked comes to its
end by an exception that no script catches.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

from foundations.errors import UserError
from memorization.options import Options
from training_loop import loop
from training_loop.evaluation import Examples, batches

# Of each function, whichever comes first; a first call that warms it up is not counted.
MOST_SECONDS, MOST_BATCHES = 2.0, 50


@dataclass(frozen=True)
class Speed:
    """Seconds that training on an image and testing an image take, and the images of each set."""

    training: float
    testing: float
    images: Mapping[str, int]

    def seconds(self, epochs: int, train_size: int | None) -> float:
        """What `epochs` take that train on the first `train_size` images, None for all of them."""
        trained = min(train_size or self.images["training"], self.images["training"])
        tested = sum(self.images.values()) - self.images["training"] + trained
        return epochs * (trained * self.training + tested * self.testing)


@dataclass(frozen=True)
class Prepared:
    """The arguments of `experiment.run`, before anything of them is trained."""

    chosen: Options
    network: Any
    data: Any
    parameters: str
    testing: Mapping[str, bool] | None


class _Answer(BaseException):
    """What was asked for; the script goes no further."""


_asked: ContextVar[type | None] = ContextVar("asked", default=None)


def options_of(main: Callable[[Sequence[str]], Any], arguments: Sequence[str]) -> Options:
    """The options that the script's `main` has with `arguments`; nothing is loaded or written.

    Raises SystemExit as a script does, whose parser has told what is wrong, and UserError where
    `main` does not begin with `experiment.options`.
    """
    return _answer(Options, main, arguments)


def speed_of(main: Callable[[Sequence[str]], Any], arguments: Sequence[str]) -> Speed:
    """How fast the script's `main` trains with `arguments`, measured here for some seconds.

    Raises UserError where the run cannot begin.
    """
    return _answer(Speed, main, arguments)


def run_of(main: Callable[[Sequence[str]], Any], arguments: Sequence[str]) -> Prepared:
    """What the script's `main` would run with `arguments`; raises as `options_of` does."""
    return _answer(Prepared, main, arguments)


def prepared(*arguments: Any) -> None:
    """Told by `experiment` what a script is about to run."""
    if _asked.get() is Prepared:
        raise _Answer(Prepared(*arguments))


def parsed(options: Options) -> None:
    """Told by `experiment` when a script's options are known."""
    if _asked.get() is Options:
        raise _Answer(options)


def compiled(
    functions: loop.Functions, sets: Mapping[str, Examples], schedule: loop.Schedule
) -> None:
    """Told by `experiment` before a script trains; what is measured moves the parameters."""
    if _asked.get() is not Speed:
        return
    examples = sets["training"]
    cut = schedule.batches(len(examples), 1)
    size = schedule.test_batch_size or schedule.batch_size
    tested = list(batches(np.arange(schedule.counted(len(examples))), size))
    rate = schedule.learning_rate(1)
    training = _seconds_an_image(cut, examples, lambda of: functions.train(*of, rate))
    testing = _seconds_an_image(tested, examples, lambda of: functions.test(*of))
    images = {name: schedule.counted(len(of)) for name, of in sets.items()}
    raise _Answer(Speed(training, testing, images))


def _seconds_an_image(
    cut: Sequence[np.ndarray], examples: Examples, call: Callable[[tuple], Any]
) -> float:
    """The median over batches; 0 where there is none."""
    seconds: list[float] = []
    for number in [0, *range(min(len(cut), MOST_BATCHES))] if cut else ():
        batch = examples[cut[number]]
        start = time.perf_counter()
        result = call((batch.inputs, batch.labels))
        # A device may still be at it until its result is read.
        np.asarray(result[0] if isinstance(result, list) else result)
        seconds.append((time.perf_counter() - start) / len(batch))
        if sum(seconds) * len(batch) > MOST_SECONDS and len(seconds) > 1:
            break
    return float(np.median(seconds[1:])) if seconds else 0.0


def _answer(kind: type, main: Callable[[Sequence[str]], Any], arguments: Sequence[str]) -> Any:
    with _asking(kind):
        try:
            main(arguments)
        except _Answer as answer:
            return answer.args[0]
    raise UserError("it does not use experiment.options and experiment.run")


@contextmanager
def _asking(kind: type) -> Iterator[None]:
    before = _asked.set(kind)
    try:
        yield
    finally:
        _asked.reset(before)
