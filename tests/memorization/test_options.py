"""Runs from before an option existed: they go on, and count as runs with what was done then."""

from __future__ import annotations

import csv
import json
import shutil

import pytest
from support.project import check_one_line, run_command, run_script
from support.runs import SUMMARY

from memorization.run.settings import completed

SCRIPT = "cifar10_random_labels"
ARGUMENTS = ("--synthetic", "--width", "0.0625", "--epochs", "1", "--train-size", "130")
ARGUMENTS += ("--corruption", "0.5", "--quiet", "--name", "run")
LATER = ("measure", "tensorboard", "tf32", "as_in_2017", "save_every", "images", "data")
LATER += ("wandb", "mlflow", "teacher", "batch_statistics", "corrupted_labels")
LATER += ("optimizer", "momentum", "bop_threshold", "bop_adaptivity", "stop_at", "keep")
LATER += ("margin", "dropout", "l2", "l2_layers", "augment")


def with_options(run, **options):
    """Change the options in the record of `run`; ... takes one away."""
    record = json.loads((run / "run.json").read_text())
    record["options"].update(options)
    record["options"] = {n: v for n, v in record["options"].items() if n not in options or v != ...}
    (run / "run.json").write_text(json.dumps(record))


@pytest.fixture
def earlier(short_run, tmp_path):
    """The folder of a run whose record knows none of the options in LATER."""
    run = shutil.copytree(short_run, tmp_path / "results" / SCRIPT / "run")
    with_options(run, **dict.fromkeys(LATER, ...))
    return run


@pytest.mark.exhaustive
def test_an_earlier_run_goes_on(earlier, tmp_path):
    resume = (f"{SCRIPT}.py", *ARGUMENTS, "--resume")
    done = run_script(*resume, "--save-every", "2", "--tensorboard", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for option in ("--as-in-2017", "--measure"):
        check_one_line(run_script(*resume, option, cwd=tmp_path), f"{option} True contradicts")


def test_what_scripts_did_of_themselves_before_there_were_options():
    def before(script):
        options = completed({"experiment": script})
        return options["dropout"], options["l2"], options["images"]

    assert before("svhn_random_labels") == ([0, 0], 0, "true")
    assert before("svhn_random_labels_dropout") == ([0.25, 0.5], 0, "true")
    assert before("cifar10_train_acc_dropout") == ([0.5, 0.5], 0, "true")
    assert before("svhn_random_labels_l2_regularization") == ([0, 0], 0.0005, "true")


@pytest.mark.slow
def test_an_earlier_run_is_averaged_with_later_ones(earlier, short_run, tmp_path):
    kept = {"seed": 1, "data_dir": "elsewhere", "quiet": True, "measure": True, "save_every": 3}
    later = shutil.copytree(short_run, tmp_path / "later" / SCRIPT)
    with_options(later, **kept)
    other = shutil.copytree(short_run, tmp_path / "other" / SCRIPT)
    with_options(other, seed=2, as_in_2017=True)
    done = run_command("report", "results", "later", "other", "--output", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with open(tmp_path / "out" / "report.csv", encoding="utf-8", newline="") as stream:
        titles, *lines = csv.reader(stream)
    seeds = [line[titles.index("seed")] for line in lines]
    settings = [line[titles.index("settings")] for line in lines]
    assert list(zip(seeds, settings)) == [
        *((of, "") for of in ("0", "1", *SUMMARY)),
        ("2", "as-in-2017"),
    ]
