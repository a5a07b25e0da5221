"""What comes from a random stream alone: random labels, noise, drawn digits."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import datasets
from foundations.streams import Purpose, random_state

# Recorded: runs of the past can be repeated only while these stay.
EXACT_ALL = [2, 2, 2, 5, 6, 6, 7, 6, 9, 9, 3, 9]
EXACT_HALF = [6, 7, 7, 7, 7, 2, 7, 7, 1, 3, 0, 4]
EXACT_PLACES = [0, 5, 8, 9, 10, 11]
EXACT_LARGE = "45add6f40e1e9bbb1ebce417487b1573707b28d79aa504974fd9e0f693093de8"
EXACT_IMAGES = "67fe3ad5019531f62d05c5e9cf72158f153e6cdf1fa4f5e2ca587c7bb91b9661"
EXACT_LABELS = [2, 3, 3, 4, 1, 7, 3, 8, 5, 0]


def labels_stream(seed, number=0):
    return random_state(Purpose.LABELS, seed, number)


def test_labels_of_a_seed_never_change():
    labels, replaced = datasets.randomize_labels(np.zeros(12, int), 1.0, labels_stream(42))
    assert labels.tolist() == EXACT_ALL and replaced.all()
    labels, replaced = datasets.randomize_labels(np.full(12, 7), 0.5, labels_stream(1))
    assert labels.tolist() == EXACT_HALF
    assert np.flatnonzero(replaced).tolist() == EXACT_PLACES
    large, _ = datasets.randomize_labels(np.zeros(73257, int), 1.0, labels_stream(0, 2))
    assert hashlib.sha256(large.astype("<i8").tobytes()).hexdigest() == EXACT_LARGE


@given(st.integers(0, 400), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_exactly_so_many_labels_are_replaced(count, fraction, seed):
    true = np.arange(count) % 10
    given_labels, replaced = datasets.randomize_labels(true, fraction, labels_stream(seed))
    assert replaced.dtype == bool and replaced.sum() == round(fraction * count)
    assert given_labels.dtype == np.int64 and set(given_labels) <= set(range(10))
    assert (given_labels == true)[~replaced].all()
    assert true.tolist() == (np.arange(count) % 10).tolist()


def test_replaced_labels_are_uniform_and_may_be_the_true_ones():
    true = np.full(100_000, 3)
    labels, replaced = datasets.randomize_labels(true, 0.8, labels_stream(5))
    drawn = np.bincount(labels[replaced], minlength=10)
    assert abs(drawn - 8000).max() < 5 * np.sqrt(8000 * 0.9)
    # Which ones are replaced says nothing about where they stand.
    assert abs(replaced[:50_000].sum() - 40_000) < 5 * np.sqrt(100_000 * 0.8 * 0.2) / 2


def test_digits_of_the_scripts_are_drawn_once(tmp_path, monkeypatch):
    drawn = datasets.load_synthetic("svhn")
    monkeypatch.setenv("BINARYNET_CACHE", str(tmp_path))
    first = datasets.load("synthetic-cifar10")
    (kept,) = tmp_path.glob("drawn-digits-*.h5")

    def draw(labels, state):
        raise AssertionError("drawn again")

    monkeypatch.setattr(datasets.synthetic, "draw", draw)
    second = datasets.load("synthetic-svhn")
    assert second.fingerprint() == drawn.fingerprint()
    for one in (first, second):
        np.testing.assert_array_equal(one.images, drawn.images)
        np.testing.assert_array_equal(one.labels, drawn.labels)
    kept.write_bytes(kept.read_bytes()[:-1])
    with pytest.raises(AssertionError, match="drawn again"):
        datasets.load("synthetic-svhn")


def test_no_global_random_state_is_used():
    np.random.seed(0)
    before = np.random.get_state()[1].tolist()
    datasets.randomize_labels(np.zeros(50, int), 0.5, labels_stream(3))
    datasets.gaussian_images((2, 3, 32, 32), labels_stream(3))
    datasets.load_synthetic(n_train=20, n_test=5)
    assert np.random.get_state()[1].tolist() == before


@pytest.mark.parametrize("fraction", [-0.1, 1.01, float("nan"), float("inf")])
def test_shares_outside_0_to_1(fraction):
    with pytest.raises(ValueError, match="not from 0 to 1"):
        datasets.randomize_labels(np.zeros(5, int), fraction, labels_stream(0))


def noise(seed):
    return datasets.gaussian_images((400, 3, 32, 32), labels_stream(seed), variance=0.1)


def test_noise():
    images = noise(9)
    assert images.dtype == np.float32 and images.shape == (400, 3, 32, 32)
    values = images.astype(float).ravel()
    assert abs(values.mean()) < 5 * np.sqrt(0.1 / values.size)
    assert abs(values.var() - 0.1) < 5 * 0.1 * np.sqrt(2 / values.size)
    assert abs((np.abs(values) < np.sqrt(0.1)).mean() - 0.6827) < 0.005
    assert (noise(9) == images).all()
    assert not (noise(10) == images).any(axis=0).all()


def test_unit_range():
    images = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    scaled = datasets.to_unit_range(images)
    assert scaled.dtype == np.float32
    assert scaled.min() == -1 and abs(scaled.max() - 1) < 1e-6
    assert np.abs(scaled - (2.0 / 255 * images.astype(float) - 1)).max() < 1e-6


def digest(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def test_drawn_digits_are_the_same_everywhere():
    data = datasets.load_synthetic(n_train=1500, n_test=200, seed=7)
    assert digest(data.images) == EXACT_IMAGES
    assert data.labels[:10].tolist() == EXACT_LABELS
    other = datasets.load_synthetic(n_train=1500, n_test=200, seed=8)
    assert (data.images != other.images).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize(("kind", "train", "valid"), [("cifar10", 90, 10), ("svhn", 100, 10)])
def test_sets_of_drawn_digits(kind, train, valid):
    data = datasets.load_synthetic(kind, n_train=100, n_test=20)
    assert data.name == f"synthetic-{kind}"
    assert data.images.dtype == np.uint8 and data.images.shape == (120, 3, 32, 32)
    assert data.labels.dtype == np.int64 and data.form.class_names == tuple("0123456789")
    assert (len(data.training), len(data.validation), len(data.test)) == (train, valid, 20)
    assert not set(data.test.tolist()) & {*data.training.tolist(), *data.validation.tolist()}
    assert set(data.validation.tolist()).isdisjoint(data.training.tolist()) == (kind == "cifar10")


def test_unknown_and_empty_drawn_sets():
    with pytest.raises(ValueError, match="'mnist'"):
        datasets.load_synthetic("mnist", n_train=10, n_test=2)
    assert datasets.load_synthetic(n_train=0, n_test=0).images.shape == (0, 3, 32, 32)


def test_drawn_digits_can_be_told_apart():
    data = datasets.load_synthetic(n_train=4000, n_test=400)
    gray = data.images.mean(axis=1).reshape(len(data.images), -1)
    # The corners are ground; what differs from it, either way, is ink.
    corners = np.median(gray[:, [0, 1, 32, 30, 31, 63, 960, 992, 993, 991, 1022, 1023]], axis=1)
    ink = np.abs(gray - corners[:, None])
    ink /= np.linalg.norm(ink, axis=1, keepdims=True)
    train, test = np.concatenate([data.training, data.validation]), data.test
    nearest = train[(ink[test] @ ink[train].T).argmax(axis=1)]
    assert (data.labels[nearest] == data.labels[test]).mean() > 0.8


def test_fingerprint_changes_with_every_part():
    data = datasets.load_synthetic(n_train=30, n_test=5)
    prints = {data.fingerprint()}
    assert dataclasses.replace(data).fingerprint() in prints
    for field in ("images", "labels", "training", "validation", "test"):
        array = getattr(data, field).copy()
        array.flat[-1] = (array.flat[-1] + 1) % 10
        prints.add(dataclasses.replace(data, **{field: array}).fingerprint())
    empty = np.zeros(0, np.int64)
    prints.add(dataclasses.replace(data, test=empty).fingerprint())
    assert len(prints) == 7 and all(len(text) == 64 for text in prints)


WRONG = {
    "float images beyond 1": {"images": lambda d: d.images.astype(np.float32)},
    "doubles": {"images": lambda d: d.images / 255},
    "other images": {"images": lambda d: d.images[:, :1]},
    "a class too many": {"labels": lambda d: d.labels + 1},
    "labels as a column": {"labels": lambda d: d.labels[:, None]},
    "labels of other images": {"labels": lambda d: d.labels[1:]},
    "numbers below none": {"training": lambda d: d.training - 1},
    "numbers beyond all": {"test": lambda d: d.test + 1},
    "a mask": {"validation": lambda d: np.ones(35, bool)},
}


@pytest.mark.parametrize("case", WRONG)
def test_a_data_set_is_what_it_says(case):
    data = datasets.load_synthetic(n_train=30, n_test=5)
    ((field, wrong),) = WRONG[case].items()
    with pytest.raises(datasets.DataError, match=f"synthetic-cifar10: .*{field}"):
        dataclasses.replace(data, **{field: wrong(data)})
