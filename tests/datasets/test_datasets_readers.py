"""The readers on files in the real formats: right pixels and labels, splits, and bad files."""

from __future__ import annotations

import os
import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given, settings
from support.damage import damages, read_damaged
from support.data_files import (
    CIFAR10_FILES,
    images_and_labels,
    python2_batch,
    refusal,
    write_cifar10,
    write_svhn,
)

import datasets
from datasets import cifar10, svhn

IMAGES, LABELS = images_and_labels(4)
BATCH = python2_batch(IMAGES, LABELS)


def check_form(data, count):
    assert data.images.shape == (count, 3, 32, 32) and data.images.dtype == np.uint8
    assert data.images.flags.c_contiguous and data.images.flags.writeable
    assert data.labels.shape == (count,) and data.labels.dtype == np.int64
    for numbers in (data.training, data.validation, data.test):
        assert numbers.dtype == np.int64 and numbers.ndim == 1
    assert len(data.form.class_names) == 10


def test_cifar10_pixels_labels_and_splits(tmp_path):
    images, labels = write_cifar10(tmp_path / "cifar-10-batches-py", rows=(8, 8, 7, 9, 8, 6))
    data = datasets.load_cifar10(str(tmp_path))
    check_form(data, 46)
    assert (data.images == images).all() and (data.labels == labels).all()
    assert data.training.tolist() == list(range(36))
    assert data.validation.tolist() == list(range(36, 40))
    assert data.test.tolist() == list(range(40, 46))
    assert data.name == "cifar10" and data.form.class_names[6] == "frog"


def test_svhn_pixels_labels_and_splits(tmp_path):
    images, labels = write_svhn(tmp_path / "svhn")
    data = datasets.load_svhn(str(tmp_path))
    check_form(data, 52)
    assert (data.images == images).all() and (data.labels == labels).all()
    assert data.training.tolist() == list(range(40)) and data.test.tolist() == list(range(40, 52))
    # One of each class of so few, class by class; and they stay in the training set.
    assert data.labels[data.validation].tolist() == list(range(10))
    assert set(data.validation.tolist()) <= set(data.training.tolist())


def test_svhn_takes_validation_images_from_extra_too(tmp_path):
    images, labels = write_svhn(tmp_path, extra=30)
    data = datasets.load_svhn(str(tmp_path))
    check_form(data, 62)
    taken = data.validation[10:]
    assert not set(taken.tolist()) & {*data.training.tolist(), *data.test.tolist()}
    first = [int(np.flatnonzero(labels[52:] == label)[0]) + 52 for label in range(10)]
    assert (data.images[taken] == images[first]).all()
    assert data.labels[taken].tolist() == list(range(10))


def test_validation_sets_of_the_full_files_are_pylearn2s():
    labels = np.random.RandomState(3).randint(0, 10, 73257)
    chosen = svhn.first_of_each_class(labels, svhn.VALID_FROM_TRAIN, 73257)
    assert np.bincount(labels[chosen]).tolist() == [400] * 10
    last = chosen[:400].max()
    assert (labels[: last + 1] == 0).sum() == 400
    labels = np.random.RandomState(4).randint(0, 10, 531131)
    chosen = svhn.first_of_each_class(labels, svhn.VALID_FROM_EXTRA, 531131)
    assert np.bincount(labels[chosen]).tolist() == [200] * 10


def test_parsing_holds_the_images_twice_at_most(tmp_path):
    write_svhn(tmp_path, train=1500, test=500)
    tracemalloc.start()
    try:
        data = datasets.load_svhn(str(tmp_path))
        _, parsing = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        del data
        data = datasets.load_svhn(str(tmp_path))
        _, reading = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # What scipy has imported by then counts too, and a buffer of 1 MiB.
    assert parsing < 2 * data.images.nbytes + (24 << 20)
    assert reading < data.images.nbytes + (24 << 20)


@pytest.mark.skipif(
    not os.environ.get("BINARYNET_DATA"), reason="needs real images in $BINARYNET_DATA"
)
def test_real_images():
    cifar = datasets.load_cifar10()
    check_form(cifar, len(cifar.labels))
    assert len(cifar.validation) == (len(cifar.training) + len(cifar.validation)) // 10
    # The first images of the training files are known: a frog, then two trucks.
    assert [cifar.form.class_names[label] for label in cifar.labels[:3]] == [
        "frog",
        "truck",
        "truck",
    ]
    assert cifar.images[0, :, 0, :3].tolist() == [[59, 43, 50], [62, 46, 48], [63, 45, 43]]
    digits = datasets.load_svhn()
    check_form(digits, len(digits.labels))
    for images in (cifar.images, digits.images):
        sample = images[:100].astype(float)
        # Neighbours along either axis are alike in photographs, which wrong axes would undo.
        for axis in (2, 3):
            assert np.abs(np.diff(sample, axis=axis)).mean() < 0.5 * sample.std()
    assert len(digits.validation) >= 10


def test_unreadable_and_missing_files(tmp_path):
    assert "cannot be read" in refusal(cifar10.read_batch, tmp_path / "data_batch_9")
    assert "cannot be read" in refusal(svhn.read_mat, tmp_path)
    folder = tmp_path / "cifar-10-batches-py"
    write_cifar10(folder)
    with open(folder / CIFAR10_FILES[2], "r+b") as stream:
        stream.truncate((1 << 30) + 1)
    message = refusal(lambda _: datasets.load_cifar10(str(tmp_path)), folder / CIFAR10_FILES[2])
    assert "far larger" in message
    assert not list(folder.glob("*.h5"))


@settings(max_examples=300, deadline=None)
@given(damages())
@example(lambda whole: b"")
def test_damaged_batches_are_refused_or_read(damage):
    read_damaged(cifar10.read_batch, damage(BATCH))
