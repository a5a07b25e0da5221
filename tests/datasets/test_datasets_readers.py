"""The readers on files in the real formats: right pixels and labels, splits, and bad files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.data_files import (
    CIFAR10_FILES,
    images_and_labels,
    python2_batch,
    refusal,
    write_cifar10,
    write_mat,
    write_svhn,
)
from support.project import PROJECT

import datasets
from datasets import cifar10, svhn

IMAGES, LABELS = images_and_labels(4)
BATCH = python2_batch(IMAGES, LABELS)


def mat_bytes(compress):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "whole.mat"
        write_mat(path, IMAGES, LABELS, compress)
        return path.read_bytes()


MATS = {"compressed": mat_bytes(True), "plain": mat_bytes(False)}


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


def test_one_svhn_image_without_its_last_axis(tmp_path):
    y = np.array([[10.0]])
    scipy.io.savemat(tmp_path / "one.mat", {"X": IMAGES[0].transpose(1, 2, 0), "y": y})
    images, labels = svhn.read_mat(tmp_path / "one.mat")
    assert (images == IMAGES[:1]).all() and labels.tolist() == [0]


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


X = IMAGES.transpose(2, 3, 1, 0)
Y = np.array([[1], [2], [3], [10]], np.uint8)
BAD_MATS = {
    "other variables": ({"Z": X, "y": Y}, "'Z'"),
    "one more": ({"X": X, "y": Y, "z": Y}, "'z'"),
    "no labels": ({"X": X}, "instead of X and y"),
    "floats": ({"X": X.astype(float), "y": Y}, "float64"),
    "bools": ({"X": X > 3, "y": Y}, "not an array of numbers"),
    "complex": ({"X": X * 1j, "y": Y}, "not an array of numbers"),
    "cells": ({"X": np.full((2, 2), 1, object), "y": Y}, "not an array of numbers"),
    "structs": ({"X": {"a": 1}, "y": Y}, "not an array of numbers"),
    "text": ({"X": "images", "y": Y}, "not an array of numbers"),
    "images first": ({"X": IMAGES, "y": Y}, "(32, 32, 3, n)"),
    "five axes": ({"X": np.zeros((32, 32, 3, 2, 2), np.uint8), "y": Y}, "(32, 32, 3, n)"),
    "no images": ({"X": X[..., :0], "y": Y[:0]}, "0 images"),
    "few labels": ({"X": X, "y": Y[:3]}, "labels of shape (3, 1)"),
    "label 0": ({"X": X, "y": Y - 1}, "1 to 10"),
    "label 1.5": ({"X": X, "y": Y + 0.5}, "1 to 10"),
    "label nan": ({"X": X, "y": Y * np.nan}, "1 to 10"),
}


@pytest.mark.parametrize("case", BAD_MATS)
def test_bad_mats(case, tmp_path):
    content, reason = BAD_MATS[case]
    scipy.io.savemat(tmp_path / "train_32x32.mat", content)
    assert reason in refusal(svhn.read_mat, tmp_path / "train_32x32.mat")


PLAIN = MATS["plain"]
DAMAGED_MATS = {
    "empty": b"",
    "header alone": PLAIN[:100],
    "no variables": PLAIN[:128],
    "half": PLAIN[: len(PLAIN) // 2],
    "half, compressed": MATS["compressed"][: len(PLAIN) // 3],
    "text": b"<html>404 Not Found</html>" * 10,
    "matlab 7.3": PLAIN[:124] + b"\x00\x02IM" + PLAIN[128:],
    "huge": PLAIN.replace((32).to_bytes(4, "little"), b"\xff\xff\xff\x7f", 1),
    "negative": PLAIN.replace((32).to_bytes(4, "little"), b"\xff\xff\xff\xff", 1),
}


@pytest.mark.parametrize("case", DAMAGED_MATS)
def test_damaged_mats(case, tmp_path):
    (tmp_path / "test_32x32.mat").write_bytes(DAMAGED_MATS[case])
    refusal(svhn.read_mat, tmp_path / "test_32x32.mat")


def test_a_type_that_kills_scipys_reader(tmp_path):
    # In a process of its own, for the harm is a bus error.
    at = PLAIN.index(b"X\0\0\0\x02\0\0\0") + 4
    damaged = PLAIN[: at + 1] + b"\x7f" + PLAIN[at + 2 :]
    (tmp_path / "a.mat").write_bytes(damaged)
    program = "import sys, pathlib; from datasets import svhn; svhn.read_mat(pathlib.Path('a.mat'))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert re.search(r"DataError: a\.mat: .*'X'.* type 32514", done.stderr), done.stderr


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


@st.composite
def damages(draw):
    """Functions that cut a file off or change a few of its bytes, most of them near its ends."""
    if draw(st.booleans()):
        share = draw(st.floats(0, 1, exclude_max=True))
        return lambda whole: whole[: int(share * len(whole))]
    near = st.integers(0, 400)
    places = st.one_of(near, near.map(lambda n: ~n), st.integers(0, 1 << 20))
    changes = draw(st.lists(st.tuples(places, st.integers(1, 255)), min_size=1, max_size=6))

    def change(whole):
        damaged = bytearray(whole)
        for place, difference in changes:
            damaged[place % len(damaged)] ^= difference
        return bytes(damaged)

    return change


def read_damaged(read, content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(content)
        try:
            images, labels = read(path)
        except datasets.DataError as error:
            assert str(path) in str(error) and "\n" not in str(error)
        else:
            assert images.dtype == np.uint8 and images.shape[1:] == (3, 32, 32)
            assert labels.dtype == np.int64 and len(labels) == len(images) > 0
            assert labels.min() >= 0 and labels.max() <= 9


@settings(max_examples=300, deadline=None)
@given(damages())
@example(lambda whole: b"")
def test_damaged_batches_are_refused_or_read(damage):
    read_damaged(cifar10.read_batch, damage(BATCH))


@pytest.mark.parametrize("kind", MATS)
@settings(max_examples=200, deadline=None)
@given(damage=damages())
def test_damaged_mats_are_refused_or_read(kind, damage):
    read_damaged(svhn.read_mat, damage(MATS[kind]))
