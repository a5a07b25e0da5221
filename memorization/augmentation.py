"""--augment: every training image cut out elsewhere and mirrored at random, anew in each epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from foundations.streams import Purpose, random_state
from training_loop.observers import Observer

# On each side, as He et al. have it (arXiv 1512.03385, section 4.2).
PADDING = 4


class Augmentation(Observer):
    """Gives a training function each epoch's views of the `images` of the pool, as many.

    `train(numbers, views, labels, learning_rate)` is told of each image its row of `draw_views`.
    """

    def __init__(self, train: Callable, images: int, seed: int):
        self._train = train
        self._images = images
        self._seed = seed
        self._views = draw_views(images, seed, 1)

    def epoch_begins(self, epoch, learning_rate, images):
        self._views = draw_views(self._images, self._seed, epoch)

    def train(self, numbers: np.ndarray, labels: np.ndarray, learning_rate: float) -> Any:
        """A step of training on the epoch's views of the images `numbers`."""
        return self._train(numbers, self._views[numbers], labels, learning_rate)


def draw_views(images: int, seed: int, epoch: int) -> np.ndarray:
    """(images, 3) int64: rows and columns that the window is moved, -4 to 4, and 1 for mirrored.

    They depend on `seed`, `epoch` and the image's number alone, so that a run that goes on in the
    middle of an epoch sees what it would have seen, and that fewer images see the same.
    """
    state = random_state(Purpose.AUGMENTATION, seed, epoch)
    return state.randint(0, [2 * PADDING + 1] * 2 + [2], size=(images, 3)) - [PADDING, PADDING, 0]
