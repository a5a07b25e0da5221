"""--corrupted-labels: corrupted training images apart from the others, and nothing else changed."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from support.project import run_script
from support.runs import run_in

from training_loop import metrics

RUN = (
    *("--data", "patterns", "--patterns", "60", "12", "--classes", "3", "--network", "mlp"),
    *("--hidden", "9", "--epochs", "3", "--batch-size", "20", "--no-figures", "--quiet"),
)


def rows_of(folder, *more):
    folder.mkdir()
    done = run_script("cifar10_random_labels.py", *RUN, *more, cwd=folder)
    assert done.returncode == 0, done.stderr
    text = (run_in(folder) / "metrics.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(metrics.reproducible(text).splitlines()))


@pytest.mark.slow
def test_where_every_label_was_drawn_anew(tmp_path):
    plain, told = (rows_of(tmp_path / n, *m) for n, m in (("a", ()), ("b", ["--corrupted-labels"])))
    with np.load(run_in(tmp_path / "b") / "labels.npz") as labels:
        wrong = labels["training_labels"] != labels["training_true_labels"]
    corrupted = int(wrong.sum())
    assert 0 < corrupted < 60
    for before, row in zip(plain, told, strict=True):
        counted = {name: float(row.pop(name)) for name in set(row) - set(before)}
        assert row == before
        # Of all images those that are told rightly, by the two labels that each has.
        uncorrupted = (1 - counted["training_error_uncorrupted"]) * (60 - corrupted)
        for label, column in (("given", "training_error"), ("true", "training_clean_error")):
            share = (counted[f"corrupted_as_{label}"] * corrupted + uncorrupted) / 60
            assert share == pytest.approx(1 - float(row[column]))
        assert counted["training_error_corrupted"] == pytest.approx(
            1 - counted["corrupted_as_given"]
        )


@pytest.mark.exhaustive
def test_measured_besides_they_are_there_once(tmp_path):
    half = ("--corruption", "0.5", "--corrupted-labels")
    alone = rows_of(tmp_path / "alone", *half)
    measured = rows_of(tmp_path / "measured", *half, "--measure")
    for row, more in zip(alone, measured, strict=True):
        assert row.items() <= more.items()
    none = rows_of(tmp_path / "none", "--corruption", "0", "--corrupted-labels")
    assert "corrupted_as_true" not in none[-1]
