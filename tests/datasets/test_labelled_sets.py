"""Labelled sets made by hand: of their form, or refused by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from datasets import DataError
from datasets.labelled_sets import LabelledSet, LabelledSets
from datasets.pool import Form

FORM = Form((3, 2, 2), tuple("0123"))
LABELS = np.array([3, 1, 0, 1, 2])
GOOD = LabelledSet(np.arange(5), LABELS, LABELS, np.zeros(5, bool))


def sets(images=None, **changed):
    images = np.zeros((5, 3, 2, 2), np.uint8) if images is None else images
    parts = {"training": GOOD, "validation": GOOD, "test": GOOD, **changed}
    return LabelledSets("mine", "", FORM, images, **parts)


BAD = {
    "a column": {"labels": LABELS[:, None]},
    "one-hot": {"labels": np.eye(4)[LABELS]},
    "floats": {"labels": LABELS * 1.0},
    "truths": {"labels": LABELS > 1},
    "objects": {"labels": LABELS.astype(object)},
    "negative": {"labels": LABELS - 1},
    "a class too many": {"labels": LABELS + 1},
    "too few": {"labels": LABELS[:4]},
    "true labels of another class": {"true_labels": LABELS + 1},
    "true labels in a column": {"true_labels": LABELS[:, None]},
    "an image too many": {"numbers": np.arange(1, 6)},
    "no image": {"numbers": np.arange(5) - 1},
    "images by mask": {"numbers": np.ones(5, bool)},
    "numbers for replaced": {"replaced": np.zeros(5, int)},
    "too few replaced": {"replaced": np.zeros(4, bool)},
}


@pytest.mark.parametrize("name", ["training", "validation", "test"])
@pytest.mark.parametrize("case", BAD)
def test_sets_that_are_none(case, name):
    with pytest.raises(DataError) as caught:
        sets(**{name: replace(GOOD, **BAD[case])})
    assert next(iter(BAD[case])) in str(caught.value) and "\n" not in str(caught.value)


BAD_IMAGES = {
    "of another shape": np.zeros((5, 3, 2, 3), np.uint8),
    "channels last": np.zeros((5, 2, 2, 3), np.uint8),
    "rows": np.zeros((5, 12), np.uint8),
    "whole numbers": np.zeros((5, 3, 2, 2), int),
    "double": np.zeros((5, 3, 2, 2)),
    "too few": np.zeros((4, 3, 2, 2), np.uint8),
}


@pytest.mark.parametrize("case", BAD_IMAGES)
def test_images_that_are_none(case):
    with pytest.raises(DataError):
        sets(BAD_IMAGES[case])


def test_sets_of_their_form():
    assert sets().training.corrupted.sum() == 0
    assert sets(np.zeros((5, 3, 2, 2), np.float32)).form.n_classes == 4
