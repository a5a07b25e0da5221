"""Labels and images from elsewhere: taken as what they are, or refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from foundations.arrays import ArrayError, check_images, class_numbers

LABELS = np.array([3, 1, 4, 1, 5])
SIGNS = np.where(np.arange(10) == LABELS[:, None], 1, -1)
GOOD = {
    "whole numbers": LABELS,
    "a list": LABELS.tolist(),
    "bytes": LABELS.astype(np.uint8),
    "floats": LABELS.astype(np.float32),
    "a column": LABELS[:, None],
    "a column of floats": LABELS[:, None] * 1.0,
    "one-hot": SIGNS > 0,
    "signs": SIGNS,
    "signs as floats": SIGNS.astype(np.float32),
    "probabilities": np.eye(10)[LABELS] * 0.9 + 0.01,
}


@pytest.mark.parametrize("case", GOOD)
@pytest.mark.parametrize("n_classes", [None, 10])
def test_the_usual_ways_to_give_labels(case, n_classes):
    numbers = class_numbers(GOOD[case], n_classes)
    assert numbers.dtype == np.int64 and numbers.tolist() == LABELS.tolist()


@pytest.mark.parametrize("shape", [(0,), (0, 1), (0, 10)])
def test_no_labels(shape):
    assert class_numbers(np.zeros(shape)).shape == (0,)


BAD = {
    "halves": (LABELS + 0.5, "number 0 is 3.5"),
    "not a number": (np.where(LABELS == 4, np.nan, LABELS), "number 2 is nan"),
    "infinite": (np.where(LABELS == 4, np.inf, LABELS), "number 2 is inf"),
    "negative": (LABELS - 2, "number 1 is -1"),
    "a class too many": (LABELS + 5, "number 4 is 10"),
    "as large as can be": (np.array([2**64 - 1], np.uint64), "number 0 is 18446744073709551615"),
    "text": (np.array(["3", "1"]), "<U1"),
    "objects": (np.array([3, None]), "object"),
    "ragged": ([[1, 2], [3]], "labels"),
    "truths": (LABELS > 2, "bool"),
    "complex": (LABELS * 1j, "complex"),
    "dates": (LABELS.astype("datetime64[D]"), "datetime64"),
    "images": (np.zeros((5, 3, 32, 32)), "(5, 3, 32, 32)"),
    "a single number": (np.int64(3), "()"),
    "two columns": (np.eye(2), "(n, 10)"),
    "nothing marked": (np.zeros((5, 10)), "row 0"),
    "two marked": (np.maximum(SIGNS, np.arange(10) == 0), "row 0"),
    "not numbers in a row": (np.where(SIGNS > 0, np.nan, SIGNS), "row 0"),
    "no columns": (np.zeros((5, 0)), "labels"),
}


@pytest.mark.parametrize("case", BAD)
def test_anything_else_is_refused_by_name(case):
    labels, reason = BAD[case]
    with pytest.raises(ArrayError) as caught:
        class_numbers(labels, 10, name="labels of mine")
    said = str(caught.value)
    assert said.startswith("labels of mine: ") and "\n" not in said
    assert reason.replace("labels", "labels of mine") in said


def test_without_classes_a_label_is_no_reason_to_count_far():
    with pytest.raises(ArrayError, match="1000000000000"):
        class_numbers(np.array([0, 10**12]))
    assert class_numbers(np.array([0, 20_000])).tolist() == [0, 20_000]


IMAGES = np.linspace(-1, 1, 2 * 12).reshape(2, 3, 2, 2)
BAD_IMAGES = {
    "of another shape": IMAGES[:, :1],
    "without an axis": IMAGES[0],
    "beyond the range": IMAGES * 1.5,
    "bytes for numbers of -1 to 1": (IMAGES * 100 + 128).astype(np.uint8),
    "not numbers": np.where(IMAGES > 0.9, np.nan, IMAGES),
    "text": IMAGES.astype(str),
}


def test_images_in_range():
    check_images(IMAGES, (3, 2, 2), -1, 1)
    check_images(IMAGES[:0], (3, 2, 2), -1, 1)


@pytest.mark.parametrize("case", BAD_IMAGES)
def test_images_that_are_none(case):
    with pytest.raises(ArrayError, match=r"^mine: .*wanted are"):
        check_images(BAD_IMAGES[case], (3, 2, 2), -1, 1, name="mine")
