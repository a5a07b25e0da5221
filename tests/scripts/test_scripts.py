"""Every script as its user runs it: in a process of its own, on images in the real formats."""

from __future__ import annotations

import concurrent.futures
import json

import numpy as np
import pytest
from support.project import PROJECT, run_script
from support.runs import NARROW, PARAMETERS, evaluated_error, metrics, reproducible_metrics, run_in

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs(tmp_path_factory, data_dir):
    """All eight training scripts, run once each, two at a time; (folder, finished processes)."""
    folder = tmp_path_factory.mktemp("runs")

    def train(script):
        return run_script(
            *(f"{script}.py", *NARROW, "--no-figures"), cwd=folder, BINARYNET_DATA=str(data_dir)
        )

    scripts = list(PARAMETERS)
    # The first fills the compile cache for the others.
    finished = {scripts[0]: train(scripts[0])}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        finished.update(zip(scripts[1:], pool.map(train, scripts[1:])))
    return folder, finished


def test_every_training_script_is_here():
    found = {p.stem for pattern in ("svhn_*.py", "cifar10_*.py") for p in PROJECT.glob(pattern)}
    assert found == {*PARAMETERS, "svhn_evaluation_random_labels"}


@pytest.mark.parametrize("script", PARAMETERS)
def test_a_run_writes_what_the_readme_says(runs, script):
    folder, finished = runs
    assert finished[script].returncode == 0, finished[script].stderr
    assert "Traceback" not in finished[script].stderr
    run = run_in(folder / "results" / script)
    (row,) = metrics(run)
    assert int(row["epoch"]) == 1
    for name in ("training", "validation", "test"):
        assert 0 <= float(row[f"{name}_error"]) <= 1
        assert np.isfinite(float(row[f"{name}_loss"]))
    assert {f"test_error_class_{label}" for label in range(10)} <= set(row)
    with np.load(run / f"{PARAMETERS[script]}.npz", allow_pickle=False) as stored:
        assert stored.files == [f"arr_{number}" for number in range(54)]
    record = json.loads((run / "run.json").read_text())
    assert record["experiment"] == script
    assert record["options"]["width"] == 0.0625


def test_labels_are_random_where_the_experiment_says_so(runs):
    folder, _ = runs
    for script in PARAMETERS:
        with np.load(run_in(folder / "results" / script) / "labels.npz") as stored:
            for name in ("training", "validation", "test"):
                true, given = stored[f"{name}_true_labels"], stored[f"{name}_labels"]
                random = script != "cifar10_randX_input"
                assert stored[f"{name}_replaced"].all() == random
                assert np.array_equal(true, given) != random


def test_settings_of_the_networks(runs):
    folder, _ = runs

    def network(script):
        return json.loads((run_in(folder / "results" / script) / "run.json").read_text())["network"]

    assert network("svhn_random_labels")["widths"] == [4, 4, 8, 8, 16, 16, 64, 64]
    assert network("cifar10_random_labels")["widths"] == [8, 8, 16, 16, 32, 32, 64, 64]
    assert network("svhn_random_labels_dropout")["dropout"] == [0.25, 0.5]
    assert network("cifar10_train_acc_dropout")["dropout"] == [0.5, 0.5]
    for script in PARAMETERS:
        stochastic = "stochastic" in script
        assert network(script)["stochastic"] == stochastic
        assert network(script)["activation"] == ("sigmoid" if stochastic else "tanh")


def test_the_l2_penalty_reaches_the_loss(runs):
    folder, _ = runs
    plain = metrics(run_in(folder / "results" / "svhn_random_labels"))[0]
    penalized = metrics(run_in(folder / "results" / "svhn_random_labels_l2_regularization"))[0]
    assert float(penalized["train_step_loss"]) > float(plain["train_step_loss"]) + 0.1
    assert penalized["training_loss"] != plain["training_loss"]


