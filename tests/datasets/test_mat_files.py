"""SVHN's MATLAB files as people save them, read; what is none of them, refused in a line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse
from hypothesis import given, settings
from support.damage import damages, read_damaged
from support.data_files import images_and_labels, refusal, write_mat, write_mat73
from support.project import PROJECT

import datasets
from datasets import svhn

IMAGES, LABELS = images_and_labels(4)


def mat_bytes(compress):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "whole.mat"
        write_mat(path, IMAGES, LABELS, compress)
        return path.read_bytes()


MATS = {"compressed": mat_bytes(True), "plain": mat_bytes(False)}


def test_one_svhn_image_without_its_last_axis(tmp_path):
    y = np.array([[10.0]])
    scipy.io.savemat(tmp_path / "one.mat", {"X": IMAGES[0].transpose(1, 2, 0), "y": y})
    images, labels = svhn.read_mat(tmp_path / "one.mat")
    assert (images == IMAGES[:1]).all() and labels.tolist() == [0]


X = IMAGES.transpose(2, 3, 1, 0)
Y = np.array([[1], [2], [3], [10]], np.uint8)
BAD_MATS = {
    "other variables": ({"Z": X, "y": Y}, "'Z'"),
    "no labels": ({"X": X}, "not X and y"),
    "floats": ({"X": X.astype(float), "y": Y}, "float64"),
    "numbers too large": ({"X": X.astype(np.int16) + 1, "y": Y}, "1 to 256"),
    "negative numbers": ({"X": X.astype(np.int64) - 128, "y": Y}, "-128 to 127"),
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


WRITERS = {
    "5": lambda path, content: scipy.io.savemat(path, content),
    "5, compressed": lambda path, content: scipy.io.savemat(path, content, do_compression=True),
    "7.3": lambda path, content: write_mat73(path, **content),
    "7.3, in one piece": lambda path, content: write_mat73(path, {}, **content),
}
TAKEN = {
    "as SVHN's": (X, Y),
    "y in a row": (X, Y.T),
    "y as doubles": (X, Y.astype(float)),
    "y of eight bytes": (X, Y.astype(np.int64)),
    "X of two bytes": (X.astype(np.uint16), Y.astype(np.int8)),
    "X of eight bytes": (X.astype(np.int64), Y.astype(np.uint32)),
    "X in the other byte order": (X.astype(">i4"), Y.astype(">i2")),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("case", TAKEN)
def test_files_as_people_save_them(case, writer, tmp_path):
    images, labels = TAKEN[case]
    WRITERS[writer](tmp_path / "mine.mat", {"X": images, "y": labels})
    images, labels = svhn.read_mat(tmp_path / "mine.mat")
    assert (images == IMAGES).all() and images.dtype == np.uint8
    assert labels.tolist() == [1, 2, 3, 0] and labels.dtype == np.int64


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("first", [False, True])
def test_further_variables_are_passed_over(first, compress, tmp_path):
    others = {
        **{"note": "mine", "truth": X > 3, "waves": X * 1j, "Z": Y, "nothing": np.zeros((0, 0))},
        **{"cells": np.array([1, "b"], object), "struct": {"a": {"b": 1}}, "y2": Y},
        "sparse": scipy.sparse.csc_matrix(np.eye(3)),
    }
    wanted = {"X": X, "y": Y}
    content = {**others, **wanted} if first else {**wanted, **others}
    scipy.io.savemat(tmp_path / "mine.mat", content, do_compression=compress)
    images, labels = svhn.read_mat(tmp_path / "mine.mat")
    assert (images == IMAGES).all() and labels.tolist() == [1, 2, 3, 0]


def test_further_variables_of_matlab_73_are_passed_over(tmp_path):
    path = tmp_path / "mine.mat"
    write_mat73(path, X=X, y=Y, note=np.frombuffer("mine".encode("utf-16-le"), np.uint16))
    with h5py.File(path, "r+") as file:
        file.create_group("struct")["a"] = 1.0
        file.create_group("#refs#")["b"] = Y
        file["cells"] = np.array([file["#refs#/b"].ref], h5py.ref_dtype)
        file["elsewhere"] = h5py.ExternalLink("/etc/passwd", "/")
    images, labels = svhn.read_mat(path)
    assert (images == IMAGES).all() and labels.tolist() == [1, 2, 3, 0]


def test_a_whole_data_set_of_matlab_73(tmp_path):
    images, labels = images_and_labels(40, seed=3)
    y = np.where(labels == 0, 10, labels)[:, None].astype(float)
    for name, part in (("train", slice(0, 30)), ("test", slice(30, 40))):
        images_of_matlab = images[part].transpose(2, 3, 1, 0)
        write_mat73(tmp_path / f"{name}_32x32.mat", X=images_of_matlab, y=y[part])
    for _ in range(2):
        data = datasets.load_svhn(str(tmp_path))
        assert (data.images == images).all() and (data.labels == labels).all()
        assert data.images.flags.c_contiguous


@pytest.mark.parametrize("case", BAD_MATS)
def test_bad_mats(case, tmp_path):
    content, reason = BAD_MATS[case]
    scipy.io.savemat(tmp_path / "train_32x32.mat", content)
    assert reason in refusal(svhn.read_mat, tmp_path / "train_32x32.mat")


@pytest.mark.parametrize("case", [case for case in BAD_MATS if case not in ("cells", "structs")])
def test_bad_mats_of_matlab_73(case, tmp_path):
    content, reason = BAD_MATS[case]
    if "text" in case:
        content = {**content, "X": np.array(b"images")}
    write_mat73(tmp_path / "train_32x32.mat", {}, **content)
    assert reason in refusal(svhn.read_mat, tmp_path / "train_32x32.mat")


def x_elsewhere(file):
    del file["X"]
    file.create_dataset("X", (4, 3, 32, 32), np.uint8, external=[("/etc/passwd", 0, 12288)])


def x_by_link(file):
    del file["X"]
    file["X"] = h5py.ExternalLink("other.mat", "X")


def x_by_soft_link(file):
    file["Z"] = file["X"]
    del file["X"]
    file["X"] = h5py.SoftLink("/Z")


def x_virtual(file):
    del file["X"]
    layout = h5py.VirtualLayout((4, 3, 32, 32), np.uint8)
    layout[:] = h5py.VirtualSource("/etc/passwd", "X", (4, 3, 32, 32))
    file.create_virtual_dataset("X", layout)


def x_is_a_group(file):
    del file["X"]
    file.create_group("X")


def x_never_written(file):
    del file["X"]
    file.create_dataset("X", (900_000, 3, 32, 32), np.uint8, chunks=(1, 3, 32, 32))


def x_by_a_filter_of_others(file):
    del file["X"]
    data = IMAGES.transpose(0, 1, 3, 2)
    file.create_dataset("X", data=data, chunks=(1, 3, 32, 32), compression="lzf")


def x_of_truths(file):
    del file["X"]
    file["X"] = IMAGES > 3


FORGED = [
    *(x_elsewhere, x_by_link, x_by_soft_link, x_virtual, x_is_a_group),
    *(x_never_written, x_by_a_filter_of_others, x_of_truths),
]


@pytest.mark.parametrize("forge", FORGED, ids=lambda forge: forge.__name__)
def test_forged_files_of_matlab_73(forge, tmp_path):
    path = tmp_path / "train_32x32.mat"
    for name in (path, tmp_path / "other.mat"):
        write_mat73(name, X=X, y=Y)
    with h5py.File(path, "r+") as file:
        forge(file)
    assert "'X'" in refusal(svhn.read_mat, path)


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


@pytest.mark.slow
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
        timeout=3600,
    )
    assert done.returncode == 1
    assert re.search(r"DataError: a\.mat: .*'X'.* type 32514", done.stderr), done.stderr


@pytest.mark.parametrize("kind", MATS)
@settings(max_examples=200, deadline=None)
@given(damage=damages())
def test_damaged_mats_are_refused_or_read(kind, damage):
    read_damaged(svhn.read_mat, damage(MATS[kind]))


@pytest.mark.exhaustive
@pytest.mark.parametrize("options", [None, {}], ids=["compressed", "plain"])
@settings(max_examples=20, deadline=None)
@given(damage=damages())
def test_damaged_mats_of_matlab_73_are_refused_or_read(options, damage):
    with tempfile.TemporaryDirectory() as folder:
        write_mat73(Path(folder) / "whole.mat", options, X=X, y=Y)
        whole = (Path(folder) / "whole.mat").read_bytes()
    read_damaged(svhn.read_mat, damage(whole))
