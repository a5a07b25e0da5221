"""Mistakes that people make: one clear line naming the culprit, exit code 2, nothing written."""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pytest
from support.project import PROJECT, check_one_line, run_script

pytestmark = pytest.mark.slow

OPTIONS = {
    ("--epochs", "-1"): "--epochs",
    ("--epochs", "many"): "--epochs",
    ("--batch-size", "0"): "--batch-size",
    ("--width", "0"): "--width",
    ("--width", "0.001", "--synthetic"): "--width",
    ("--corruption", "1.5"): "--corruption",
    ("--lr-start", "nan"): "--lr-start",
    ("--seed", "-1"): "--seed",
    ("--seed", "4294967296"): "--seed",
    ("--device", "abacus"): "--device",
    ("--tf32", "--synthetic"): "--tf32",
    ("--epoch", "3"): "--epoch",
    ("stray",): "stray",
    ("--data-dir", "nowhere"): "nowhere",
    ("--data-dir", "nowhere", "--synthetic"): "--synthetic",
    ("--width", "1e308", "--synthetic"): "--width 1e+308",
    ("--width", "1e5", "--synthetic"): "--width 100000",
    ("--as-in-2017", "--train-size", "49", "--synthetic"): "--as-in-2017",
    ("--as-in-2017", "--batch-size", "9000", "--synthetic"): "--batch-size 9000",
}


# Of each kind one; the others are left to make full.
IN_EVERY_TEST_RUN = ("many", "0.001", "4294967296", "stray", "1e308")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        pytest.param(
            *(arguments, named),
            marks=() if set(IN_EVERY_TEST_RUN) & set(arguments) else pytest.mark.exhaustive,
        )
        for arguments, named in OPTIONS.items()
    ],
)
def test_wrong_options(arguments, named, tmp_path):
    check_one_line(run_script("cifar10_random_labels.py", *arguments, cwd=tmp_path), named)
    assert not list(tmp_path.iterdir())


def test_processes_that_cannot_train(tmp_path):
    script = "cifar10_random_labels.py"
    check_one_line(run_script(script, "--synthetic", cwd=tmp_path, PYTHONOPTIMIZE="2"), "-OO")
    limited = f"ulimit -v 700000; exec {sys.executable} {PROJECT / script} --synthetic"
    done = subprocess.run(["sh", "-c", limited], cwd=tmp_path, capture_output=True, text=True)
    check_one_line(done, "ulimit -v")
    assert not list(tmp_path.iterdir())


def test_damaged_data_files(data_dir, tmp_path):
    cifar = tmp_path / "data" / "cifar-10-batches-py"
    cifar.mkdir(parents=True)
    for path in (data_dir / "cifar-10-batches-py").glob("*_batch*"):
        shutil.copy(path, cifar / path.name)
    third = cifar / "data_batch_3"
    whole = third.read_bytes()

    def train():
        return run_script("cifar10_random_labels.py", "--data-dir", "data", cwd=tmp_path)

    third.write_bytes(whole[: len(whole) // 2])
    check_one_line(train(), "data_batch_3")
    third.write_bytes(b"\x93NUMPY" + whole)
    check_one_line(train(), "data_batch_3")
    third.unlink()
    check_one_line(train(), "data_batch_3")
    assert not (tmp_path / "results").exists()


def test_damaged_svhn_files(data_dir, tmp_path):
    svhn = tmp_path / "data" / "svhn"
    svhn.mkdir(parents=True)
    for path in (data_dir / "svhn").glob("*.mat"):
        shutil.copy(path, svhn / path.name)
    test = svhn / "test_32x32.mat"
    test.write_bytes(test.read_bytes()[:5000])
    process = run_script("svhn_random_labels.py", "--data-dir", "data", cwd=tmp_path)
    check_one_line(process, "test_32x32.mat")


def test_an_existing_run_is_not_overwritten(tmp_path):
    run = tmp_path / "results" / "cifar10_random_labels" / "seed-0_synthetic"
    run.mkdir(parents=True)
    (run / "run.json").write_text("{}")
    process = run_script("cifar10_random_labels.py", "--synthetic", cwd=tmp_path)
    check_one_line(process, "--overwrite", "cifar10_random_labels")
    assert (run / "run.json").read_text() == "{}"


def evaluate(tmp_path, *arguments):
    return run_script("svhn_evaluation_random_labels.py", *arguments, cwd=tmp_path)


def test_evaluation_without_a_run(tmp_path):
    check_one_line(evaluate(tmp_path), "results", "--params")
    check_one_line(evaluate(tmp_path, "--params", "gone.npz"), "gone.npz")
    check_one_line(evaluate(tmp_path, "--images", "X.npy"), "--labels")


def test_parameters_that_do_not_fit(tmp_path):
    np.save(tmp_path / "X.npy", np.zeros((4, 3, 32, 32)))
    np.save(tmp_path / "Y.npy", np.zeros(4, int))
    files = ("--images", "X.npy", "--labels", "Y.npy")
    np.savez(tmp_path / "few.npz", np.zeros((2, 2)))
    check_one_line(evaluate(tmp_path, "--params", "few.npz", *files), "few.npz")
    np.savez(tmp_path / "pickled.npz", np.array([print], object))
    check_one_line(evaluate(tmp_path, "--params", "pickled.npz", *files), "pickled.npz")
    (tmp_path / "text.npz").write_text("not a zip file")
    check_one_line(evaluate(tmp_path, "--params", "text.npz", *files), "text.npz")
    widths = (4, 4, 4, 4, 4, 4)
    arrays = [np.zeros((n, 3 if i == 0 else 4, 3, 3)) for i, n in enumerate(widths)]
    arrays += [np.zeros((64, 8)), np.zeros((8, 8)), np.zeros((8, 10))]
    layers = [a for W in arrays for a in (W, *[np.zeros(W.shape[0 if W.ndim > 2 else 1])] * 5)]
    layers[1] = np.zeros(5)
    np.savez(tmp_path / "odd.npz", *layers)
    check_one_line(evaluate(tmp_path, "--params", "odd.npz", *files), "odd.npz", "arr_1")
    np.save(tmp_path / "X.npy", np.zeros((4, 28, 28)))
    check_one_line(evaluate(tmp_path, "--params", "odd.npz", *files), "X.npy")


def test_no_compiler(tmp_path):
    process = run_script("cifar10_random_labels.py", "--synthetic", cwd=tmp_path, PATH="")
    check_one_line(process, "g++")
    assert not list(tmp_path.iterdir())
