"""Runs at the edges: no epochs, one image, a batch of one, all labels random or none."""

from __future__ import annotations

import importlib
import math

import numpy as np
import pytest

from foundations.errors import UserError

pytestmark = pytest.mark.slow


SCRIPT = "cifar10_random_labels"
FIGURES = ("curves", "class_errors", "labels")


@pytest.fixture
def run(tmp_path):
    """A function that runs the script narrowly; returns its folder and the lines of metrics."""

    def run_with(*options):
        # A network that is compiled in a second: it is the numbers of images that are odd.
        small = ("--synthetic", "--network", "mlp", "--hidden", "16")
        narrow = (*small, "--epochs", "2", "--quiet", "--overwrite")
        rows = importlib.import_module(SCRIPT).main(
            [*narrow, "--results-dir", str(tmp_path), "--name", "run", *options]
        )
        return tmp_path / SCRIPT / "run", rows

    return run_with


def test_no_epochs(run):
    folder, rows = run("--epochs", "0", "--train-size", "60")
    assert rows == []
    assert {path.name for path in folder.iterdir()} == {"labels.npz", "run.json", "state.npz"}


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "options",
    [
        ("--train-size", "1"),
        ("--train-size", "3", "--batch-size", "1", "--epochs", "1"),
        ("--train-size", "9", "--batch-size", "1000"),
        ("--train-size", "9", "--seed", "4294967295"),
    ],
    ids=" ".join,
)
def test_few_images(options, run):
    """Most classes have no training image then: their error is not a number, and none is drawn."""
    folder, rows = run(*options)
    with np.load(folder / "labels.npz") as stored:
        labels = stored["training_labels"]
    occurring = [label in labels for label in range(10)]
    assert not all(occurring)
    for row in rows:
        assert all(np.isfinite(row[f"{name}_loss"]) for name in ("training", "test"))
        shown = [not math.isnan(row[f"training_error_class_{label}"]) for label in range(10)]
        assert shown == occurring
        counts = np.bincount(labels, minlength=10)
        errors = np.nan_to_num([row[f"training_error_class_{label}"] for label in range(10)])
        assert row["training_error"] == pytest.approx(counts @ errors / len(labels))
    for figure in FIGURES:
        assert (folder / f"{figure}.png").stat().st_size > 5000


def test_a_last_step_that_spoils_the_parameters(run, tmp_path):
    """The only step's loss was finite; what it made of the parameters is not saved."""
    with pytest.raises(UserError, match=r"training set is .* after epoch 1: .*--lr-start"):
        run("--train-size", "10", "--lr-start", "1e38")
    with np.load(tmp_path / SCRIPT / "run" / "state.npz") as state:
        for name in state.files:
            assert state[name].dtype.kind != "f" or np.isfinite(state[name]).all()


@pytest.mark.exhaustive
@pytest.mark.parametrize(("corruption", "replaced"), [("0", 0), ("1", 60)])
def test_all_labels_or_none_replaced(corruption, replaced, run):
    folder, _ = run("--corruption", corruption, "--train-size", "60", "--epochs", "1")
    with np.load(folder / "labels.npz") as stored:
        assert stored["training_replaced"].sum() == replaced
        different = np.sum(stored["training_labels"] != stored["training_true_labels"])
    # Of those drawn anew, one in ten is drawn as it was.
    assert different == 0 if replaced == 0 else 40 <= different < 60
