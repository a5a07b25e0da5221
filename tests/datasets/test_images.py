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


def test_random_pixels_are_in_an_order_of_each_image(data):
    made = with_images(data, "random-pixels", SEED)
    assert made.images.dtype == np.uint8
    for before, after in zip(pixels(data.images), pixels(made.images)):
        # Whole pixels, all channels together, each as often as before.
        assert sorted(map(tuple, before)) == sorted(map(tuple, after))
        assert not np.array_equal(before, after)
    marked = np.tile(np.arange(256, dtype=np.uint8).repeat(4).reshape(1, 32, 32), (3, 1, 1))
    alike = dataclasses.replace(data, images=np.stack([marked] * len(data.images)))
    orders = pixels(with_images(alike, "random-pixels", SEED).images)[..., 0]
    assert len({order.tobytes() for order in orders}) == len(data.images)
    # Nowhere does a value rather stand: of each position the mean over images is that of chance.
    spread = orders[0].std() / np.sqrt(len(orders))
    assert abs(orders.mean(axis=0) - orders.mean()).max() < 6 * spread


def test_an_image_of_several_sets_is_permuted_once(data):
    made = with_images(data, "random-pixels", SEED)
    for name in datasets.SETS:
        assert np.array_equal(getattr(made, name).numbers, getattr(data, name).numbers)
    fewer = LabelledSets.of(datasets.load_synthetic("svhn", n_train=120, n_test=30), 7)
    other_sets = with_images(fewer, "random-pixels", SEED)
    assert np.array_equal(other_sets.images, made.images)


def as_the_network_sees(images):
    return 2 / 255 * images.astype(np.float64) - 1


def test_gaussian_images_have_the_moments_of_the_training_set(data):
    made = with_images(data, "gaussian", SEED)
    assert made.images.dtype == np.float32
    noise = images_of(made, "training").astype(np.float64)
    true = as_the_network_sees(images_of(data, "training"))
    values = noise.size // 3
    for channel in range(3):
        mean, variance = true[:, channel].mean(), true[:, channel].var()
        assert abs(noise[:, channel].mean() - mean) < 5 * np.sqrt(variance / values)
        assert abs(noise[:, channel].var() - variance) < 5 * variance * np.sqrt(2 / values)
        within = np.abs(noise[:, channel] - mean) < np.sqrt(variance)
        assert abs(within.mean() - 0.6827) < 5 * np.sqrt(0.6827 * 0.3173 / values)
    # As it falls: beyond what an image can be.
    assert noise.min() < -1 and noise.max() > 1
    assert len(np.unique(noise[:, :, 0, 0])) == noise.shape[0] * 3


@pytest.mark.parametrize("kind", ["gaussian", "gaussian-0.1"])
def test_noise_takes_the_place_of_training_images_alone(data, kind):
    made = with_images(data, kind, SEED)
    for name in ("validation", "test"):
        true = as_the_network_sees(images_of(data, name))
        assert np.abs(images_of(made, name) - true).max() < 1e-6
        assert not set(getattr(made, name).numbers) & set(made.training.numbers)
    assert np.array_equal(made.training.numbers, data.training.numbers)


def test_the_originals_noise_has_its_variance(data):
    noise = images_of(with_images(data, "gaussian-0.1", SEED), "training").astype(np.float64)
    assert abs(noise.mean()) < 5 * np.sqrt(0.1 / noise.size)
    assert abs(noise.var() - 0.1) < 5 * 0.1 * np.sqrt(2 / noise.size)


def test_images_without_contrast_stay_without_it():
    plain = datasets.load_synthetic("cifar10", n_train=40, n_test=5)
    grey = dataclasses.replace(plain, images=np.full_like(plain.images, 77))
    made = with_images(LabelledSets.of(grey), "gaussian", SEED)
    assert np.abs(made.images - as_the_network_sees(grey.images)).max() < 1e-6


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
