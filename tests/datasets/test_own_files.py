"""Files of one's own: which are taken, and the line that each other gets."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from support.project import check_one_line, run_script

import datasets
from foundations.errors import UserError

IMAGES = np.arange(30 * 8 * 9, dtype=np.uint32).reshape(30, 8, 9).astype(np.uint8)
LABELS = np.arange(30) % 3
GOOD = {"images": IMAGES, "labels": LABELS}


def saved(folder, **arrays):
    path = folder / "mine.npz"
    np.savez(path, **arrays)
    return path


def loaded(folder, **arrays):
    return datasets.load(str(saved(folder, **arrays)))


@pytest.mark.parametrize(
    ("images", "shape"),
    [
        (IMAGES, (1, 8, 9)),
        (IMAGES.reshape(30, 72), (1, 1, 72)),
        (IMAGES.reshape(30, 2, 4, 9).astype(np.int64), (2, 4, 9)),
    ],
)
def test_images_of_any_shape(images, shape, tmp_path):
    data = loaded(tmp_path, images=images, labels=LABELS)
    assert data.form == datasets.Form(shape, ("0", "1", "2"))
    assert data.images.dtype == np.uint8
    assert np.array_equal(data.images.ravel(), IMAGES.ravel())
    assert (len(data.training), len(data.validation), len(data.test)) == (24, 3, 3)
    assert data.name == "mine"


def test_test_images_and_names_of_the_file(tmp_path):
    scaled = (IMAGES / 127.5 - 1).astype(np.float64)
    data = loaded(
        tmp_path,
        images=scaled,
        labels=np.eye(3)[LABELS],
        test_images=scaled[:5],
        test_labels=LABELS[:5],
        class_names=np.array(["a", "b", "c", "never"]),
    )
    assert data.form.class_names == ("a", "b", "c", "never")
    assert data.images.dtype == np.float32 and data.images.shape == (35, 1, 8, 9)
    assert data.labels.tolist() == [*LABELS.tolist(), *LABELS[:5].tolist()]
    assert data.training.tolist() == list(range(27))
    assert data.validation.tolist() == [27, 28, 29]
    assert data.test.tolist() == [30, 31, 32, 33, 34]


def test_sets_of_the_file(tmp_path):
    sets = {"training": [3, 1, 2], "validation": [], "test": [3, 29]}
    data = loaded(tmp_path, **GOOD, **{name: np.array(of) for name, of in sets.items()})
    assert {name: getattr(data, name).tolist() for name in sets} == sets


def test_the_fingerprint_is_of_the_contents(tmp_path):
    (tmp_path / "moved").mkdir()
    first, moved = loaded(tmp_path, **GOOD), loaded(tmp_path / "moved", **GOOD)
    other = loaded(tmp_path, images=IMAGES, labels=LABELS[::-1])
    assert first.fingerprint() == moved.fingerprint() != other.fingerprint()


BAD = {
    "no labels": ({"images": IMAGES}, "no labels"),
    "no images": ({"labels": LABELS}, "no images"),
    "test images alone": ({**GOOD, "test_images": IMAGES}, "no test_labels"),
    "test labels alone": ({**GOOD, "test_labels": LABELS}, "no test_images"),
    "other names": ({"X": IMAGES, "y": LABELS}, "X is none of images, labels"),
    "fewer labels": ({**GOOD, "labels": LABELS[1:]}, "30 of the one, 29 of the other"),
    "no image at all": ({"images": IMAGES[:0], "labels": LABELS[:0]}, "images: there is none"),
    "five axes": (
        {**GOOD, "images": IMAGES.reshape(30, 2, 2, 2, 9)},
        "wanted are numbers of shape",
    ),
    "no pixel": ({**GOOD, "images": np.zeros((30, 0, 9), np.uint8)}, "from 1 to 65535"),
    "images of text": ({**GOOD, "images": np.full((30, 2), "x")}, "images: <U1"),
    "grey levels as floats": ({**GOOD, "images": IMAGES.astype(np.float32)}, "wanted are -1 to 1"),
    "not a number": ({**GOOD, "images": np.full((30, 4), np.nan)}, "wanted are -1 to 1"),
    "more than a byte": ({**GOOD, "images": IMAGES.astype(np.int64) * 9}, "0 to 255"),
    "negative labels": ({**GOOD, "labels": LABELS - 1}, "labels: number 0 is -1"),
    "labels between classes": ({**GOOD, "labels": LABELS + 0.5}, "labels: number 0 is 0.5"),
    "a single class": ({**GOOD, "labels": 0 * LABELS}, "1 classes"),
    "too many classes": ({**GOOD, "labels": 500 * LABELS}, "1001 classes"),
    "too few names": ({**GOOD, "class_names": np.array(["a", "b"])}, "up to 2, of 2 class_names"),
    "a name twice": ({**GOOD, "class_names": np.array(["a", "b", "a"])}, "'a' stands twice"),
    "an empty name": ({**GOOD, "class_names": np.array(["a", "", "c"])}, "one of them is empty"),
    "names that are numbers": ({**GOOD, "class_names": np.arange(3)}, "wanted is text"),
    "pickled names": ({**GOOD, "class_names": np.array(["a", 1, None], object)}, "class_names"),
    "test images of another form": (
        {**GOOD, "test_images": IMAGES[:, :4], "test_labels": LABELS},
        "wanted are images of one form",
    ),
    "a part of the sets": ({**GOOD, "training": np.arange(9)}, "all of training, validation, test"),
    "sets beyond the images": (
        {**GOOD, "training": np.arange(31), "validation": LABELS, "test": LABELS},
        "training: numbers from 0 to 30, of 30",
    ),
    "nothing to train on": (
        {**GOOD, "training": LABELS[:0], "validation": LABELS, "test": LABELS},
        "no image to train on",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_line_for_each_file_that_is_none(case, tmp_path):
    arrays, told = BAD[case]
    path = saved(tmp_path, **arrays)
    with pytest.raises(UserError) as raised:
        datasets.source(str(path))
    assert str(path) in str(raised.value) and told in str(raised.value)
    assert "\n" not in str(raised.value)


def cut(path):
    path.write_bytes(path.read_bytes()[:-40])


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 255
    path.write_bytes(content)


DAMAGE = {
    "cut": cut,
    "flipped": flipped,
    "empty": lambda path: path.write_bytes(b""),
    "a picture": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(90)),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_line_for_damaged_files(damage, tmp_path):
    path = saved(tmp_path, **GOOD)
    DAMAGE[damage](path)
    with pytest.raises(UserError) as raised:
        datasets.source(str(path))
    assert str(path) in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--data", "none.npz"), ("none.npz", "no such file")),
        (("--data", "mine.mat"), ("--data", "mine.mat", ".npz")),
        (("--data", "mine.npz"), ("7 x 9 pixels", "--network mlp")),
        (("--data", "mine.npz", "--synthetic"), ("--synthetic", "mine.npz")),
        (("--data", "mine.npz", "--data-dir", "."), ("--data-dir", "mine.npz")),
    ],
)
def test_scripts_tell_it_before_anything_is_written(more, told, tmp_path):
    saved(tmp_path, images=IMAGES[:, :7], labels=LABELS)
    done = run_script("cifar10_random_labels.py", *more, cwd=tmp_path)
    check_one_line(done, *told)
    assert [path.name for path in Path(tmp_path).iterdir()] == ["mine.npz"]
