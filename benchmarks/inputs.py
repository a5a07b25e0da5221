"""What every side of the benchmarks starts from; needs neither Theano nor PyTorch."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import datasets

LEARNING_RATE = 1e-3

OURS = "this project"
ORIGINAL = "Theano's own graph"
EAGER = "PyTorch eager"
COMPILED = "torch.compile"


@dataclass(frozen=True)
class Side:
    """train(image_numbers) -> loss; test(image_numbers) -> losses (n,), predictions (n,)."""

    train: Callable
    test: Callable


def images_and_labels(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Drawn digits, uint8 (count, 3, 32, 32), with random labels int64 (count,)."""
    images = datasets.load_synthetic("cifar10", n_train=count, n_test=0).images
    labels, _ = datasets.randomize_labels(np.zeros(count, np.int64), 1.0, np.random.RandomState(1))
    return images, labels
