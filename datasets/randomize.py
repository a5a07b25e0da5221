"""Labels and images without content, drawn from a seed alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def random_state(seed: int | Sequence[int]) -> np.random.RandomState:
    """A generator of numpy's frozen stream: a seed's draws are the same in every numpy version."""
    return np.random.RandomState(np.random.MT19937(np.random.SeedSequence(seed)))


def randomize_labels(
    labels: np.ndarray, fraction: float, seed: int | Sequence[int], n_classes: int = 10
) -> tuple[np.ndarray, np.ndarray]:
    """`labels` (n,) with exactly `round(fraction * n)` of them replaced by uniform draws.

    Returns the new labels (n,) int64 and the mask (n,) bool of those replaced. A draw may happen to
    be the true label, as in Zhang et al. (arXiv 1611.03530, section 2). Raises ValueError where
    `fraction` is not in [0, 1].
    """
    if not 0 <= fraction <= 1:
        raise ValueError(f"the share of labels to replace is {fraction}, not from 0 to 1")
    state = random_state(seed)
    count = round(fraction * len(labels))
    corrupted = np.zeros(len(labels), bool)
    corrupted[state.permutation(len(labels))[:count]] = True
    randomized = np.array(labels, np.int64)
    randomized[corrupted] = state.randint(0, n_classes, size=count, dtype=np.int64)
    return randomized, corrupted


def gaussian_images(
    shape: Sequence[int], seed: int | Sequence[int], variance: float = 0.1
) -> np.ndarray:
    """float32 noise of `shape`, normal with mean 0 and `variance`."""
    state = random_state(seed)
    images = np.empty(tuple(shape), np.float32)
    for image in images:
        image[...] = state.normal(0.0, variance**0.5, size=image.shape)
    return images
