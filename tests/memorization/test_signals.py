"""Every signal that asks for an end is answered, at whatever a run is just then."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys

import pytest
from support.project import PROJECT
from support.runs import (
    ARGUMENTS,
    SCRIPT,
    WITH_FIGURES,
    assert_same_run,
    finished_epochs,
    start,
    until,
)

pytestmark = pytest.mark.slow


def run_program(program, folder, *more, arguments=ARGUMENTS):
    """The ended process of `program`, whose text finds the project from `folder`."""
    return subprocess.run(
        [sys.executable, "-c", program, *arguments, *more],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
    )


@pytest.mark.exhaustive
def test_while_compiling_and_while_training(undisturbed, tmp_path):
    run = tmp_path / "results" / SCRIPT / "run"
    process = start(tmp_path)
    while b"compiling" not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGUSR1)
    _, errors = process.communicate()
    assert process.returncode == 128 + signal.SIGUSR1, errors
    assert b"SIGUSR1: nothing has changed; start again with: " + sys.executable.encode() in errors
    assert not list(tmp_path.iterdir())

    more: tuple[str, ...] = ()
    for number in (signal.SIGHUP, signal.SIGUSR2):
        process = start(tmp_path, *more)
        reached = finished_epochs(run) + 1
        until(process, lambda reached=reached: finished_epochs(run) >= reached)
        process.send_signal(number)
        _, errors = process.communicate()
        assert process.returncode == 128 + number, errors
        assert b"--resume" in errors
        more = ("--resume",)
    # As under nohup.
    process = start(
        tmp_path, *more, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    )
    while b"compiling" not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGHUP)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert_same_run(run, undisturbed)


IN_A_THREAD = """
import sys, threading
import {script}
def run():
    try:
        {script}.main(sys.argv[1:])
    except BaseException as error:
        print(type(error).__name__, error)
for _ in range(2):
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
"""


@pytest.mark.exhaustive
def test_main_in_a_thread(undisturbed, tmp_path):
    done = run_program(IN_A_THREAD.format(script=SCRIPT), tmp_path, "--quiet")
    assert "UserError" in done.stdout and "holds a run already" in done.stdout, done.stderr
    assert done.stdout.count("Error") == 1
    assert_same_run(tmp_path / "results" / SCRIPT / "run", undisturbed)


FAILING_START = """
from training_loop import loop
def fail(*arguments):
    raise RuntimeError("no memory for the first batch")
loop.train = fail
import sys, {script}
{script}.main(sys.argv[1:])
"""


def test_a_start_that_failed_leaves_nothing(tmp_path):
    done = run_program(FAILING_START.format(script=SCRIPT), tmp_path, "--quiet")
    assert "no memory for the first batch" in done.stderr
    assert not list(tmp_path.iterdir())


# A signal that comes as soon as something is done.
AT_LAST = """
import os, signal, sys
import {script}
from memorization import experiment
from memorization.run.console import Report
from memorization.run.recorder import Recorder

def then_signalled(function):
    def call(first, *arguments):
        if function is draw_figures:
            os.kill(os.getpid(), signal.SIGTERM)
        result = function(first, *arguments)
        if not isinstance(first, Recorder) or len(first.progress.history) == {epochs}:
            os.kill(os.getpid(), signal.SIGTERM)
        return result
    return call

draw_figures = experiment.draw_figures

{place} = then_signalled({place})
sys.argv[0] = {path!r}
experiment.command({script}.main)
"""


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "place", ["Recorder.epoch_ends", "Report.summary", "experiment.draw_figures"]
)
def test_after_the_last_epoch(place, undisturbed, tmp_path):
    """Once it is saved, once the table stands there, once figures are being drawn."""
    path, epochs = str(PROJECT / f"{SCRIPT}.py"), finished_epochs(undisturbed)
    program = AT_LAST.format(script=SCRIPT, place=place, path=path, epochs=epochs)
    done = run_program(program, tmp_path, arguments=WITH_FIGURES)
    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    command = shlex.split(done.stderr.splitlines()[-1].rpartition(": ")[2])
    assert command[:3] == [sys.executable, path, "--resume"]
    done = subprocess.run(
        [sys.executable, *command[1:]], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    run = tmp_path / "results" / SCRIPT / "run"
    assert_same_run(run, undisturbed)
    assert (run / "curves.png").read_bytes() == (undisturbed / "curves.png").read_bytes()


WHILE_PYTHON_ENDS = """
import atexit, os, sys, time
def signalled():
    os.kill(os.getpid(), {number})
    time.sleep(60)
atexit.register(signalled)
import {script}
from memorization import experiment
sys.argv[0] = {path!r}
experiment.command({script}.main)
"""


@pytest.mark.exhaustive
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_while_python_ends(number, undisturbed, tmp_path):
    path = str(PROJECT / f"{SCRIPT}.py")
    program = WHILE_PYTHON_ENDS.format(script=SCRIPT, path=path, number=int(number))
    done = run_program(program, tmp_path, arguments=WITH_FIGURES)
    assert done.returncode == -number
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr
    run = tmp_path / "results" / SCRIPT / "run"
    assert_same_run(run, undisturbed)
    assert (run / "curves.png").read_bytes() == (undisturbed / "curves.png").read_bytes()


# What a notebook's kernel was started with, and a cell of it.
NOTEBOOK = """
import sys
sys.argv = ["/usr/lib/python3/ipykernel_launcher.py", "-f", "/run/user/0/kernel-1.json"]
import {script}
{script}.main({arguments!r})
"""


@pytest.mark.exhaustive
def test_a_notebook_is_told_the_scripts_command(undisturbed, tmp_path):
    program = NOTEBOOK.format(script=SCRIPT, arguments=list(ARGUMENTS))
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    run = tmp_path / "results" / SCRIPT / "run"
    until(process, lambda: finished_epochs(run) >= 1)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate()
    told = errors.decode().splitlines()[-1]
    assert "Interrupted" in told and "kernel" not in told
    command = shlex.split(told.rpartition(": ")[2])
    place = str(run.relative_to(tmp_path))
    assert command == [sys.executable, str(PROJECT / f"{SCRIPT}.py"), "--resume", place]
    done = subprocess.run(
        [sys.executable, *command[1:]], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert_same_run(run, undisturbed)
