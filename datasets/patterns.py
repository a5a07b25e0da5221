"""Patterns of +1 and -1 with labels, both drawn at random: all that a network can do is store them.

The inputs of studies of capacity (Gardner and Derrida 1988; Krauth and Mezard 1989). Or a teacher
labels them, whose rule there is to find (`datasets.teacher`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from datasets import teacher as teachers
from datasets.pool import DataError, DataSet, Form, Source
from foundations import memory
from foundations.streams import Purpose, random_state

# Of the validation and of the test set, however many are trained on.
OTHER_PATTERNS = 1000

MOST_PATTERNS = 10**9
# What an image's sides and the columns of metrics are laid out for.
MOST_DIMENSIONS = 2**16 - 1
MOST_CLASSES = 1000

_BLOCK = 1000


def source(
    count: int,
    dimensions: int,
    classes: int,
    seed: int,
    label_seed: int,
    teacher: Sequence[int] | None = None,
) -> Source:
    """`count` patterns to train on, (1, 1, `dimensions`) each, with labels of `classes`.

    `seed` names the streams of the patterns, `label_seed` those of the labels; validation and test
    set are OTHER_PATTERNS of the same kind each, from streams of their own. Fewer patterns of the
    same seeds are the first of more. With `teacher`, the units of its hidden layers, a random
    binary network labels all three sets, and `label_seed` names the streams of its weights. Raises
    DataError where there can be no such data set.
    """
    for name, value, least, most in (
        ("--patterns N D, N", count, 1, MOST_PATTERNS),
        ("--patterns N D, D", dimensions, 1, MOST_DIMENSIONS),
        ("--classes", classes, 2, MOST_CLASSES),
        ("--seed", seed, 0, 2**32 - 1),
        ("--label-seed", label_seed, 0, 2**32 - 1),
    ):
        if type(value) is not int or not least <= value <= most:
            raise DataError(f"{name}: wanted is a whole number from {least} to {most}")
    sizes = (count, OTHER_PATTERNS, OTHER_PATTERNS)
    of_teacher = [] if teacher is None else teachers.layers(dimensions, teacher, classes)
    size = 4 * (sum(sizes) * dimensions + sum(fan_in * units for fan_in, units in of_teacher))
    if size > memory.available():
        named = "" if teacher is None else " and this --teacher"
        raise DataError(
            f"--patterns {count} {dimensions}{named}: {size / 2**30:.1f} GB, more than the "
            f"{memory.available() / 2**30:.1f} GB of memory that there are"
        )
    form = Form((1, 1, dimensions), tuple(map(str, range(classes))))
    parameters = {
        **{"count": count, "dimensions": dimensions, "classes": classes},
        **{"seed": seed, "label_seed": label_seed},
        **({} if teacher is None else {"teacher": list(teacher)}),
    }

    def load(folder: str | None) -> DataSet:
        images = np.empty((sum(sizes), *form.image_shape), np.float32)
        parts = np.split(np.arange(len(images)), np.cumsum(sizes)[:-1])
        weights = teachers.draw_weights(of_teacher, label_seed)
        labels = []
        for number, numbers in enumerate(parts):
            drawn = images[numbers[0] : numbers[-1] + 1]
            _draw(drawn, seed, number)
            if weights:
                labels.append(teachers.labels_of(weights, drawn.reshape(-1, dimensions)))
            else:
                stream = random_state(Purpose.PATTERN_LABELS, label_seed, number)
                labels.append(stream.randint(0, classes, size=len(numbers), dtype=np.int64))
        training, validation, test = parts
        return DataSet(
            "patterns",
            form,
            images,
            np.concatenate(labels),
            training,
            validation,
            test,
            parameters=parameters,
        )

    return Source(form, load)


def _draw(images: np.ndarray, seed: int, number: int) -> None:
    """Fill `images` (n, 1, 1, D) with the first patterns of the set of this `number`."""
    state = random_state(Purpose.PATTERNS, seed, number)
    for start in range(0, len(images), _BLOCK):
        block = images[start : start + _BLOCK]
        block[...] = state.randint(0, 2, size=block.shape, dtype=np.uint8)
        block *= 2
        block -= 1
