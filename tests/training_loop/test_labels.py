"""Labels of every way in from Python: taken as what they are, or refused before anything else."""

from __future__ import annotations

import numpy as np
import pytest

import binary_net
import svhn_evaluation_random_labels
from binary_net import lasagne
from foundations.arrays import ArrayError
from foundations.errors import UserError
from training_loop import loop
from training_loop.evaluation import Examples, evaluate
from training_loop.progress import Progress

LABELS = np.array([3, 1, 4, 1, 5, 9, 2, 6])
IMAGES = LABELS[:, None] * 1.0
ONE_HOT = np.eye(10)[LABELS]
GOOD = {
    "whole numbers": LABELS,
    "bytes": LABELS.astype(np.uint8),
    "floats": LABELS.astype(np.float32),
    "one-hot": ONE_HOT,
    "signs": (2 * ONE_HOT - 1).astype(np.float32),
    "truths": ONE_HOT > 0,
}
BAD = {
    "a column": (LABELS[:, None], "(8, 1)"),
    "a column of floats": (LABELS[:, None].astype(np.float32), "(8, 1)"),
    "a column of truths": (LABELS[:, None] > 2, "(8, 1)"),
    "a column of objects": (LABELS[:, None].astype(object), "(8, 1)"),
    "a row": (LABELS[None], "8 of the one, 1 of the other"),
    "halves": (LABELS + 0.5, "3.5"),
    "not a number": (np.where(LABELS == 4, np.nan, LABELS), "number 2 is nan"),
    "negative": (LABELS - 2, "number 1 is -1"),
    "no class": (np.where(LABELS == 4, -1, LABELS), "number 2 is -1"),
    "truths": (LABELS > 2, "bool"),
    "objects": (LABELS.astype(object), "object"),
    "objects with nothing": (np.array([*LABELS[:7], None], object), "object"),
    "text": (LABELS.astype(str), "<U"),
    "complex": (LABELS * 1j, "complex"),
    "too few": (LABELS[:7], "7"),
    "too many": (np.tile(LABELS, 2), "16"),
    "none": (LABELS[:0], "0 of"),
    "a single number": (np.array(3), "()"),
    "a list": (LABELS.tolist(), "list"),
    "images": (np.zeros((8, 3, 4, 4)), "(8, 3, 4, 4)"),
    "nothing marked": (ONE_HOT * 0, "row 0"),
    "two marked": (np.maximum(ONE_HOT, np.arange(10) == 0), "row 0"),
    "not numbers in a row": (np.where(ONE_HOT > 0, np.nan, 0), "row 0"),
}
# With a network of ten outputs.
BAD_OF_TEN = {
    **BAD,
    "a row": (LABELS[None], "(1, 8)"),
    "label 10": (np.where(LABELS == 9, 10, LABELS), "number 5 is 10"),
    "eleven columns": (np.eye(11)[LABELS], "(8, 11)"),
    "nine columns": (np.eye(9)[LABELS % 9], "(8, 9)"),
}


def perfect(X, y):
    """Every image's loss, and its class: images say what they are."""
    return np.zeros(len(X)), X[:, 0].astype(int)


def never(*arguments):
    raise AssertionError("was called")


def one_line(error):
    assert "\n" not in str(error) and len(str(error)) < 300
    return str(error)


@pytest.mark.parametrize("case", GOOD)
def test_errors_of_labels_in_the_usual_ways(case):
    told = evaluate(perfect, IMAGES, GOOD[case], 5)
    assert told.error == 0 and told.labels.tolist() == LABELS.tolist()
    shifted = evaluate(perfect, IMAGES[::-1], GOOD[case], 3)
    assert shifted.error == np.mean(LABELS[::-1] != LABELS)


@pytest.mark.parametrize("case", BAD)
def test_nothing_is_evaluated_with_what_is_no_label(case):
    labels, reason = BAD[case]
    with pytest.raises(ArrayError) as caught:
        evaluate(never, IMAGES, labels, 5)
    assert reason in one_line(caught.value)


