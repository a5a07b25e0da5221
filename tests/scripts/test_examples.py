"""The examples, as their first lines say: trained, killed, resumed, evaluated, drawn, reported."""

from __future__ import annotations

import json
import re
import shutil

import pytest
from support.project import PROJECT, check_one_line, run_command, run_script
from support.runs import metrics, run_in

pytestmark = pytest.mark.slow

SHORT = {
    "own_network": ("--synthetic", "--train-size", "60", "--batch-size", "20"),
    "own_data": (
        "--batch-size",
        "50",
    ),
}
EPOCHS = ("--epochs", "4")


@pytest.fixture(scope="module", params=SHORT)
def trained(request, tmp_path_factory):
    """The example's name and the folder that it was run in."""
    folder = tmp_path_factory.mktemp(request.param)
    done = run_script(f"examples/{request.param}.py", *SHORT[request.param], *EPOCHS, cwd=folder)
    assert done.returncode == 0, done.stderr
    return request.param, folder


def evaluated(run, *options, cwd):
    parameters = run / "model_parameters.npz"
    return run_script("svhn_evaluation_random_labels.py", "--params", parameters, *options, cwd=cwd)


def builder(name):
    return ("--builder", PROJECT / "examples" / "own_network.py:build") if "net" in name else ()


@pytest.mark.exhaustive
def test_evaluation_finds_the_runs_own_error(trained, tmp_path):
    name, folder = trained
    done = evaluated(run_in(folder), *builder(name), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    wrong, of = re.search(r"training_error = \S+ \((\d+) of (\d+) images\)", done.stdout).groups()
    assert int(wrong) / int(of) == pytest.approx(
        float(metrics(run_in(folder))[-1]["training_error"])
    )


@pytest.mark.exhaustive
def test_goes_on_is_drawn_and_reported(trained, tmp_path):
    name, folder = trained
    shutil.copytree(folder / "results", tmp_path / "results")
    command = (f"examples/{name}.py", *SHORT[name])
    longer = run_script(*command, "--resume", "--epochs", "6", cwd=tmp_path)
    assert longer.returncode == 0, longer.stderr
    run = run_in(tmp_path)
    assert len(metrics(run)) == 6
    (run / "curves.png").unlink()
    assert run_command("figures", run, cwd=tmp_path).returncode == 0
    assert (run / "curves.png").exists()
    report = run_command("report", "results", "--output", "out", cwd=tmp_path)
    assert report.returncode == 0, report.stderr
    assert name in (tmp_path / "out" / "report.csv").read_text()


@pytest.mark.exhaustive
def test_code_of_ones_own_runs_only_where_it_is_named(trained, tmp_path):
    name, folder = trained
    run = run_in(folder)
    network = json.loads((run / "run.json").read_text())["network"]
    if name == "own_data":
        assert "builder" not in network
        check_one_line(evaluated(run, "--builder", "own_network:build", cwd=tmp_path), "--builder")
        return
    assert network["builder"] == "own_network:build" and len(network["sha256"]) == 64
    check_one_line(evaluated(run, cwd=tmp_path), "--builder own_network:build")
    check_one_line(evaluated(run, "--builder", "os:getcwd", cwd=tmp_path), "own_network:build")
    check_one_line(evaluated(run, "--builder", "no_such:build", cwd=tmp_path), "no_such")
    other = tmp_path / "own_network.py"
    other.write_text((PROJECT / "examples" / "own_network.py").read_text() + "UNITS = 3\n")
    check_one_line(evaluated(run, "--builder", f"{other}:build", cwd=tmp_path), "changed")
    check_one_line(run_command("export", run, "--to", "packed", cwd=tmp_path), "own_network:build")


@pytest.mark.parametrize("option", [("--width", "0.5"), ("--norm", "none"), ("--weights", "float")])
def test_options_that_would_shape_it_are_refused(option, tmp_path):
    command = ("examples/own_network.py", *SHORT["own_network"], *option)
    check_one_line(run_script(*command, cwd=tmp_path), option[0])
