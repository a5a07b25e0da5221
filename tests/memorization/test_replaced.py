"""Errors against the true labels, and memorised bits, wherever labels were replaced."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest
from scipy.stats import entropy
from support.project import run_command, run_script
from support.runs import run_in

from datasets import Form
from datasets.labelled_sets import LabelledSet, LabelledSets
from memorization.measures.replaced import ReplacedLabels, memorised_bits
from training_loop.evaluation import Evaluation

SCRIPT = "svhn_random_labels.py"


def labelled(given, true, replaced):
    given, true = np.array(given), np.array(true)
    return LabelledSet(np.arange(len(given)), given, true, np.array(replaced, bool))


def data_of(training):
    form = Form((3, 32, 32), tuple("0123"))
    other = labelled([1, 0], [1, 2], [False, True])
    images = np.zeros((max(2, len(training.numbers)), *form.image_shape), np.uint8)
    return LabelledSets("synthetic-svhn", "", form, images, training, other, other)


def evaluated(predictions, given):
    return Evaluation(np.zeros(len(predictions)), np.array(predictions), np.array(given))


@pytest.mark.parametrize("n, n_classes", [(10, 2), (1000, 10), (7, 3), (73257, 10), (40, 100)])
def test_bits_of_labels_and_predictions_of_one_error_rate(n, n_classes):
    """The mutual information, n times, of a label and a prediction whose errors are even."""
    for wrong in {0, 1, n // 3, n // 2, n - n // n_classes - 1}:
        error = wrong / n
        joint = np.full((n_classes, n_classes), error / n_classes / max(1, n_classes - 1))
        np.fill_diagonal(joint, (1 - error) / n_classes)
        told = 2 * np.log2(n_classes) - entropy(joint.ravel(), base=2)
        expected = n * told if error < 1 - 1 / n_classes else 0
        assert memorised_bits(n, wrong, n_classes) == pytest.approx(expected, abs=1e-9 * n)


def test_bits_at_the_edges():
    assert memorised_bits(8, 0, 2) == 8
    assert memorised_bits(90, 0, 10) == pytest.approx(90 * math.log2(10))
    # No better than chance, exactly and beyond: 2/3 and 9/10 are no floats.
    assert memorised_bits(3, 2, 3) == memorised_bits(10, 9, 10) == memorised_bits(10, 10, 10) == 0
    assert memorised_bits(1000, 899, 10) > 0
    assert math.isnan(memorised_bits(0, 0, 10))


def test_errors_against_the_truth_and_bits_counted_by_hand():
    given, true = [0, 1, 2, 3, 0, 1], [0, 1, 2, 0, 1, 2]
    training = labelled(given, true, [False, False, True, True, True, True])
    observer = ReplacedLabels(data_of(training), {"binary": {"W": 4}, "real": {"b": 3, "beta": 5}})
    columns = observer.measure(
        1,
        {
            "training": evaluated([0, 0, 2, 3, 0, 2], given),
            "validation": evaluated([1, 2], [1, 0]),
            "test": evaluated([1, 0], [1, 0]),
        },
    )
    # Of four replaced labels, one that came out as it was among them, three are as given.
    bits = 4 * (2 - (0.25 * 2 + 0.75 * math.log2(4 / 3)) - 0.25 * math.log2(3))
    assert columns == pytest.approx(
        {
            "training_clean_error": 3 / 6,
            "validation_clean_error": 0.0,
            "test_clean_error": 1 / 2,
            "memorised_bits": bits,
            "memorised_bits_per_binary_weight": bits / 4,
            "memorised_bits_per_real_parameter": bits / 8,
        }
    )


def test_a_partial_batch_left_out_and_no_label_replaced_in_the_rest():
    training = labelled([0, 1, 2, 3], [0, 1, 2, 0], [False, False, False, True])
    observer = ReplacedLabels(data_of(training), {"binary": {}, "real": {"W": 1}})
    other = evaluated([], [])
    passes = {"training": evaluated([0, 1], [0, 1]), "validation": other, "test": other}
    columns = observer.measure(1, passes)
    assert columns["training_clean_error"] == 0
    assert all(
        math.isnan(value) for name, value in columns.items() if name != "training_clean_error"
    )


@pytest.mark.exhaustive
def test_of_a_run(tmp_path):
    """From a run's labels and parameters alone the last epoch's columns come out again."""
    small = ("--synthetic", "--network", "mlp", "--hidden", "40", "20")
    narrow = (*small, "--train-size", "300", "--epochs", "2")
    done = run_script(SCRIPT, *narrow, "--corruption", "0.5", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = run_in(tmp_path)
    last = list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))[-1]
    record = json.loads((folder / "run.json").read_text())
    with np.load(folder / record["parameters"]) as stored:
        kept = sum(array.size for array in stored.values())
        weights = sum(array.size for array in stored.values() if array.ndim > 1)
    counts = record["parameter_counts"]
    assert counts["binary"] == {"W": weights}
    assert set(counts["real"]) == {"bias", "beta", "gamma", "mean", "inv_std"}
    assert sum(counts["real"].values()) == kept - weights
    bits = float(last["memorised_bits"])
    assert float(last["memorised_bits_per_binary_weight"]) == pytest.approx(bits / weights)
    for name in ("training", "validation", "test"):
        assert 0 <= float(last[f"{name}_clean_error"]) <= 1
    assert float(last["training_clean_error"]) != float(last["training_error"])

    report = run_command("report", "results", cwd=tmp_path)
    assert report.returncode == 0, report.stderr
    shown = f"{100 * float(last['test_clean_error']):.2f}"
    assert "test error, true labels (%)" in report.stdout
    assert shown in report.stdout
    assert "training, true" in (folder / "curves.svg").read_text()

    done = run_script(SCRIPT, *narrow, "--corruption", "0", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (true_labels,) = (run for run in folder.parent.iterdir() if run != folder)
    header = (true_labels / "metrics.csv").read_text().splitlines()[0]
    assert "test_error" in header
    assert "clean_error" not in header and "memorised_bits" not in header
    assert run_command("report", "results", cwd=tmp_path).returncode == 0
    figure = (tmp_path / "results" / "report" / "comparison.svg").read_text()
    assert "replaced labels" in figure
    assert "svhn random labels, true labels" in figure
