"""How a network is trained, as users choose it: trained, killed, resumed, evaluated, reported."""

from __future__ import annotations

import csv
import json
import re
import shutil

import numpy as np
import pytest
from support.project import check_one_line, run_command, run_script
from support.runs import assert_same_run, made_once, metrics, run_and_leave_a_copy, run_in

pytestmark = pytest.mark.slow

NARROW = (
    *("--synthetic", "--train-size", "60", "--batch-size", "20"),
    *("--corruption", "0.5", "--epochs", "6", "--no-figures"),
)
CONVOLUTIONS = ("--width", "0.0625")
PERCEPTRON = ("--network", "mlp", "--hidden", "40", "20")
STOCHASTIC = "svhn_stochastic_sigmoid_random_labels"
DROPOUT = "cifar10_train_acc_dropout"
L2 = "svhn_random_labels_l2_regularization"
BOP = ("--optimizer", "bop", "--bop-threshold", "1e-6", "--bop-adaptivity", "0.01")
SGD = ("--optimizer", "sgd", "--momentum", "0.5", "--lr-start", "0.05", "--lr-fin", "0.01")
SGD = (*SGD, "--margin", "1.5")
REGULARISED = ("--dropout", "0", "0.25", "--l2", "1e-5", "--l2-layers", "all")
RUNS = {
    "bop, best": (STOCHASTIC, (*CONVOLUTIONS, *BOP, "--augment", "--keep", "best")),
    "sgd, regularised": (
        DROPOUT,
        (*CONVOLUTIONS, *SGD, *REGULARISED, "--augment", "--stop-at", "0.02"),
    ),
}
OTHER_SCRIPTS = {
    "bop, another": (DROPOUT, (*PERCEPTRON, *BOP, "--keep", "best", "--stop-at", "0.02")),
    "sgd, another": (
        STOCHASTIC,
        (*PERCEPTRON, *SGD, *REGULARISED, "--keep", "best", "--augment"),
    ),
    "adam, penalty": (
        L2,
        (*PERCEPTRON, "--l2-layers", "all", "--keep", "best", "--stop-at", "0.02"),
    ),
}
ALL = {**RUNS, **OTHER_SCRIPTS}


def arguments(name):
    script, options = ALL[name]
    return (f"{script}.py", *NARROW, *options)


def marked(names):
    return [pytest.param(name, marks=pytest.mark.exhaustive) for name in names]


@pytest.fixture(scope="module", params=marked(ALL))
def whole(request, tmp_path_factory):
    """Name and folder of a run that nothing stopped; to be read only.

    `killed` beside the results' folder is what a kill after an epoch would have left of them.
    """

    def run(folder):
        (folder / "whole").mkdir()
        run_and_leave_a_copy(arguments(request.param), folder / "whole", folder / "killed")

    name = f"training-{request.param.replace(', ', '-')}"
    return request.param, run_in(made_once(tmp_path_factory, name, run) / "whole")


def killed(run):
    """What a kill would have left of the results in which `run` is."""
    return run.parents[2].with_name("killed")


