"""Mistakes of who types the first commands: each is answered by a line that says what is wrong."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.project import PROJECT, check_one_line, run_command, run_script

pytestmark = pytest.mark.slow

SCRIPT = "cifar10_random_labels.py"


@pytest.mark.parametrize(
    "arguments, mentioned",
    [
        (["--widht", "0.25"], ["--widht", "did you mean --width"]),
        (["extra", "--synthetic"], ["extra"]),
        (["--data-dir", "gone"], ["gone: no such folder"]),
        (["--resume"], ["seed-0", "no run there"]),
        (["--config", "run.json"], ["run.json: no such file"]),
        (["--data", "FILE.npz"], ["FILE.npz"]),
    ],
)
def test_a_script(arguments, mentioned, tmp_path):
    check_one_line(run_script(SCRIPT, *arguments, cwd=tmp_path), *mentioned)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "params, mentioned",
    [
        ([], "train one (svhn_random_labels.py)"),
        (["--params", "RUN/model_parameters.npz"], "RUN/model_parameters.npz: no such file"),
    ],
)
def test_the_evaluation_before_any_run(params, mentioned, tmp_path):
    done = run_script("svhn_evaluation_random_labels.py", *params, cwd=tmp_path)
    check_one_line(done, mentioned)


@pytest.mark.parametrize(
    "name, arguments, mentioned",
    [
        ("summary", ["RUN"], "RUN: no such file or folder"),
        ("export", ["RUN", "--to", "packed"], "RUN: no such file or folder"),
        ("predict", ["NETWORK", "IMAGE"], "NETWORK: no such file or folder"),
        ("figures", ["results/<experiment>"], "results/<experiment>: no such folder"),
        ("figures", ["."], ".: no run at or below it"),
        ("repotr", ["results"], "did you mean report?"),
        ("sweep", ["--vary", "seed=0..1", SCRIPT], f"{SCRIPT}: the script and its options stand"),
        ("sweep", [SCRIPT, "--vary", "seed=0..1"], f"{SCRIPT}: the script and its options stand"),
        ("sweep", ["--vary", "seed=0..1"], "no script"),
    ],
)
def test_a_command(name, arguments, mentioned, tmp_path):
    check_one_line(run_command(name, *arguments, cwd=tmp_path), mentioned)
    assert not list(tmp_path.iterdir())


def test_a_report_of_nothing(tmp_path):
    done = run_command("report", "results/*", "--output", "report", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == "results/*: no such folder; left out"
    assert "no run to report" in done.stderr.splitlines()[1]
    assert not (tmp_path / "report").exists()


def test_a_script_from_another_folder_and_as_a_module(tmp_path):
    """Neither is a mistake."""
    for command in ([str(PROJECT / SCRIPT)], ["-m", SCRIPT.removesuffix(".py")]):
        cwd = tmp_path if command[0] != "-m" else PROJECT
        done = subprocess.run(
            [sys.executable, *command, "--version"], cwd=cwd, capture_output=True, text=True
        )
        assert (done.returncode, done.stdout.split()[0]) == (0, SCRIPT), done.stderr


@pytest.mark.exhaustive
def test_a_short_run_of_a_long_schedule_is_warned_of(tmp_path):
    """The original's rates over 10 epochs of 2 steps; and rates that fall to a tenth alone."""
    small = ("--synthetic", "--network", "mlp", "--hidden", "16", "--no-figures")
    short = (*small, "--epochs", "10", "--train-size", "60")
    warned = run_script(SCRIPT, *short, cwd=tmp_path)
    assert warned.returncode == 0
    assert "warning: the learning rate falls to a tenth within 6 steps" in warned.stderr
    quiet = run_script(SCRIPT, *short, "--quiet", "--overwrite", cwd=tmp_path)
    assert (quiet.returncode, quiet.stderr) == (0, "")