RETURNED = {
    "predictions in a column": lambda X, y: (np.zeros(len(X)), X.astype(int)),
    "losses in a column": lambda X, y: (np.zeros((len(X), 1)), X[:, 0].astype(int)),
    "outputs": lambda X, y: (np.zeros(len(X)), np.zeros((len(X), 10))),
    "predictions of fewer": lambda X, y: (np.zeros(len(X)), X[1:, 0].astype(int)),
    "one loss, all predictions": lambda X, y: (0.0, X[:, 0].astype(int)),
    "all losses, one error": lambda X, y: (np.zeros(len(X)), 0.0),
    "one value": lambda X, y: [np.zeros(len(X))],
    "three values": lambda X, y: (0.0, 0.0, 0.0),
    "shares as predictions": lambda X, y: (np.zeros(len(X)), X[:, 0] + 0.5),
    "no numbers as predictions": lambda X, y: (np.zeros(len(X)), X[:, 0] * np.nan),
}


@pytest.mark.parametrize("case", RETURNED)
def test_test_functions_that_return_something_else(case):
    with pytest.raises(ArrayError) as caught:
        evaluate(RETURNED[case], IMAGES, LABELS, 5)
    one_line(caught.value)


@pytest.mark.parametrize("wrong", ["training", "validation", "test"])
@pytest.mark.parametrize("case", BAD)
def test_no_set_is_trained_with_what_is_no_label(case, wrong):
    labels, reason = BAD[case]
    sets = {name: Examples(IMAGES, LABELS) for name in ("training", "validation", "test")}
    sets[wrong] = Examples(IMAGES, labels)
    progress = Progress()
    with pytest.raises(ArrayError) as caught:
        loop.train(loop.Functions(never, never), sets, loop.Schedule(1, 4, 0.1, 1.0), progress)
    assert reason in one_line(caught.value) and f"{wrong} labels" in str(caught.value)
    assert progress == Progress()


def network(outputs=10):
    return lasagne.layers.DenseLayer(lasagne.layers.InputLayer((None, 1)), outputs)


def train(y_train, y_val, y_test, train_fn=lambda X, y, rate: 0.0, val_fn=perfect):
    return binary_net.train(
        *(train_fn, val_fn, network(), 4, 0.1, 1.0, 1),
        *(IMAGES, y_train, IMAGES, y_val, IMAGES, y_test),
    )


@pytest.mark.parametrize("case", GOOD)
def test_a_program_trains_with_labels_in_the_usual_ways(case, capsys):
    (row,) = train(GOOD[case], LABELS, GOOD[case])
    assert row["training_error"] == row["test_error"] == 0
    assert row["training_error_class_9"] == 0


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("case", BAD_OF_TEN)
def test_a_program_does_not_train_with_what_is_no_label(case, place):
    labels = [LABELS] * 3
    labels[place], reason = BAD_OF_TEN[case]
    with pytest.raises(ArrayError) as caught:
        train(*labels, never, never)
    name = ("training", "validation", "test")[place]
    assert reason in one_line(caught.value) and f"{name} labels" in str(caught.value)


FILES = {
    "a label too many": ("Y", np.arange(3, 11), "number 7 is 10"),
    "negative": ("Y", LABELS - 2, "number 1 is -1"),
    "halves": ("Y", LABELS + 0.5, "number 0 is 3.5"),
    "truths": ("Y", LABELS > 2, "bool"),
    "too few": ("Y", LABELS[:7], "8 of the one, 7 of the other"),
    "two marked": ("Y", np.ones((8, 10)), "row 0"),
    "eleven columns": ("Y", np.eye(11)[LABELS], "(8, 11)"),
    "images as bytes": ("X", np.full((8, 3, 32, 32), 200, np.uint8), "200 to 200"),
    "images of 0 to 255": ("X", np.full((8, 3072), 255.0), "255 to 255"),
    "images with a nan": ("X", np.full((8, 3072), np.nan), "nan"),
    "images in another order": ("X", np.zeros((8, 32, 32, 3)), "(8, 32, 32, 3)"),
}


@pytest.mark.parametrize("case", FILES)
def test_files_of_2017_that_are_none(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("X.npy", np.zeros((8, 3, 32, 32), np.float32))
    np.save("Y.npy", LABELS)
    np.savez("p.npz", np.zeros(1, np.float32))
    name, content, reason = FILES[case]
    np.save(f"{name}.npy", content)
    files = ["--params", "p.npz", "--images", "X.npy", "--labels", "Y.npy"]
    with pytest.raises(UserError) as caught:
        svhn_evaluation_random_labels.main(files)
    assert reason in one_line(caught.value) and f"{name}.npy" in str(caught.value)
