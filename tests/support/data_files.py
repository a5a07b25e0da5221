"""CIFAR-10 and SVHN files in their real formats, for tests to read, damage and serve."""

from __future__ import annotations

import struct
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

import datasets

CIFAR10_FILES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")


def images_and_labels(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random images (n, 3, 32, 32) uint8 and labels (n,), all of 0 to 9 in turn."""
    images = np.random.RandomState(seed).randint(0, 256, (count, 3, 32, 32)).astype(np.uint8)
    return images, np.arange(count) * 7 % 10


def python2_batch(images: np.ndarray, labels: np.ndarray) -> bytes:
    """A batch as Python 2's cPickle wrote it: instruction by instruction what the originals are."""
    rows, columns = len(images), images[0].size

    def text(value: bytes) -> bytes:
        return b"U" + bytes([len(value)]) + value

    def number(value: int) -> bytes:
        return b"J" + struct.pack("<i", value)

    reconstruct = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85U\x01b"
    )
    dtype = b"cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87Rq\x07(K\x03U\x01|NNNJ\xff\xff\xff\xff"
    dtype += b"J\xff\xff\xff\xffK\x00tb"
    content = images.tobytes()
    return b"".join(
        (
            b"\x80\x02}q\x01(" + text(b"data") + b"q\x02" + reconstruct + b"\x87Rq\x05(K\x01",
            number(rows) + number(columns) + b"\x86" + dtype + b"\x89",
            b"T" + struct.pack("<i", len(content)) + content + b"tb",
            text(b"labels") + b"]q\x08(" + b"".join(number(int(label)) for label in labels) + b"e",
            text(b"batch_label") + text(b"training batch 1 of 5"),
            text(b"filenames") + b"]q\x09(" + text(b"a_car_s_000001.png") * rows + b"e",
            b"u.",
        )
    )


def write_cifar10(folder: Path, rows: tuple[int, ...] = (8, 8, 8, 8, 8, 6)):
    """The six files with so many `rows` each; returns all images and labels in order."""
    folder.mkdir(parents=True, exist_ok=True)
    images, labels = images_and_labels(sum(rows))
    ends = np.cumsum(rows)
    for name, start, end in zip(CIFAR10_FILES, ends - rows, ends):
        (folder / name).write_bytes(python2_batch(images[start:end], labels[start:end]))
    return images, labels


def write_mat(path: Path, images: np.ndarray, labels: np.ndarray, compress: bool = True, **other):
    """One SVHN file: X (32, 32, 3, n) and y (n, 1), with 10 for the digit 0."""
    path.parent.mkdir(parents=True, exist_ok=True)
    y = np.where(labels == 0, 10, labels)[:, None].astype(np.uint8)
    content = {"X": images.transpose(2, 3, 1, 0), "y": y, **other}
    scipy.io.savemat(path, content, do_compression=compress)


def write_mat73(path: Path, options: dict | None = None, **variables: np.ndarray) -> None:
    """A file as MATLAB's `save -v7.3` writes it: 512 bytes of its own, then HDF5, axes reversed.

    `options` are those of `h5py.create_dataset`; by default the compression that MATLAB uses.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if options is None:
        options = {"compression": "gzip", "chunks": True}
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in variables.items():
            stored = file.create_dataset(name, data=np.asarray(array).T, **options)
            kind = {"float64": "double", "float32": "single"}.get(str(array.dtype))
            stored.attrs["MATLAB_class"] = np.bytes_(kind or str(array.dtype))
    text = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Tue Nov 24 12:00:00 2026 HDF5 "
    with open(path, "r+b") as stream:
        stream.write((text + b"schema 1.00 .").ljust(116) + bytes(8) + b"\x00\x02IM")


def write_svhn(folder: Path, train: int = 40, test: int = 12, extra: int = 0):
    """The two or three files; returns all images and labels, test's after training's."""
    images, labels = images_and_labels(train + test + extra, seed=1)
    write_mat(folder / "train_32x32.mat", images[:train], labels[:train])
    write_mat(folder / "test_32x32.mat", images[train:][:test], labels[train:][:test])
    if extra:
        write_mat(folder / "extra_32x32.mat", images[train + test :], labels[train + test :])
    return images, labels


def refusal(read, path):
    """The line in which `read` refuses the file at `path`."""
    with pytest.raises(datasets.DataError) as caught:
        read(path)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    return message
