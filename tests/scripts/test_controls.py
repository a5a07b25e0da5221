"""The controls of the study as users have them: trained, stopped, resumed, evaluated, reported."""

from __future__ import annotations

import csv
import itertools
import json
import shutil

import numpy as np
import pytest
from support.project import check_one_line, run_command, run_script
from support.runs import (
    PARAMETERS,
    assert_same_run,
    evaluated_error,
    made_once,
    metrics,
    run_and_leave_a_copy,
    run_in,
)

pytestmark = pytest.mark.slow

SCRIPT = "svhn_random_labels"
STOCHASTIC = "svhn_stochastic_sigmoid_random_labels"
NARROW = (
    *("--synthetic", "--width", "0.0625", "--train-size", "60", "--batch-size", "20"),
    *("--corruption", "0.5", "--epochs", "4", "--no-figures"),
)
PERCEPTRON = ("--network", "mlp", "--hidden", "128", "64")
KINDS = {
    "float weights": (STOCHASTIC, ("--weights", "float", *PERCEPTRON)),
    "hard activations": (STOCHASTIC, ("--activations", "hard")),
    "rectifiers": (SCRIPT, ("--weights", "float", "--activations", "relu")),
    "perceptron": (SCRIPT, (*PERCEPTRON, "--norm", "frozen", "--bias", "no")),
    "one layer": (SCRIPT, ("--network", "mlp", "--norm", "none")),
    "frozen weights": (SCRIPT, (*PERCEPTRON, "--freeze-weights", "--norm", "none")),
}
# Half of the scripts, deterministic ones and stochastic, have the one, half the other.
ON_ALL_SCRIPTS = {
    f"{script}, {name}": (script, options)
    for script, (name, options) in zip(
        sorted(PARAMETERS, key=lambda script: "stochastic" in script),
        itertools.cycle(
            {
                "float": ("--weights", "float", "--activations", "relu", *PERCEPTRON),
                "hard": ("--activations", "hard", *PERCEPTRON, "--norm", "frozen", "--bias", "no"),
            }.items()
        ),
    )
}
CONTROLS = {**KINDS, **ON_ALL_SCRIPTS}
IN_EVERY_TEST_RUN = "perceptron"


def arguments(name):
    script, options = CONTROLS[name]
    return (f"{script}.py", *NARROW, *options, *(("--measure",) if name in KINDS else ()))


def marked(names):
    return [
        pytest.param(name, marks=() if name == IN_EVERY_TEST_RUN else pytest.mark.exhaustive)
        for name in names
    ]


@pytest.fixture(scope="module", params=marked(CONTROLS))
def control(request, tmp_path_factory):
    """Name and folder of a run that nothing stopped; to be read only.

    The folder holds `whole`, in which it was run, `killed`, which is what a kill after two epochs
    would have left there, and `said`.
    """

    def run(folder):
        (folder / "whole").mkdir()
        # The state of the first epoch is whole once there are two.
        done = run_and_leave_a_copy(
            arguments(request.param), folder / "whole", folder / "killed", epochs=2
        )
        (folder / "said").write_text(done.stderr)

    name = f"control-{request.param.replace(' ', '-')}"
    return request.param, made_once(tmp_path_factory, name, run)


