"""From scores to losses and predictions, for a test pass."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from memorization.export.inference import predicted_classes


def test_of(
    scores: Callable[[np.ndarray], np.ndarray], images: np.ndarray, margin: float = 1.0
) -> Callable:
    """A function of image numbers and labels, (n,) int64 both, as `training_loop.evaluate` takes.

    It returns the squared hinge loss of that `margin` (n,) float32 and the predicted class (n,) of
    each image. `scores` gives the outputs (n, outputs) float32 of images (n, *image shape).
    """

    def test(numbers: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        outputs = scores(images[numbers])
        hinge = np.maximum(0, margin - _targets(labels, outputs.shape[1]) * outputs)
        return np.square(hinge).mean(axis=1), predicted_classes(outputs)

    return test


def _targets(labels: np.ndarray, outputs: int) -> np.ndarray:
    """+1 in the label's column, else -1, (n, outputs) float32; of a single output +1 is class 1."""
    columns = np.arange(outputs) if outputs > 1 else np.ones(1, np.int64)
    return np.where(labels[:, None] == columns, np.float32(1), np.float32(-1))
