"""The images that --images puts in the place of a data set's own, against plain numpy."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import datasets
from datasets.labelled_sets import LabelledSets
from datasets.transformations import IMAGES, with_images

SEED = 5


@pytest.fixture(scope="module", params=["cifar10", "svhn"])
def data(request):
    """Of "svhn" the validation images are training images too."""
    return LabelledSets.of(datasets.load_synthetic(request.param, n_train=120, n_test=30))


def images_of(data, name):
    return data.images[getattr(data, name).numbers]


def pixels(images):
    """(n, positions, channels): what stands at each position."""
    return images.reshape(*images.shape[:2], -1).transpose(0, 2, 1)


def test_true_images_are_the_data_sets_own(data):
    assert with_images(data, "true", SEED) is data


@pytest.mark.parametrize("kind", [kind for kind in IMAGES if kind != "true"])
def test_labels_stay_and_the_recipe_tells_of_the_images(data, kind):
    before = data.images.copy()
    made = with_images(data, kind, SEED)
    assert np.array_equal(data.images, before)
    for name in datasets.SETS:
        assert np.array_equal(getattr(made, name).labels, getattr(data, name).labels)
        assert images_of(made, name).shape == images_of(data, name).shape
    assert len(made.recipe) == 1 and made.recipe[0].seed == SEED
    assert made.fingerprint != data.fingerprint
    assert not np.array_equal(images_of(made, "training"), images_of(data, "training"))
    again, other = with_images(data, kind, SEED), with_images(data, kind, SEED + 1)
    assert np.array_equal(made.images, again.images)
    assert not np.array_equal(made.images, other.images)


def test_shuffled_pixels_are_in_one_other_order(data):
    made = with_images(data, "shuffled-pixels", SEED)
    assert made.images.dtype == np.uint8 and made.images.flags.c_contiguous
    before, after = pixels(data.images), pixels(made.images)
    # An image with a number of its own at every position tells the order.
    first = images_of(data, "training")[0]
    marked = first.copy()
    marked[0], marked[1] = np.arange(1024).reshape(32, 32) // 256, np.arange(1024).reshape(32, 32)
    marking = with_images(replaced(data, marked), "shuffled-pixels", SEED)
    found = pixels(images_of(marking, "training"))[0].astype(int)
    order = found[:, 0] * 256 + found[:, 1]
    assert sorted(order) == list(range(1024)) and (order != np.arange(1024)).sum() > 900
    # The same order in every image, for all channels together.
    assert np.array_equal(after, before[:, order])


def replaced(data, image):
    """`data` with `image` as its first training image."""
    images = data.images.copy()
    images[data.training.numbers[0]] = image
    return dataclasses.replace(data, images=images)


@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 1, 7), (4, 3, 5), (3, 1, 1)])
def test_images_of_other_shapes(shape):
    count = 11
    generator = np.random.default_rng(0)
    numbers = np.arange(count)
    data = LabelledSets.of(
        datasets.DataSet(
            "own",
            datasets.Form(shape, ("no", "yes")),
            generator.integers(0, 256, (count, *shape), dtype=np.uint8),
            numbers % 2,
            *(numbers[:6], numbers[4:8], numbers[8:]),
        )
    )
    for kind in IMAGES:
        made = with_images(data, kind, SEED)
        assert made.images.shape[1:] == shape
        if kind.endswith("pixels"):
            assert np.array_equal(*(np.sort(pixels(of.images), axis=1) for of in (made, data)))
