"""What an experiment does to a data set before it trains, by name: labels drawn anew, other images.

A transformation takes labelled sets, the seed of its random streams and its own parameters, all of
them ready for JSON, and returns the sets changed. A new one is a function here and its name in
`TRANSFORMATIONS`; it is then part of a run's record, and repeated when the run is read back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from datasets.labelled_sets import LabelledSet, LabelledSets, Step
from datasets.pool import SETS, DataError, scale_to_unit_range
from datasets.randomize import gaussian_images, randomize_labels
from foundations.reading import printable
from foundations.streams import Purpose, random_state

# Images that are summed over at a time.
_BLOCK = 1000


def random_labels(
    data: LabelledSets, seed: int, fraction: float, sets: Sequence[str]
) -> LabelledSets:
    """`fraction` of the labels of each of `sets` replaced by uniform draws of a class.

    The draws depend on `seed`, on the set and on its size alone.
    """
    changed: dict[str, Any] = {}
    for name in sets:
        given: LabelledSet = getattr(data, name)
        stream = random_state(Purpose.LABELS, seed, SETS.index(name))
        labels, replaced = randomize_labels(
            given.true_labels, fraction, stream, data.form.n_classes
        )
        changed[name] = replace(given, labels=labels, replaced=replaced)
    return replace(data, **changed)


def gaussian_training_images(data: LabelledSets, seed: int, variance: float) -> LabelledSets:
    """Every training image replaced by N(0, `variance`) noise; the other sets stay as they are.

    The pool becomes float32, the images that stay scaled to [-1, 1].
    """
    state = random_state(Purpose.GAUSSIAN_IMAGES, seed)
    made = _with_training_images_apart(data)
    for number in made.training.numbers:
        made.images[number] = gaussian_images(made.images.shape[1:], state, variance)
    return made


def matched_gaussian_training_images(data: LabelledSets, seed: int) -> LabelledSets:
    """As `gaussian_training_images`, with mean and variance of each channel of the training set.

    Of its images as the network sees them, in [-1, 1]; the noise is not cut off there. The Gaussian
    images of Zhang et al. (arXiv 1611.03530, section 2).
    """
    state = random_state(Purpose.GAUSSIAN_IMAGES, seed)
    mean, deviation = _moments(data.images, data.training.numbers)
    made = _with_training_images_apart(data)
    for number in made.training.numbers:
        made.images[number] = mean + deviation * state.standard_normal(made.images.shape[1:])
    return made


def _moments(images: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel of the images `numbers`, in [-1, 1].

    Both float64 and (channels, 1, 1). Sums are of whole numbers where the images are uint8, so that
    their order changes no bit.
    """
    count, total, squares = 0, *np.zeros((2, images.shape[1], 1, 1))
    for start in range(0, len(numbers), _BLOCK):
        block = images[numbers[start : start + _BLOCK]].astype(np.float64)
        count += block.size // block.shape[1]
        total += block.sum(axis=(0, 2, 3), keepdims=True)[0]
        squares += np.square(block, out=block).sum(axis=(0, 2, 3), keepdims=True)[0]
    mean = total / max(count, 1)
    deviation = np.sqrt(np.maximum(squares / max(count, 1) - mean**2, 0))
    if images.dtype == np.uint8:
        mean, deviation = 2 / 255 * mean - 1, 2 / 255 * deviation
    return mean, deviation


def _with_training_images_apart(data: LabelledSets) -> LabelledSets:
    """`data` with a float32 pool of its own, in [-1, 1], whose training images no other set has.

    Images that other sets share with the training set stand once more, for those, at its end.
    """
    other_sets = {name: getattr(data, name) for name in SETS if name != "training"}
    numbers = np.concatenate([labelled.numbers for labelled in other_sets.values()])
    shared = np.intersect1d(numbers, data.training.numbers)
    pool = np.arange(len(data.images))
    place = pool.copy()
    place[shared] = len(pool) + np.arange(len(shared))
    images = np.empty((len(pool) + len(shared), *data.images.shape[1:]), np.float32)
    images[: len(pool)], images[len(pool) :] = data.images, data.images[shared]
    if data.images.dtype == np.uint8:
        scale_to_unit_range(images)
    moved = {
        name: replace(labelled, numbers=place[labelled.numbers])
        for name, labelled in other_sets.items()
    }
    return replace(data, images=images, **moved)


def shuffled_pixels(data: LabelledSets, seed: int) -> LabelledSets:
    """The pixels of every image of all sets in another order: one for all images and channels.

    The shuffled pixels of Zhang et al. (arXiv 1611.03530, section 2).
    """
    pixels = data.images.reshape(*data.images.shape[:2], -1)
    order = random_state(Purpose.SHUFFLED_PIXELS, seed).permutation(pixels.shape[2])
    return replace(data, images=np.take(pixels, order, axis=2).reshape(data.images.shape))


def random_pixels(data: LabelledSets, seed: int) -> LabelledSets:
    """The pixels of every image in an order of its own, the same for all of its channels.

    The random pixels of Zhang et al. (arXiv 1611.03530, section 2). An image of the pool is one
    image, however many sets it is in; its order depends on `seed` and on its number there, not on
    the sets.
    """
    pixels = data.images.reshape(*data.images.shape[:2], -1)
    state = random_state(Purpose.RANDOM_PIXELS, seed)
    made = np.empty_like(pixels)
    for image, own in zip(pixels, made):
        own[...] = image[:, state.permutation(pixels.shape[2])]
    return replace(data, images=made.reshape(data.images.shape))


TRANSFORMATIONS: Mapping[str, Callable[..., LabelledSets]] = {
    "random labels": random_labels,
    "gaussian training images": gaussian_training_images,
    "matched gaussian training images": matched_gaussian_training_images,
    "shuffled pixels": shuffled_pixels,
    "random pixels": random_pixels,
}

# What --images puts in the place of a data set's own: a transformation, and its parameters.
IMAGES: Mapping[str, tuple[str, Mapping[str, Any]] | None] = {
    "true": None,
    "gaussian": ("matched gaussian training images", {}),
    # Of the original's cifar10_randX_input.
    "gaussian-0.1": ("gaussian training images", {"variance": 0.1}),
    "shuffled-pixels": ("shuffled pixels", {}),
    "random-pixels": ("random pixels", {}),
}


def transformed(data: LabelledSets, name: str, seed: int, **parameters: Any) -> LabelledSets:
    """`data` after the transformation `name`, which is added to its recipe."""
    changed = TRANSFORMATIONS[name](data, seed, **parameters)
    return replace(changed, recipe=(*data.recipe, Step(name, seed, parameters)))


def with_images(data: LabelledSets, kind: str, seed: int) -> LabelledSets:
    """`data` with the images that --images calls `kind`, one of `IMAGES`."""
    chosen = IMAGES[kind]
    if chosen is None:
        return data
    name, parameters = chosen
    return transformed(data, name, seed, **parameters)


def replayed(data: LabelledSets, recipe: Any) -> LabelledSets:
    """`data` after all steps of a recorded `recipe`, a list as `LabelledSets.recorded` makes it.

    Raises DataError where `recipe` is no such list, or names what is not known here.
    """
    for step in recipe:
        try:
            data = transformed(data, step["name"], step["seed"], **step["parameters"])
        except (KeyError, TypeError, ValueError, AttributeError, MemoryError) as error:
            raise DataError(f"no transformation of a data set: {printable(step)}") from error
    return data
