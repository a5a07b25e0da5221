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
from datasets.pool import SETS, DataError, to_unit_range
from datasets.randomize import gaussian_images, randomize_labels
from foundations.reading import printable
from foundations.streams import Purpose, random_state


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
    images = to_unit_range(data.images)
    shape = (len(data.training.numbers), *images.shape[1:])
    stream = random_state(Purpose.GAUSSIAN_IMAGES, seed)
    images[data.training.numbers] = gaussian_images(shape, stream, variance)
    return replace(data, images=images)


def shuffled_pixels(data: LabelledSets, seed: int) -> LabelledSets:
    """The pixels of every image of all sets in another order: one for all images and channels.

    The shuffled pixels of Zhang et al. (arXiv 1611.03530, section 2).
    """
    pixels = data.images.reshape(*data.images.shape[:2], -1)
    order = random_state(Purpose.SHUFFLED_PIXELS, seed).permutation(pixels.shape[2])
    return replace(data, images=np.take(pixels, order, axis=2).reshape(data.images.shape))


TRANSFORMATIONS: Mapping[str, Callable[..., LabelledSets]] = {
    "random labels": random_labels,
    "gaussian training images": gaussian_training_images,
    "shuffled pixels": shuffled_pixels,
}

# What --images puts in the place of a data set's own: a transformation, and its parameters.
IMAGES: Mapping[str, tuple[str, Mapping[str, Any]] | None] = {
    "true": None,
    "shuffled-pixels": ("shuffled pixels", {}),
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
