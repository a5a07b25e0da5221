"""Labels and images without content, drawn from a random stream that the caller names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def randomize_labels(
    labels: np.ndarray, fraction: float, state: np.random.RandomState, n_classes: int = 10
) -> tuple[np.ndarray, np.ndarray]:
    """`labels` (n,) with exactly `round(fraction * n)` of them replaced by uniform draws.

    Returns the new labels (n,) int64 and the mask (n,) bool of those replaced. A draw may happen to
    be the true label, as in Zhang et al. (arXiv 1611.03530, section 2): a label that is replaced is
    not always corrupted. Raises ValueError where `fraction` is not in [0, 1].
    """
    if not 0 <= fraction <= 1:
        raise ValueError(f"the share of labels to replace is {fraction}, not from 0 to 1")
    count = round(fraction * len(labels))
    replaced = np.zeros(len(labels), bool)
    replaced[state.permutation(len(labels))[:count]] = True
    randomized = np.array(labels, np.int64)
    randomized[replaced] = state.randint(0, n_classes, size=count, dtype=np.int64)
    return randomized, replaced


def gaussian_images(
    shape: Sequence[int], state: np.random.RandomState, variance: float = 0.1
) -> np.ndarray:
    """float32 noise of `shape`, normal with mean 0 and `variance`."""
    images = np.empty(tuple(shape), np.float32)
    for image in images:
        image[...] = state.normal(0.0, variance**0.5, size=image.shape)
    return images
