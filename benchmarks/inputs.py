"""What every side of the benchmarks starts from; needs neither Theano nor PyTorch."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import datasets
from memorization.architecture import WIDTHS, Architecture

NETWORKS = {
    "cifar10": Architecture(WIDTHS["cifar10"]),
    "svhn": Architecture(WIDTHS["svhn"]),
    "quarter": Architecture(WIDTHS["cifar10"]).scaled(0.25),
    "mlp": Architecture((32, 32, 32), kind="mlp", image_shape=(1, 1, 32)),
}

LEARNING_RATE = 1e-3

OURS = "this project"
ORIGINAL = "Theano's own graph"
EAGER = "PyTorch float32"
COMPILED = "PyTorch float32 compiled"
EAGER_BFLOAT16 = "PyTorch bfloat16"
COMPILED_BFLOAT16 = "PyTorch bfloat16 compiled"
TORCH = (EAGER, COMPILED, EAGER_BFLOAT16, COMPILED_BFLOAT16)
# After the name of one of PyTorch's sides.
CHANNELS_LAST = ", channels_last"


def torch_options(side: str) -> dict[str, bool]:
    """What the side of this name asks of `torch_binarynet.Trainer`."""
    name = side.removesuffix(CHANNELS_LAST)
    return {
        "compiled": name in (COMPILED, COMPILED_BFLOAT16),
        "bfloat16": name in (EAGER_BFLOAT16, COMPILED_BFLOAT16),
        "channels_last": name != side,
    }


@dataclass(frozen=True)
class Side:
    """train(image_numbers, learning_rate=LEARNING_RATE) -> loss;
    test(image_numbers) -> losses (n,), predictions (n,)."""

    train: Callable
    test: Callable


def images_and_labels(network: Architecture, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images for `network`, (count, *image_shape), with random labels int64 (count,).

    Drawn digits, uint8, where it has convolutions; else patterns of +1 and -1, float32.
    """
    generator = np.random.RandomState(1)
    labels = random_labels(count, generator)
    if network.convolutions:
        return datasets.load_synthetic("cifar10", n_train=count, n_test=0).images, labels
    signs = 2 * generator.randint(0, 2, (count, *network.image_shape)) - 1
    return signs.astype(np.float32), labels


def real_images_and_labels(folder: str, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The first training images of the CIFAR-10 in `folder`, with random labels of this `seed`."""
    loaded = datasets.load("cifar10", folder)
    images = loaded.images[loaded.training[:count]]
    if len(images) < count:
        raise SystemExit(f"{folder}: {len(images)} training images, and {count} are wanted")
    return images, random_labels(count, np.random.RandomState(seed))


def random_labels(count: int, generator: np.random.RandomState) -> np.ndarray:
    """Labels int64 (count,), uniform over ten classes."""
    return datasets.randomize_labels(np.zeros(count, np.int64), 1.0, generator)[0]
