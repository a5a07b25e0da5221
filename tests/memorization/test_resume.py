"""A run that was killed or stopped ends, resumed, with the very bits of one that never was."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import random
import shutil
import signal
import struct
import termios
import threading

import numpy as np
import pytest
from support.project import check_one_line, run_command, run_script
from support.runs import (
    ARGUMENTS,
    PARAMETERS,
    SCRIPT,
    SEED,
    WITH_FIGURES,
    assert_same_run,
    finished_epochs,
    start,
    until,
)

from foundations.errors import UserError
from memorization.run.record import load_record

pytestmark = pytest.mark.slow


@pytest.mark.exhaustive
def test_sigkill_at_random_moments(undisturbed, tmp_path):
    """Killed while something is being written, and after some epoch; then gone on with."""
    run = tmp_path / "results" / SCRIPT / "run"
    epoch = random.Random(SEED).choice([2, 3])
    moments = [
        lambda: finished_epochs(run) >= 1 and any(run.glob(".state.npz*.part")),
        lambda: finished_epochs(run) >= epoch,
    ]
    more: tuple[str, ...] = ()
    for moment in moments:
        process = start(tmp_path, *more)
        until(process, moment)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        more = ("--resume",)
    last = run_script(f"{SCRIPT}.py", *ARGUMENTS, "--resume", cwd=tmp_path)
    assert last.returncode == 0, last.stderr
    assert "going on after epoch" in last.stdout
    assert_same_run(run, undisturbed)


def test_ctrl_c_and_sigterm_save_and_say_how_to_go_on(undisturbed, tmp_path):
    run = tmp_path / "results" / SCRIPT / "run"
    ours, theirs = pty.openpty()
    rows_and_columns = struct.pack("HHHH", 24, 120, 0, 0)
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, rows_and_columns)
    process = start(tmp_path, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = []

    def read() -> None:
        # Linux tells the end of a terminal whose process has gone by an OSError.
        with contextlib.suppress(OSError):
            while chunk := os.read(ours, 65536):
                shown.append(chunk)

    reader = threading.Thread(target=read)
    reader.start()
    until(process, lambda: finished_epochs(run) >= 1)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    reader.join()
    os.close(ours)
    text = b"".join(shown).decode()
    assert "epochs:" in text
    assert "images/s" in text
    assert "--resume" in text.splitlines()[-1]
    assert 1 <= finished_epochs(run) < 4

    process = start(tmp_path, "--resume")
    reached = finished_epochs(run) + 1
    until(process, lambda: finished_epochs(run) >= reached)
    process.terminate()
    _, errors = process.communicate()
    assert process.returncode == 143, errors
    assert b"--resume" in errors

    last = run_script(f"{SCRIPT}.py", *ARGUMENTS, "--resume", "--quiet", cwd=tmp_path)
    assert last.returncode == 0, last.stderr
    *_, titles, last_epoch, best_epoch = last.stdout.splitlines()
    assert "epoch" in titles and last_epoch.split()[:2] == ["last", "4"]
    assert best_epoch.startswith("best ") and len(last.stdout.splitlines()) == 4
    assert_same_run(run, undisturbed)


def test_a_pipe_gets_a_plain_line_per_epoch(undisturbed):
    printed = (undisturbed.parents[2] / "printed").read_bytes().decode()
    lines = [line for line in printed.splitlines() if line.startswith("epoch ")]
    # One for each epoch.
    assert len(lines) == 4
    assert all(len(line) < 100 and line.endswith("left") for line in lines)
    assert "\r" not in printed


@pytest.mark.exhaustive
def test_a_finished_run_is_completed_from_its_state(undisturbed, tmp_path):
    """As after a kill between the last save and the last figure."""
    run = tmp_path / "results" / SCRIPT / "run"
    shutil.copytree(undisturbed, run)
    for figure in run.glob("*.png"):
        figure.unlink()
    (run / "metrics.csv").write_text("epoch,training_error\n1,")
    (run / ".state.npz.abc.part").write_bytes(b"half")
    (run / "labels.npz").unlink()
    done = run_script(f"{SCRIPT}.py", *WITH_FIGURES, "--resume", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "compiling" not in done.stdout
    assert_same_run(run, undisturbed)
    assert {path.name for path in run.iterdir()} == {path.name for path in undisturbed.iterdir()}


@pytest.mark.exhaustive
def test_a_diverging_run_stops_and_keeps_its_last_state(tmp_path):
    from memorization.run import state as checkpoint
    from training_loop.progress import Progress

    arguments = (*ARGUMENTS, "--lr-start", "1e38", "--lr-fin", "1e38")
    done = run_script(f"{SCRIPT}.py", *arguments, cwd=tmp_path)
    check_one_line(done, "batch", "epoch 1", "--lr-start")
    state = tmp_path / "results" / SCRIPT / "run" / "state.npz"
    assert checkpoint.read_progress(state) == Progress()
    with np.load(state) as stored:
        for name in stored.files:
            assert stored[name].dtype.kind != "f" or np.isfinite(stored[name]).all()


def test_contradicting_options_are_refused_by_name(undisturbed, tmp_path):
    run = shutil.copytree(undisturbed, tmp_path / "results" / SCRIPT / "run")
    before = sorted((p.name, p.stat().st_mtime_ns) for p in run.iterdir())
    for option in (("--seed", "3"), ("--epochs", "3"), ("--width", "0.125")):
        process = run_script(f"{SCRIPT}.py", *ARGUMENTS, "--resume", *option, cwd=tmp_path)
        check_one_line(process, option[0])
    assert sorted((p.name, p.stat().st_mtime_ns) for p in run.iterdir()) == before


@pytest.mark.parametrize("format_number", [1, pytest.param(None, marks=pytest.mark.exhaustive)])
def test_a_run_of_an_earlier_format_is_read_but_not_resumed(undisturbed, tmp_path, format_number):
    run = shutil.copytree(undisturbed, tmp_path / "results" / SCRIPT / "run")
    record = json.loads((run / "run.json").read_text())
    del record["format"]
    if format_number is not None:
        record["format"] = format_number
    (run / "run.json").write_text(json.dumps(record))
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    resumed = run_script(f"{SCRIPT}.py", *ARGUMENTS, "--resume", cwd=tmp_path)
    check_one_line(resumed, run.relative_to(tmp_path), "earlier version", "random stream")
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
    done = run_command("report", "results", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    # Its digits were drawn from another random stream.
    check_one_line(run_command("figures", str(run), cwd=tmp_path), "version 1.0.0")


@pytest.mark.parametrize("format_number", [0, 3, "2", True, None, 2.0])
def test_a_run_of_an_unknown_format_is_refused(undisturbed, tmp_path, format_number):
    record = json.loads((undisturbed / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps({**record, "format": format_number}))
    with pytest.raises(UserError, match=r"run\.json: .*format"):
        load_record(tmp_path)


def test_resuming_nothing(tmp_path):
    check_one_line(run_script(f"{SCRIPT}.py", *ARGUMENTS, "--resume", cwd=tmp_path), "resume")
    both = run_script(f"{SCRIPT}.py", "--resume", "--overwrite", cwd=tmp_path)
    check_one_line(both, "--overwrite")
    assert not list(tmp_path.iterdir())


def test_the_state_is_saved_by_name(undisturbed):
    with np.load(undisturbed / "state.npz") as state:
        names = set(state.files)
        with np.load(undisturbed / f"{PARAMETERS[SCRIPT]}.npz") as parameters:
            first = parameters["arr_0"]
        assert np.array_equal(state["layer_01/W"], first)
        assert state["adam/binary/steps"] == state["adam/others/steps"] == 4 * 20
        assert state["layer_01/W/adam_m"].shape == first.shape
    assert {"layer_01/b", "layer_02/mean", "layer_02/gamma/adam_v", "progress"} <= names
    # Weights are drawn at random in training and, by another stream, in testing.
    assert {"layer_01/stream_0", "layer_01/stream_1"} <= names


def test_a_damaged_state_is_refused(undisturbed, tmp_path):
    from memorization.run import state as checkpoint

    state = (undisturbed / "state.npz").read_bytes()
    for damaged in (b"", state[: len(state) // 2], state[:40] + b"\0" * 40 + state[80:]):
        (tmp_path / "state.npz").write_bytes(damaged)
        with pytest.raises(UserError, match=r"state\.npz"):
            checkpoint.load(tmp_path / "state.npz", {})
