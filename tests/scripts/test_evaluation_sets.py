"""The evaluation of any set of a run, against given or true labels, with predictions as CSV."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from support.project import check_one_line, run_script
from support.runs import metrics

pytestmark = pytest.mark.slow

SCRIPT = "svhn_evaluation_random_labels.py"


@pytest.mark.parametrize(
    ("more", "column"),
    [
        (("--set", "test", "--predictions", "p.csv"), "test_error"),
        (("--set", "train", "--true-labels", "--predictions", "p.csv"), "training_clean_error"),
    ],
)
def test_errors_are_those_of_the_run_and_predictions_tell_them(short_run, tmp_path, more, column):
    params = short_run / "model_parameters.npz"
    done = run_script(SCRIPT, "--params", params, *more, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    error = float(metrics(short_run)[-1][column])
    assert f"{column} = {100 * error:.2f}%" in done.stdout

    with open(tmp_path / "p.csv", encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert [int(line["image"]) for line in lines] == list(range(len(lines)))
    wrong = [line["label"] != line["prediction"] for line in lines]
    assert np.mean(wrong) == pytest.approx(error)
    kind = "true_labels" if "--true-labels" in more else "labels"
    with np.load(short_run / "labels.npz") as stored:
        labels = stored[f"{column.partition('_')[0]}_{kind}"]
    assert [int(line["label"]) for line in lines] == labels.tolist()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--set", "valid"), ("--set", "training, validation, test")),
        (("--images", "x", "--labels", "y", "--params", "z", "--set", "test"), ("--set",)),
        (("--images", "x", "--labels", "y", "--params", "z", "--true-labels"), ("--true-labels",)),
    ],
)
def test_a_line_for_what_cannot_be(more, told, tmp_path):
    check_one_line(run_script(SCRIPT, *more, cwd=tmp_path), *told)


def test_predictions_that_cannot_be_written(short_run, tmp_path):
    params = short_run / "model_parameters.npz"
    more = ("--count", "9", "--predictions", "none/p.csv")
    check_one_line(run_script(SCRIPT, "--params", params, *more, cwd=tmp_path), "none/p.csv")