def test_evaluation_gives_the_error_that_training_reported(runs, data_dir):
    folder, _ = runs
    for script in ("cifar10_random_labels", "cifar10_randX_input"):
        process = run_script(
            "svhn_evaluation_random_labels.py",
            *("--params", str(run_in(folder / "results" / script) / f"{PARAMETERS[script]}.npz")),
            cwd=folder,
            BINARYNET_DATA=str(data_dir),
        )
        reported = float(metrics(run_in(folder / "results" / script))[0]["training_error"])
        assert evaluated_error(process) == pytest.approx(reported)


def test_evaluation_without_options_takes_the_newest_svhn_run(runs, data_dir):
    folder, _ = runs
    newest = max(
        (path for path in (folder / "results").glob("svhn_*/*/*.npz") if path.stem != "labels"),
        key=lambda path: path.stat().st_mtime_ns,
    )
    process = run_script(
        "svhn_evaluation_random_labels.py", cwd=folder, BINARYNET_DATA=str(data_dir)
    )
    assert newest.parent.name in process.stdout
    assert 0 <= evaluated_error(process) <= 1


def test_evaluation_of_files_of_2017(runs, data_dir, tmp_path):
    import datasets

    folder, _ = runs
    run = run_in(folder / "results" / "svhn_random_labels")
    params = run / f"{PARAMETERS['svhn_random_labels']}.npz"
    with np.load(run / "labels.npz") as stored:
        numbers, labels = stored["training_numbers"], stored["training_labels"]
    images = datasets.load_svhn(str(data_dir)).images[numbers]
    np.save(tmp_path / "X_values_SVHN.npy", (2.0 / 255 * images - 1).astype(np.float64))
    np.save(tmp_path / "Y_values_SVHN.npy", 2 * np.eye(10)[labels] - 1)
    process = run_script(
        "svhn_evaluation_random_labels.py",
        *("--params", params, "--images", "X_values_SVHN.npy", "--labels", "Y_values_SVHN.npy"),
        cwd=tmp_path,
    )
    assert evaluated_error(process) == pytest.approx(float(metrics(run)[0]["training_error"]))


def test_the_same_seed_gives_the_same_run(runs, data_dir):
    folder, _ = runs
    script = "svhn_stochastic_sigmoid_random_labels"
    again = run_script(
        *(f"{script}.py", *NARROW, "--no-figures", "--results-dir", "again"),
        cwd=folder,
        BINARYNET_DATA=str(data_dir),
    )
    assert again.returncode == 0, again.stderr
    first, second = run_in(folder / "results" / script), run_in(folder / "again" / script)
    assert reproducible_metrics(first) == reproducible_metrics(second)
    for name in ("labels.npz", f"{PARAMETERS[script]}.npz"):
        with np.load(first / name) as one, np.load(second / name) as other:
            for key in one.files:
                assert np.array_equal(one[key], other[key]), (name, key)


@pytest.mark.exhaustive
def test_random_labels_are_memorised(data_dir, tmp_path):
    process = run_script(
        "cifar10_random_labels.py",
        *("--width", "0.125", "--train-size", "250", "--epochs", "60", "--batch-size", "25"),
        *("--lr-start", "0.003", "--lr-fin", "0.0003", "--no-figures"),
        cwd=tmp_path,
        BINARYNET_DATA=str(data_dir),
    )
    assert process.returncode == 0, process.stderr
    last = metrics(run_in(tmp_path))[-1]
    assert float(last["training_error"]) < 0.05
    assert 0.8 < float(last["test_error"]) < 0.97


@pytest.mark.exhaustive
def test_true_labels_are_learnt(tmp_path):
    process = run_script(
        "cifar10_random_labels.py",
        *("--synthetic", "--corruption", "0", "--width", "0.125", "--train-size", "2000"),
        *("--epochs", "5", "--lr-start", "0.003", "--lr-fin", "0.001", "--no-figures"),
        cwd=tmp_path,
    )
    assert process.returncode == 0, process.stderr
    assert float(metrics(run_in(tmp_path))[-1]["test_error"]) < 0.6
