"""Runs that tests start, stop, look at and compare."""

from __future__ import annotations

import csv
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from support.project import PROJECT, run_script
from training_loop.metrics import reproducible

PARAMETERS = {
    "svhn_random_labels": "model_parameters_random_labels_svhn",
    "svhn_random_labels_dropout": "model_parameters_random_labels_svhn_dropout",
    "svhn_random_labels_l2_regularization": (
        "model_parameters_random_labels_svhn_l2_regularization"
    ),
    "svhn_stochastic_sigmoid_random_labels": "model_parameters_random_labels_svhn_stochastic",
    "cifar10_random_labels": "model_parameters",
    "cifar10_train_acc_dropout": "model_parameters",
    "cifar10_stochastic_sigmoid_random_labels": "model_parameters_stochastic_sigmoid",
    "cifar10_randX_input": "model_parameters_xRandom",
}
NARROW = ("--width", "0.0625", "--epochs", "1", "--train-size", "130")

# Weights drawn at random, in training and in testing, make it the hardest to repeat.
SCRIPT = "svhn_stochastic_sigmoid_random_labels"
# Dense layers start in half of the convolutions' time, and figures take as long as all else.
WITH_FIGURES = (
    *("--synthetic", "--epochs", "4", "--train-size", "200", "--batch-size", "10"),
    *("--lr-fin", "1e-4", "--name", "run", "--network", "mlp", "--hidden", "64", "64"),
)
ARGUMENTS = (*WITH_FIGURES, "--no-figures")
SEED = 20170712
# A single epoch of cifar10_random_labels.py.
SHORT = (
    *("--synthetic", "--width", "0.0625", "--epochs", "1", "--train-size", "130"),
    *("--corruption", "0.5", "--name", "run"),
)
# The lines of a report below the runs of two seeds.
SUMMARY = tuple(
    ["mean of 2", "standard deviation", "95% interval from", "95% interval to", "median"]
)


def made_once(tmp_path_factory, name, make):
    """The folder that `make(folder)` filled, once for all of pytest-xdist's workers."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder = base / f"shared-{name}"
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            making = Path(f"{folder}.making")
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
            make(making)
            making.rename(folder)
    return folder


def start(folder, *more, **options):
    command = [sys.executable, str(PROJECT / f"{SCRIPT}.py"), *ARGUMENTS, *more]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=folder, **{**pipes, **options})


def until(process, happened):
    """Wait until `happened()`; fails where the process ends first."""
    while not happened():
        try:
            process.wait(timeout=0.002)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(f"ended too early: {process.communicate()}")


def kill_after(epochs, folder, *more):
    """Start SCRIPT in `folder`, and kill it once it has finished `epochs` epochs."""
    process = start(folder, *more)
    until(process, lambda: finished_epochs(folder / "results" / SCRIPT / "run") >= epochs)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def run_in(folder):
    """The folder of the one run below `folder`."""
    (record,) = (p for p in folder.rglob("run.json") if not p.parent.name.startswith("."))
    return record.parent


def started(command, folder):
    """The process of the script `command` in `folder`."""
    return subprocess.Popen(
        [sys.executable, str(PROJECT / command[0]), *command[1:]],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def killed_after_an_epoch(command, folder):
    """Start the script `command` in `folder`, and kill it once it has finished an epoch."""
    process = started(command, folder)
    until(process, lambda: any(finished_epochs(p.parent) for p in folder.rglob("metrics.csv")))
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL


# A script that stops itself, as SIGSTOP from elsewhere would, once an epoch has been recorded.
_STOPS_ITSELF = """
import os, runpy, signal, sys
from memorization.run.recorder import Recorder

def then_stopped(recorder, *arguments):
    epoch_ends(recorder, *arguments)
    if len(recorder.progress.history) == epochs:
        os.kill(os.getpid(), signal.SIGSTOP)

epochs, sys.argv = int(sys.argv[1]), sys.argv[2:]
epoch_ends, Recorder.epoch_ends = Recorder.epoch_ends, then_stopped
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run_and_leave_a_copy(command, folder, copy, epochs=1):
    """Run the script `command` in `folder` to its end; `copy` is what a kill would have left of it.

    The process is stopped once it has recorded `epochs` epochs, its folder copied, and let go on:
    the copy holds the very bytes that SIGKILL would have left at that moment. So a run that nothing
    disturbed and one that was killed take one process.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", _STOPS_ITSELF, str(epochs), PROJECT / command[0], *command[1:]],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    changed = os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    if changed.si_code == os.CLD_STOPPED:
        shutil.copytree(folder, copy, dirs_exist_ok=True)
        process.send_signal(signal.SIGCONT)
    output, errors = process.communicate()
    assert (changed.si_code, process.returncode) == (os.CLD_STOPPED, 0), errors
    return subprocess.CompletedProcess(command, 0, output, errors)


def finished_epochs(run):
    try:
        return len((run / "metrics.csv").read_text().splitlines()) - 1
    except FileNotFoundError:
        return 0


def reproducible_metrics(run):
    """The metrics of the run in `run`, without the columns that tell how fast the machine was."""
    return reproducible((run / "metrics.csv").read_text(encoding="utf-8"))


def assert_same_run(run, other):
    assert reproducible_metrics(run) == reproducible_metrics(other)
    (parameters,) = (path.name for path in other.glob("model_parameters*.npz"))
    for name in (parameters, "labels.npz"):
        with np.load(run / name) as one, np.load(other / name) as another:
            assert one.files == another.files
            for key in one.files:
                assert np.array_equal(one[key], another[key]), (name, key)


def check_goes_on(command, killed, whole):
    """What `run_and_leave_a_copy` left in `killed` goes on to the very run in `whole`."""
    done = run_script(*command, "--resume", "--no-figures", cwd=killed)
    assert done.returncode == 0, done.stderr
    assert_same_run(run_in(killed), run_in(whole))


def evaluated_error(process):
    """The share of wrong images that the evaluation `process` told of, and of how many."""
    assert process.returncode == 0, process.stderr
    told = re.search(
        r"^(?:training_)?error = [\d.]+% \((\d+) of (\d+) ", process.stdout, re.MULTILINE
    )
    assert told, process.stdout
    return int(told[1]) / int(told[2])


def metrics(folder):
    with open(folder / "metrics.csv", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
