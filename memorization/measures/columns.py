"""What memorisation research measures, as columns of the metrics (`--measure`).

docs/measures.md defines every column, with formula and source. All of it is measured after an
epoch's test passes, none of it while training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import datasets
from datasets.labelled_sets import LabelledSets
from foundations.streams import Purpose, random_state
from memorization.measures import critical
from memorization.measures.corrupted import corruption_measures
from memorization.measures.critical import BATCH_SIZE
from memorization.measures.held import HeldArray
from memorization.measures.image_history import HISTORY_FILE, ImageHistory
from training_loop import metrics
from training_loop.evaluation import batches, share
from training_loop.observers import Observer

SATURATION_IMAGES = 1000
CRITICAL_IMAGES = 250


class SignFlips:
    """The share of each layer's binary weights whose sign has changed.

    The flip ratio of Larq, by layer. `weights` are shared variables; their values now are the
    start. The sign of 0 is that of its binarization, -1.
    """

    def __init__(self, weights: Sequence[Any]):
        self._weights = weights
        self._start = [HeldArray(signs) for signs in self._signs()]
        self._before = [HeldArray(signs) for signs in self._signs()]
        self.state = {
            f"{name}_signs_layer_{number}": held
            for name, kept in (("start", self._start), ("last", self._before))
            for number, held in enumerate(kept, start=1)
        }

    def update(self) -> dict[str, float]:
        """The shares since the start and since the last call, as columns."""
        signs = self._signs()
        sizes = [weight.get_value(borrow=True).size for weight in self._weights]
        columns = {}
        for since, earlier in (("last", self._before), ("start", self._start)):
            for number, held in enumerate(earlier):
                flips = np.unpackbits(held.get_value(borrow=True) ^ signs[number]).sum()
                name = metrics.of_layer(f"sign_flips_{since}", number + 1)
                columns[name] = float(flips / sizes[number])
        for held, current in zip(self._before, signs):
            held.set_value(current)
        return columns

    def _signs(self) -> list[np.ndarray]:
        # Eight to a byte, since they are held and saved all along.
        return [np.packbits(np.asarray(weight.get_value()) > 0) for weight in self._weights]


def saturation(
    count_saturated: Callable, images: np.ndarray, sizes: Sequence[int]
) -> dict[str, float]:
    """The share of each layer's activation inputs x with |x| > 1, over float32 `images`, n >= 1.

    There the straight-through gradient is zero (arXiv 1602.02830, eq. 4). `sizes`: how many
    activations each layer has per image.
    """
    counts = np.zeros(len(sizes), np.int64)
    for chosen in batches(np.arange(len(images)), BATCH_SIZE):
        counts += np.array([int(count) for count in count_saturated(images[chosen])])
    return {
        metrics.of_layer("saturated", number): float(count / (len(images) * size))
        for number, (count, size) in enumerate(zip(counts, sizes), start=1)
    }


def drawn(numbers: np.ndarray, count: int, state: np.random.RandomState) -> np.ndarray:
    """`count` of `numbers` (n,), or all where there are fewer, in their order."""
    return numbers[np.sort(state.permutation(len(numbers))[:count])]


class Measures(Observer):
    """Measures the columns of --measure after every epoch; keeps the images' history.

    `state` is to be saved and restored with the run's.
    """

    def __init__(
        self, folder: Path, data: LabelledSets, functions: Any, *, corruption: float, seed: int
    ):
        """Measure the run in `folder` on `data` with `measure_functions.MeasuringFunctions`."""
        self.compiled = functions.compiled
        self._path = folder / HISTORY_FILE
        self._data = data
        self._corruption = corruption
        self._seed = seed
        self.functions = functions
        self._history = ImageHistory(len(data.training.numbers))
        self._flips = SignFlips(functions.weights)
        state = {**self._history.state, **self._flips.state}
        self.state = {f"measures/{name}": held for name, held in state.items()}
        stream = random_state(Purpose.SATURATION_SAMPLE, seed)
        self._saturation_images = drawn(data.training.numbers, SATURATION_IMAGES, stream)
        self._critical_images = {}
        for number, (name, labelled) in enumerate(
            (("training", data.training), ("test", data.test))
        ):
            stream = random_state(Purpose.CRITICAL_SAMPLE, seed, number)
            self._critical_images[name] = drawn(labelled.numbers, CRITICAL_IMAGES, stream)

    def measure(self, epoch, evaluations):
        training_pass = evaluations["training"]
        columns = {}
        if 0 < self._corruption < 1:
            columns.update(corruption_measures(training_pass, self._data.training))
        right = training_pass.predictions == training_pass.labels
        columns.update(self._history.update(epoch, right))
        columns.update(self._flips.update())
        if self.functions.count_saturated is not None:
            images = self._images(self._saturation_images)
            columns.update(
                saturation(self.functions.count_saturated, images, self.functions.activations)
            )
        for number, (name, chosen) in enumerate(self._critical_images.items()):
            found, _ = critical.find_critical(
                self.functions.step_to_another_class,
                self._images(chosen),
                random_state(Purpose.CRITICAL_NOISE, self._seed, epoch, number),
                critical.RADIUS * float(critical.GREY_LEVEL),
            )
            columns[f"critical_sample_ratio_{name}"] = share(found)
        self._history.save(self._path)
        return columns

    def _images(self, numbers: np.ndarray) -> np.ndarray:
        images = self._data.images[numbers]
        return images if images.dtype == np.float32 else datasets.to_unit_range(images)
