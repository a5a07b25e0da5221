"""Every script in PyTorch: one narrow epoch, one evaluation; resuming; PyTorch missing."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

import numpy as np
import pytest
from support.project import PROJECT, check_one_line, run_script
from support.runs import (
    ARGUMENTS,
    NARROW,
    PARAMETERS,
    SCRIPT,
    assert_same_run,
    metrics,
    run_and_leave_a_copy,
)

pytestmark = pytest.mark.exhaustive


pytest.importorskip("torch", reason="PyTorch is not installed (optional extra [cuda])")


TESTED = os.environ.get("TEST_DEVICE", "cpu")
DEVICE = ("--device", "torch-cpu" if TESTED == "cpu" else TESTED)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return tmp_path_factory.mktemp("results")


def run(script, *arguments):
    return importlib.import_module(script).main([*arguments, *DEVICE])


@pytest.mark.parametrize("script", PARAMETERS)
def test_a_narrow_epoch(script, results, data_dir):
    places = ("--results-dir", str(results), "--name", "run", "--data-dir", str(data_dir))
    run(script, *NARROW, "--no-figures", *places)
    (row,) = metrics(results / script / "run")
    assert all(np.isfinite(float(row[f"{name}_loss"])) for name in ("training", "test"))
    with np.load(results / script / "run" / f"{PARAMETERS[script]}.npz") as stored:
        assert all(np.isfinite(stored[name]).all() for name in stored.files)
        assert len(stored.files) == 54


def test_the_evaluation(results, data_dir):
    script = "cifar10_random_labels"
    parameters = results / script / "run" / f"{PARAMETERS[script]}.npz"
    result = run(
        "svhn_evaluation_random_labels",
        *("--params", str(parameters), "--data-dir", str(data_dir)),
    )
    reported = float(metrics(results / script / "run")[0]["training_error"])
    assert result.error == pytest.approx(reported)


def test_a_killed_run_goes_on_with_the_same_random_numbers(tmp_path):
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    undisturbed.mkdir()
    command = (f"{SCRIPT}.py", *ARGUMENTS, *DEVICE)
    run_and_leave_a_copy(command, undisturbed, killed, epochs=2)
    rest = run_script(*command, "--resume", cwd=killed)
    assert rest.returncode == 0, rest.stderr
    assert "going on after epoch" in rest.stdout
    assert_same_run(killed / "results" / SCRIPT / "run", undisturbed / "results" / SCRIPT / "run")


def test_without_pytorch_a_line_says_what_to_install(tmp_path):
    code = (
        "import importlib.metadata as m, runpy, sys\n"
        "known = m.distribution\n"
        "def without(name):\n"
        "    if name == 'torch': raise m.PackageNotFoundError(name)\n"
        "    return known(name)\n"
        "m.distribution = without\n"
        f"sys.path.insert(0, {str(PROJECT)!r}); sys.argv = [{SCRIPT!r}]\n"
        f"sys.argv += {[*ARGUMENTS, *DEVICE]!r}\n"
        f"runpy.run_path({str(PROJECT / SCRIPT) + '.py'!r}, run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    check_one_line(done, "PyTorch is not installed: pip install")
    assert not (tmp_path / "results").exists()
