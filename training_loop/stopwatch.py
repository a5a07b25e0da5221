"""How long an epoch takes: the columns of the metrics that depend on the machine and its load."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from training_loop import metrics
from training_loop.observers import Observer
from training_loop.progress import Progress

# In `Progress.more`: seconds of the epoch under way, all of them and those of training.
SPENT = "seconds"


class Stopwatch(Observer):
    """Adds `metrics.TIMINGS` to every epoch.

    To be the last of the observers, so that what the others measure counts as time of the epoch. Of
    an epoch that was stopped and gone on with, the time of all processes counts that saved
    `progress`. `clock` tells seconds.
    """

    def __init__(self, progress: Progress, clock: Callable[[], float] = time.monotonic):
        self._progress = progress
        self._clock = clock
        self._earlier = list(progress.more.get(SPENT, (0.0, 0.0, 0)))
        self._began = self._training_ended = math.nan
        # Runs that began before there were these columns.
        for row in progress.history:
            for name in metrics.TIMINGS:
                row.setdefault(name, math.nan)

    def epoch_begins(self, epoch, learning_rate, images):
        self._began, self._training_ended = self._clock(), math.nan
        self._images = self._earlier[2]

    def batch_ends(self, images, loss):
        self._images += images
        spent = self._clock() - self._began
        self._progress.more[SPENT] = [
            self._earlier[0] + spent,
            self._earlier[1] + spent,
            self._images,
        ]

    def testing_begins(self, set_name, images):
        if math.isnan(self._training_ended):
            self._training_ended = self._clock()

    def measure(self, epoch, evaluations):
        whole = self._earlier[0] + self._clock() - self._began
        training = self._earlier[1] + self._training_ended - self._began
        self._progress.more.pop(SPENT, None)
        self._earlier = [0.0, 0.0, 0]
        speed = self._images / training if training > 0 else math.nan
        return {metrics.SECONDS: round(whole, 4), metrics.IMAGES_PER_SECOND: round(speed, 2)}