def test_goes_on_after_a_kill_with_the_same_bits(whole, tmp_path):
    name, run = whole
    shutil.copytree(killed(run), tmp_path, dirs_exist_ok=True)
    resumed = run_script(*arguments(name), "--resume", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert_same_run(run_in(tmp_path), run)


def test_its_record_names_what_was_chosen(whole):
    name, run = whole
    recorded = json.loads((run / "run.json").read_text())["options"]
    given = list(ALL[name][1])
    assert ("--augment" in given) == recorded["augment"]
    for option in ("optimizer", "l2_layers", "keep"):
        flag = f"--{option.replace('_', '-')}"
        defaults = {"optimizer": "adam", "l2_layers": "dense", "keep": "last"}
        wanted = given[given.index(flag) + 1] if flag in given else defaults[option]
        assert recorded[option] == wanted
    for option in ("momentum", "bop_threshold", "bop_adaptivity", "stop_at"):
        flag = f"--{option.replace('_', '-')}"
        wanted = float(given[given.index(flag) + 1]) if flag in given else None
        assert recorded[option] == wanted
    own = {DROPOUT: [0.5, 0.5]}.get(ALL[name][0])
    assert recorded["dropout"] == ([0, 0.25] if "--dropout" in given else own or [0, 0])


def test_evaluated_with_what_was_kept(whole, tmp_path):
    name, run = whole
    script, options = ALL[name]
    (parameters,) = run.glob("model_parameters*.npz")
    named = ("--params", parameters, "--predictions", "each.csv")
    done = run_script("svhn_evaluation_random_labels.py", *named, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    wrong, of = re.search(r"training_error = \S+ \((\d+) of (\d+) images\)", done.stdout).groups()
    rows = metrics(run)
    kept = int(rows[-1]["best_epoch"]) if "best" in options else len(rows)
    # Drawn weights are tested as drawn, but the evaluation knows their signs alone.
    if script != STOCHASTIC or "bop" in options:
        error = int(wrong) / int(of)
        assert error == pytest.approx(float(rows[kept - 1]["training_error"]), abs=1e-9)
        with open(tmp_path / "each.csv", encoding="utf-8", newline="") as stream:
            losses = [float(line["loss"]) for line in csv.DictReader(stream)]
        assert np.mean(losses) == pytest.approx(float(rows[kept - 1]["training_loss"]), rel=1e-5)
    with np.load(parameters) as stored:
        binary = {array.ndim > 1 and set(np.unique(array)) == {-1, 1} for array in stored.values()}
    assert (True in binary) == ("bop" in options)


@pytest.mark.exhaustive
def test_ends_where_it_is_told_to(tmp_path):
    """The run is finished for resume and report; seeds that ended elsewhere are one group."""
    plain = ("svhn_random_labels.py", *NARROW, *PERCEPTRON, "--epochs", "30", "--lr-fin", "1e-3")
    for seed, error in ((0, "0.8"), (1, "0.8")):
        told = run_script(*plain, "--stop-at", error, "--seed", str(seed), cwd=tmp_path)
        assert told.returncode == 0, told.stderr
        assert f"ended at a training error of {error}" in told.stdout
    runs = sorted(path.parent for path in tmp_path.rglob("run.json"))
    for run in runs:
        *before, last = (float(row["training_error"]) for row in metrics(run))
        assert last <= 0.8 < min(before, default=1)
    one = runs[0]
    files = {path.name: path.read_bytes() for path in one.iterdir()}
    again = run_script(*plain, "--stop-at", "0.8", "--resume", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert {path.name: path.read_bytes() for path in one.iterdir()} == files
    check_one_line(run_script(*plain, "--stop-at", "0.5", "--resume", cwd=tmp_path), "--resume")
    report = run_command("report", "results", "--output", "out", cwd=tmp_path)
    assert report.returncode == 0, report.stderr
    assert "not finished" not in report.stderr
    with open(tmp_path / "out" / "report.csv", encoding="utf-8", newline="") as stream:
        titles, *lines = csv.reader(stream)
    assert [line[titles.index("seed")] for line in lines][:3] == ["0", "1", "mean of 2"]
    epochs = [len(metrics(run)) for run in runs]
    assert [line[titles.index("epochs")] for line in lines][:2] == [str(n) for n in epochs]


# The best are kept, and the last, whoever made them.
@pytest.mark.parametrize("whole", marked(RUNS), indirect=True)
def test_what_is_kept_is_in_the_state(whole, tmp_path):
    """A run goes on whose parameters' file is gone or ahead of its state: it is written again."""
    name, run = whole
    shutil.copytree(run.parents[2], tmp_path / "copy")
    (parameters,) = run_in(tmp_path / "copy").glob("model_parameters*.npz")
    parameters.unlink()
    resumed = run_script(*arguments(name), "--resume", cwd=tmp_path / "copy")
    assert resumed.returncode == 0, resumed.stderr
    assert_same_run(run_in(tmp_path / "copy"), run)


REFUSED = {
    ("--margin", "0"): "--margin",
    ("--margin", "nan"): "--margin",
    ("--momentum", "0.5"): "--momentum",
    ("--optimizer", "sgd", "--momentum", "1"): "--momentum",
    ("--optimizer", "adamw"): "--optimizer",
    ("--optimizer", "bop", "--bop-adaptivity", "0"): "--bop-adaptivity",
    ("--optimizer", "bop", "--weights", "float"): "--weights float",
    ("--optimizer", "bop", "--freeze-weights"): "--freeze-weights",
    ("--optimizer", "bop", "--l2", "0.1"): "--l2",
    ("--dropout", "0.5"): "--dropout",
    ("--dropout", "0.5", "1"): "--dropout",
    ("--l2", "-1"): "--l2",
    ("--l2-layers", "all"): "--l2-layers",
    ("--l2", "0.1", "--as-in-2017"): "--as-in-2017",
    ("--l2", "0.1", "--freeze-weights"): "--freeze-weights",
    ("--augment", "--data", "patterns", "--patterns", "9", "9", "--network", "mlp"): "--augment",
    ("--stop-at", "2"): "--stop-at",
    ("--keep", "first"): "--keep",
}


@pytest.mark.parametrize("options", REFUSED, ids=" ".join)
def test_what_cannot_be(options, tmp_path):
    # The digits are drawn for data sets of images alone.
    given = [word for word in NARROW if word != "--synthetic" or "patterns" not in options]
    done = run_script("svhn_random_labels.py", *given, *options, cwd=tmp_path)
    check_one_line(done, REFUSED[options])
    assert not any(tmp_path.iterdir())
