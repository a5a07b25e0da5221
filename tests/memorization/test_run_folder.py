"""A run takes the place of another: at whatever moment it is killed, one of the two is whole."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys

import pytest
from support.project import PROJECT, check_one_line, run_command, run_script
from support.runs import ARGUMENTS, SCRIPT, assert_same_run

from foundations import files
from memorization import evaluation
from memorization.run import folder as run_folder

MOST_MOMENTS = 200


def replace_run(folder, content, exchange, moment):
    """A process that puts a run of `content` at `folder`, killed at its system call `moment`.

    Returns whether it was killed. Without `exchange` the file system cannot swap two folders.
    """
    number = os.fork()
    if number:
        return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) == -signal.SIGKILL
    calls = []

    def kill_at_the_moment(event, arguments):
        if event == "open" or event.startswith(("os.", "shutil.")):
            calls.append(event)
            if len(calls) == moment:
                os.kill(os.getpid(), signal.SIGKILL)

    try:
        if not exchange:
            files.exchange = lambda one, other: False
        sys.addaudithook(kill_at_the_moment)
        with files.locked(folder), run_folder.new_folder(folder) as new:
            (new / "state.npz").write_text(content)
            (new / "run.json").write_text(content)
    finally:
        os._exit(0)


def content_of(folder):
    texts = {(folder / name).read_text() for name in ("run.json", "state.npz")}
    assert len(texts) == 1
    return texts.pop()


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("exchange", [True, False])
def test_killed_at_every_moment(exchange, linked, tmp_path):
    results = tmp_path / "results"
    folder = results / "run"
    if linked:
        (tmp_path / "links").mkdir()
        folder = tmp_path / "links" / "run"
        folder.symlink_to(tmp_path / "results" / "run")
    assert not replace_run(folder, "before", exchange, moment=0)
    found = set()
    for moment in range(1, MOST_MOMENTS):
        killed = replace_run(folder, "after", exchange, moment)
        whole = list(run_folder.runs_below(results))
        assert whole == [results / "run"] or (not exchange and run_folder.set_aside(folder))
        with files.locked(folder):
            run_folder.recover(folder)
            found.add(content_of(folder))
            run_folder.remove_leftovers(folder)
        assert os.listdir(results) == ["run"]
        assert folder.is_symlink() == linked
        if not killed:
            break
        assert not replace_run(folder, "before", exchange, moment=0)
        assert content_of(folder) == "before"
    assert not killed and moment > 10
    assert found == {"before", "after"}


KILLED_BETWEEN_TWO_RENAMES = """
import os, signal, sys
from foundations import files
files.exchange = lambda one, other: False
def kill(event, arguments):
    if event == "os.rename" and str(arguments[0]).endswith(".new"):
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(kill)
import {script}
from memorization import command_line
command_line.run_command({script}.main)
"""


@pytest.mark.exhaustive
def test_overwrite_killed_between_its_renames(undisturbed, tmp_path):
    """Through a link, on a file system without an exchange; then what the user does next."""
    real = shutil.copytree(undisturbed, tmp_path / "real")
    run = tmp_path / "results" / SCRIPT / "run"
    run.parent.mkdir(parents=True)
    run.symlink_to(real)
    killed = subprocess.run(
        [
            *(sys.executable, "-c", KILLED_BETWEEN_TWO_RENAMES.format(script=SCRIPT)),
            *(*ARGUMENTS, "--overwrite", "--seed", "1"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )
    assert killed.returncode == -signal.SIGKILL
    assert not real.exists()
    check_one_line(run_script(f"{SCRIPT}.py", *ARGUMENTS, cwd=tmp_path), "--resume", "--overwrite")
    assert not real.exists()
    resumed = run_script(f"{SCRIPT}.py", *ARGUMENTS, "--resume", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert_same_run(real, undisturbed)
    assert sorted(os.listdir(tmp_path)) == ["real", "results"]
    for _ in range(2):
        again = (*ARGUMENTS, "--overwrite", "--epochs", "0")
        over = run_script(f"{SCRIPT}.py", *again, cwd=tmp_path)
        assert over.returncode == 0, over.stderr
        assert run.is_symlink() and not (real / "metrics.csv").exists()


@pytest.mark.slow
def test_leftovers_are_no_runs(undisturbed, tmp_path):
    run = shutil.copytree(undisturbed, tmp_path / "results" / SCRIPT / "run")
    for kind in ("new", "old"):
        left = shutil.copytree(run, run.with_name(f".run.{kind}"))
        later = left.stat().st_mtime_ns + 10**12
        for path in left.iterdir():
            os.utime(path, ns=(later, later))
    assert list(run_folder.runs_below(tmp_path / "results")) == [run]
    assert evaluation.newest_run(tmp_path / "results", "svhn") == run
    done = run_command("report", "results", "--output", "page", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert SCRIPT in done.stdout and ".run." not in done.stdout + done.stderr


@pytest.mark.exhaustive
def test_what_is_no_run_is_not_replaced(tmp_path):
    folder = tmp_path / "results" / SCRIPT / "run"
    folder.mkdir(parents=True)
    (folder / "thesis.tex").write_text("years of work")
    for more in ((), ("--overwrite",)):
        check_one_line(run_script(f"{SCRIPT}.py", *ARGUMENTS, *more, cwd=tmp_path), folder.name)
    assert [path.name for path in tmp_path.rglob("*.*")] == ["thesis.tex"]
    (folder / "thesis.tex").unlink()
    folder.rmdir()
    folder.write_text("a file")
    check_one_line(run_script(f"{SCRIPT}.py", *ARGUMENTS, cwd=tmp_path), folder.name)
    assert folder.read_text() == "a file"
