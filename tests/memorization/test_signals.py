"""Every signal that asks for an end is answered, at whatever a run is just then."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from support.project import PROJECT
from support.runs import ARGUMENTS, SCRIPT, assert_same_run, finished_epochs, start, until


def test_while_compiling_and_while_training(undisturbed, tmp_path):
    run = tmp_path / "results" / SCRIPT / "run"
    process = start(tmp_path)
    while b"compiling" not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGUSR1)
    _, errors = process.communicate()
    assert process.returncode == 128 + signal.SIGUSR1, errors
    assert b"SIGUSR1: nothing has changed; start again with: python" in errors
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


def test_main_in_a_thread(undisturbed, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", IN_A_THREAD.format(script=SCRIPT), *ARGUMENTS, "--quiet"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
    )
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
    done = subprocess.run(
        [sys.executable, "-c", FAILING_START.format(script=SCRIPT), *ARGUMENTS, "--quiet"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
    )
    assert "no memory for the first batch" in done.stderr
    assert not list(tmp_path.iterdir())