# What goes on knows the network, and nothing of the script.
@pytest.mark.parametrize("control", marked(KINDS), indirect=True)
def test_goes_on_after_a_kill_with_the_same_bits(control, tmp_path):
    name, folder = control
    shutil.copytree(folder / "killed", tmp_path, dirs_exist_ok=True)
    resumed = run_script(*arguments(name), "--resume", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert "going on after epoch" in resumed.stdout
    assert_same_run(run_in(tmp_path), run_in(folder / "whole"))


def test_it_says_that_weights_are_not_drawn(control):
    name, folder = control
    script, options = CONTROLS[name]
    said = (folder / "said").read_text()
    assert ("not drawn" in said) == (
        options[:2] == ("--weights", "float") and "stochastic" in script
    )


# What is measured depends on the network's layers, of which these are all kinds.
@pytest.mark.parametrize("control", marked(KINDS), indirect=True)
def test_measured_where_it_means_something(control):
    name, folder = control
    _, options = CONTROLS[name]
    columns = set(metrics(run_in(folder / "whole"))[-1])
    float_weights = options[:2] == ("--weights", "float")
    flips = any(column.startswith("sign_flips") for column in columns)
    saturated = any(column.startswith("saturated") for column in columns)
    assert flips != (float_weights or name == "frozen weights")
    assert saturated != ("relu" in options or name == "one layer")
    assert "critical_sample_ratio_test" in columns


def test_evaluated_by_signs_where_weights_are_binary(control, tmp_path):
    """Of the deterministic networks the evaluation sees what the last test pass saw."""
    name, folder = control
    run = run_in(folder / "whole")
    (parameters,) = run.glob("model_parameters*.npz")
    script = "svhn_evaluation_random_labels.py"
    done = run_script(script, "--params", parameters, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    error = evaluated_error(done)
    drawn = "stochastic" in CONTROLS[name][0] and "float" not in CONTROLS[name][1]
    if not drawn:
        assert error == pytest.approx(float(metrics(run)[-1]["training_error"]), abs=1e-9)
    # Whatever script made the parameters, their record tells what they are.
    if name not in KINDS:
        return
    # Nearer to their signs, float weights are others; of binary ones the sign tells all.
    other = shutil.copytree(run, tmp_path / "other")
    with np.load(parameters) as stored:
        arrays = [stored[key] for key in stored.files]
    arrays = [0.5 * a + 0.5 * np.sign(a) if a.ndim > 1 else a for a in arrays]
    np.savez(other / parameters.name, *arrays)
    again = run_script(script, "--params", other / parameters.name, cwd=tmp_path)
    same = evaluated_error(again) == error
    assert same or CONTROLS[name][1][:2] == ("--weights", "float")


# The report reads the options of a run, whatever script it was.
@pytest.mark.parametrize("control", marked(KINDS), indirect=True)
def test_report_tells_them_apart(control, tmp_path):
    name, folder = control
    whole = folder / "whole"
    plain = shutil.copytree(run_in(whole), tmp_path / "plain")
    record = json.loads((plain / "run.json").read_text())
    later = ("weights", "activations", "network", "hidden", "norm", "bias", "freeze_weights")
    for option in later:
        del record["options"][option]
    (plain / "run.json").write_text(json.dumps(record))
    done = run_command("report", whole, "plain", "--output", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with open(tmp_path / "out" / "report.csv", encoding="utf-8", newline="") as stream:
        titles, *lines = csv.reader(stream)
    settings = {line[titles.index("settings")] for line in lines}
    given = " ".join(CONTROLS[name][1]).replace("--", "")
    assert len(settings) == 2
    (own,) = (text for text in settings if given.split()[1] in text or "freeze" in text)
    for word in given.split():
        assert word in own, settings


CONTRADICTIONS = {
    ("--hidden", "4"): "--network mlp",
    ("--weights", "real"): "--weights",
    ("--network", "mlp", "--hidden", "0"): "--hidden",
    ("--freeze-weights", "--norm", "none", "--bias", "no"): "nothing to train",
    ("--freeze-weights", "--norm", "frozen", "--bias", "no"): "nothing to train",
    ("--init", "nowhere.npz"): "nowhere.npz",
    ("--network", "mlp", "--hidden", "100000000000"): "this --hidden",
}


@pytest.mark.parametrize("options", CONTRADICTIONS, ids=" ".join)
def test_what_cannot_be(options, tmp_path):
    done = run_script(f"{SCRIPT}.py", *NARROW, *options, cwd=tmp_path)
    check_one_line(done, CONTRADICTIONS[options])
    assert not any(tmp_path.iterdir())


def test_an_experiment_needs_what_it_varies(tmp_path):
    options = ("--network", "mlp", "--hidden", "128")
    done = run_script("svhn_random_labels_dropout.py", *NARROW, *options, cwd=tmp_path)
    check_one_line(done, "--hidden")
    script = "svhn_random_labels_l2_regularization.py"
    done = run_script(script, *NARROW, "--freeze-weights", cwd=tmp_path)
    check_one_line(done, "--freeze-weights")


@pytest.mark.exhaustive
def test_a_run_starts_from_saved_parameters(tmp_path):
    options = (*NARROW[: NARROW.index("--epochs")], "--network", "mlp", "--norm", "none")

    def train(results, *more):
        script = f"{SCRIPT}.py"
        place = ("--results-dir", results, "--name", "run", "--no-figures")
        return run_script(script, *options, *place, *more, cwd=tmp_path)

    assert train("first", "--epochs", "1").returncode == 0
    (parameters,) = run_in(tmp_path / "first").glob("model_parameters*.npz")
    shutil.copy(parameters, tmp_path / "start.npz")
    done = train("second", "--epochs", "2", "--init", "start.npz")
    assert done.returncode == 0, done.stderr
    second = run_in(tmp_path / "second")
    with np.load(tmp_path / "start.npz") as start, np.load(second / parameters.name) as end:
        # In two epochs an Adam step of 1e-3, scaled, does not leave the neighbourhood.
        assert np.abs(start["arr_0"] - end["arr_0"]).mean() < 0.1
        arrays = [start[key] for key in start.files]
    assert (
        metrics(second)[0]["training_loss"]
        != metrics(run_in(tmp_path / "first"))[0]["training_loss"]
    )
    fingerprint = json.loads((second / "run.json").read_text())["initial"]
    assert len(fingerprint) == 64

    # What the file holds decides, not where it lies.
    shutil.copy(tmp_path / "start.npz", tmp_path / "moved.npz")
    again = ("--epochs", "2", "--resume")
    assert train("second", *again, "--init", "moved.npz").returncode == 0
    arrays[0] = -arrays[0]
    np.savez(tmp_path / "other.npz", *arrays)
    check_one_line(train("second", *again, "--init", "other.npz"), "--init")
    # The record knows where it began; nothing has to be said again.
    assert train("second", *again).returncode == 0
    done = train("third", "--epochs", "1", "--init", "start.npz", "--bias", "no")
    check_one_line(done, "start.npz", "2 arrays")
    assert not (tmp_path / "third").exists()
