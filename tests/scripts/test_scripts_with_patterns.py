"""--data patterns through a run's life: trained, killed, resumed, evaluated, reported."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest
from support.project import check_one_line, run_command, run_script
from support.runs import (
    PARAMETERS,
    SUMMARY,
    check_goes_on,
    evaluated_error,
    metrics,
    run_and_leave_a_copy,
    run_in,
)

PATTERNS = ("--data", "patterns", "--patterns", "80", "30")
MLP = (*PATTERNS, "--network", "mlp")
OPTIONS = (
    *(*PATTERNS, "--network", "mlp", "--hidden", "40", "20"),
    *("--epochs", "10", "--batch-size", "10", "--lr-fin", "1e-3", "--quiet"),
)

EVERY = {
    "cifar10_random_labels": ("--classes", "3"),
    "cifar10_randX_input": (),
    "svhn_stochastic_sigmoid_random_labels": ("--corruption", "0", "--images", "shuffled-pixels"),
    "cifar10_train_acc_dropout": ("--classes", "10", "--images", "random-pixels"),
    "cifar10_stochastic_sigmoid_random_labels": ("--norm", "frozen", "--bias", "no"),
    "svhn_random_labels": ("--images", "gaussian"),
    "svhn_random_labels_dropout": ("--train-size", "70"),
    "svhn_random_labels_l2_regularization": (
        *("--label-seed", "4", "--teacher", "20", "10", "--corruption", "0"),
    ),
}
IN_EVERY_TEST_RUN = ("cifar10_random_labels",)
# What goes on knows the patterns and their teacher, and nothing of the script.
GOING_ON = (*IN_EVERY_TEST_RUN, "svhn_random_labels_l2_regularization")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "told"),
    [
        (PATTERNS, ("--network cnn", "--network mlp")),
        (("--data", "patterns", "--network", "mlp"), ("--patterns N D",)),
        ((*PATTERNS, "--synthetic"), ("--synthetic", "patterns")),
        ((*PATTERNS, "--data-dir", "."), ("--data-dir", "patterns")),
        ((*PATTERNS, "--network", "mlp", "--classes", "1"), ("--classes", "2")),
        (("--patterns", "80", "30"), ("--patterns is for --data patterns",)),
        (("--classes", "4"), ("--classes is for --data patterns",)),
        (("--data", "patterns", "--patterns", "80"), ("--patterns",)),
        (("--teacher", "8"), ("--teacher is for --data patterns",)),
        (("--synthetic", "--teacher"), ("--teacher is for --data patterns",)),
        ((*MLP, "--teacher", "8"), ("--teacher", "--corruption 1", "--corruption 0")),
        ((*MLP, "--teacher", "0", "--corruption", "0"), ("--teacher", "0")),
        ((*MLP, "--teacher", "8", "--corruption", "0", "--images", "gaussian"), ("--images true",)),
        ((*MLP, "--teacher", "99999", "--corruption", "0"), ("--teacher", "65535")),
    ],
)
def test_one_line_for_what_does_not_go_together(more, told, tmp_path):
    done = run_script("cifar10_random_labels.py", *more, cwd=tmp_path)
    check_one_line(done, *told)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "more"),
    [
        pytest.param(s, more, marks=() if s in IN_EVERY_TEST_RUN else pytest.mark.exhaustive)
        for s, more in EVERY.items()
    ],
)
def test_patterns_through_a_runs_life(script, more, tmp_path):
    command = (f"{script}.py", *OPTIONS, *more, "--name", "one")
    (tmp_path / "whole").mkdir()
    if script in GOING_ON:
        figures = () if script in IN_EVERY_TEST_RUN else ("--no-figures",)
        run_and_leave_a_copy((*command, *figures), tmp_path / "whole", tmp_path / "killed")
        check_goes_on(command, tmp_path / "killed", tmp_path / "whole")
    else:
        done = run_script(*command, "--no-figures", cwd=tmp_path / "whole")
        assert done.returncode == 0, done.stderr
    whole = run_in(tmp_path / "whole")

    params = str(whole / f"{PARAMETERS[script]}.npz")
    done = run_script("svhn_evaluation_random_labels.py", "--params", params, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f": {70 if '--train-size' in more else 80} images" in done.stdout
    if "stochastic" not in script:
        reported = float(metrics(whole)[-1]["training_error"])
        assert evaluated_error(done) == pytest.approx(reported)

    # What reads a record that names patterns knows nothing of the script.
    if script not in IN_EVERY_TEST_RUN:
        return
    other = run_script(*command, "--resume", "--patterns", "81", "30", cwd=tmp_path / "killed")
    check_one_line(other, "--patterns [81, 30] contradicts", "[80, 30]")
    before = (whole / "labels.png").read_bytes()
    done = run_command("figures", str(whole), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (whole / "labels.png").read_bytes() == before

    # What the record says is drawn again, or refused in a line.
    forged = shutil.copytree(whole, tmp_path / "forged")
    record = json.loads((forged / "run.json").read_text())
    for parameters in ({}, {"count": -1}, {**record["data"]["parameters"], "count": 10**11}):
        record["data"]["parameters"] = parameters
        (forged / "run.json").write_text(json.dumps(record))
        done = run_script(
            *("svhn_evaluation_random_labels.py", "--params", forged / f"{PARAMETERS[script]}.npz"),
            cwd=tmp_path,
        )
        check_one_line(done, "patterns")


@pytest.mark.exhaustive
def test_seeds_are_summarised_and_draw_other_patterns(tmp_path):
    labels = []
    for seed in ("0", "1"):
        done = run_script(
            *("cifar10_random_labels.py", *OPTIONS, "--epochs", "1", "--seed", seed),
            *("--corruption", "0", "--results-dir", f"results{seed}", "--no-figures"),
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        with np.load(run_in(tmp_path / f"results{seed}") / "labels.npz") as stored:
            labels.append(stored["training_labels"].tolist())
            assert not stored["training_replaced"].any()
    assert labels[0] != labels[1]
    done = run_command("report", "results0", "results1", "--output", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with open(tmp_path / "out" / "report.csv", encoding="utf-8", newline="") as stream:
        assert [line["seed"] for line in csv.DictReader(stream)] == [*("0", "1", *SUMMARY)]
