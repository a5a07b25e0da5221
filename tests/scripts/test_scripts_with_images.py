"""--images through a run's life on every script: trained, killed, resumed, evaluated, reported."""

from __future__ import annotations

import csv
import json

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

pytestmark = pytest.mark.exhaustive

OPTIONS = (
    *("--synthetic", "--network", "mlp", "--hidden", "40", "20", "--epochs", "3"),
    *("--train-size", "60", "--batch-size", "10", "--quiet"),
)
EVERY = {
    "cifar10_random_labels": "random-pixels",
    "svhn_random_labels": "gaussian",
    "cifar10_randX_input": "shuffled-pixels",
    "svhn_random_labels_dropout": "shuffled-pixels",
    "svhn_random_labels_l2_regularization": "gaussian-0.1",
    "svhn_stochastic_sigmoid_random_labels": "shuffled-pixels",
    "cifar10_train_acc_dropout": "random-pixels",
    "cifar10_stochastic_sigmoid_random_labels": "gaussian",
}
# What goes on, refuses another kind and draws the images knows the kind, and nothing of the script.
FIRST_OF_KIND = {kind: script for script, kind in reversed(EVERY.items())}


@pytest.mark.parametrize(("script", "kind"), EVERY.items())
def test_other_images_through_a_runs_life(script, kind, tmp_path):
    command = (f"{script}.py", *OPTIONS, "--images", kind, "--name", "one")
    (tmp_path / "whole").mkdir()
    if script == FIRST_OF_KIND[kind]:
        run_and_leave_a_copy(command, tmp_path / "whole", tmp_path / "killed")
        # Of other images it is another run, whatever the script's own are.
        refused = run_script(*command, "--resume", "--images", "true", cwd=tmp_path / "killed")
        check_one_line(refused, "--images true contradicts", kind)
        check_goes_on(command, tmp_path / "killed", tmp_path / "whole")
    else:
        done = run_script(*command, "--no-figures", cwd=tmp_path / "whole")
        assert done.returncode == 0, done.stderr
    whole = run_in(tmp_path / "whole")

    done = run_script(
        "svhn_evaluation_random_labels.py",
        *("--params", str(whole / f"{PARAMETERS[script]}.npz"), "--count", "60"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    if "stochastic" not in script:
        reported = float(metrics(whole)[-1]["training_error"])
        assert evaluated_error(done) == pytest.approx(reported)

    if script == FIRST_OF_KIND[kind]:
        before = (whole / "labels.png").read_bytes()
        done = run_command("figures", str(whole), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert (whole / "labels.png").read_bytes() == before


def test_the_report_tells_the_images_apart(tmp_path):
    script = "cifar10_random_labels"
    short = (f"{script}.py", *OPTIONS, "--epochs", "1", "--no-figures")
    for name, more in {
        "true": (),
        "shuffled": ("--images", "shuffled-pixels"),
        "shuffled again": ("--images", "shuffled-pixels", "--seed", "1"),
    }.items():
        done = run_script(*short, *more, "--results-dir", name, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    done = run_command(
        "report", "true", "shuffled", "shuffled again", "--output", "out", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    with open(tmp_path / "out" / "report.csv", encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    found = [(line["settings"], line["seed"]) for line in lines]
    assert found == [
        *(("images shuffled-pixels", of) for of in ("0", "1", *SUMMARY)),
        ("images true", "0"),
    ]


def test_runs_from_before_the_option_go_on(tmp_path):
    """cifar10_randX_input put noise in the images' place then, every other script nothing."""
    script = "cifar10_randX_input"
    command = (f"{script}.py", *OPTIONS, "--name", "one")
    done = run_script(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = run_in(tmp_path)
    assert metrics(run)[-1]["epoch"] == "3"
    record = json.loads((run / "run.json").read_text())
    assert record["options"].pop("images") == "gaussian-0.1"
    step = {"name": "gaussian training images", "seed": 0, "parameters": {"variance": 0.1}}
    assert record["data"]["recipe"][1:] == [step]
    (run / "run.json").write_text(json.dumps(record))
    (run / "labels.png").unlink()
    done = run_script(*command, "--resume", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (run / "labels.png").exists()
    refused = run_script(*command, "--images", "gaussian", "--resume", cwd=tmp_path)
    check_one_line(refused, "--images gaussian contradicts", "gaussian-0.1")
