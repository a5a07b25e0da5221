"""Disks that are full or read-only, folders that vanish, and processes that meet in one place."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.project import PROJECT, check_one_line
from support.runs import (
    ARGUMENTS,
    SCRIPT,
    assert_same_run,
    finished_epochs,
    start,
    until,
)

pytestmark = pytest.mark.exhaustive


RUN = f"{sys.executable} {PROJECT / SCRIPT}.py {' '.join(ARGUMENTS)} --quiet"


def on_a_disk_of_its_own(script: str, folder):
    """Run lines of shell in `folder`, where a file system that only they see can be mounted."""
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", f"cd {folder}\n{script}"],
        capture_output=True,
        text=True,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no file system can be mounted here: {done.stderr.splitlines()[0]}")
    return done


def test_no_space_left(undisturbed, tmp_path):
    """Nearly 5 MB of state: there is room for one, not for a second beside it."""
    done = on_a_disk_of_its_own(
        f"""
        mkdir disk full
        mount -t tmpfs -o size=2m disk disk || exit
        cd disk
        {RUN} 2>../full/at_the_start; echo $?
        echo $(ls -A)
        mount -o remount,size=7m . || exit
        {RUN} 2>../full/later; echo $?
        ls -A results/*/* | grep part
        mount -o remount,size=20m . || exit
        {RUN} --resume >../full/resumed; echo $?
        cp -r results ..
        mount -o remount,size=8m . || exit
        {RUN} --overwrite 2>../full/over; echo $?
        diff -r results ../results && echo the same
        mount -o remount,ro . || exit
        {RUN} --overwrite 2>../full/read_only; echo $?
        {RUN} --results-dir elsewhere 2>>../full/read_only; echo $?
        diff -r results ../results && echo the same
        """,
        tmp_path,
    )
    assert done.stdout.split("\n") == [
        *("2", ""),
        *("2", "0"),
        *("2", "the same"),
        *("2", "2", "the same", ""),
    ], done.stderr
    said = {path.name: path.read_text() for path in (tmp_path / "full").iterdir()}
    for moment in ("at_the_start", "later", "over"):
        assert said[moment].count("\n") == 1, said[moment]
        assert "state.npz: cannot be written (No space left on device)" in said[moment]
    assert (
        "saved after 0 epochs" in said["later"]
        and f"--resume results/{SCRIPT}/run\n" in said["later"]
    )
    over, elsewhere = said["read_only"].splitlines()
    assert "Read-only file system" in over and "--results-dir" in elsewhere
    assert_same_run(tmp_path / "results" / SCRIPT / "run", undisturbed)


def test_a_results_folder_that_is_taken_away(tmp_path):
    run = tmp_path / "results" / SCRIPT / "run"
    process = start(tmp_path, "--quiet", text=True)
    until(process, lambda: finished_epochs(run) >= 1)
    run.rename(tmp_path / "elsewhere")
    _, errors = process.communicate()
    check_one_line(
        subprocess.CompletedProcess((), process.returncode, "", errors), run.relative_to(tmp_path)
    )
    assert not run.exists()
    assert (tmp_path / "elsewhere" / "state.npz").exists()


def test_two_runs_in_one_folder(undisturbed, tmp_path):
    """Whatever name the second one calls it by."""
    run = tmp_path / "results" / SCRIPT / "run"
    (tmp_path / "linked").symlink_to("results")
    (tmp_path / "of_links").mkdir()
    (tmp_path / "of_links" / SCRIPT).symlink_to(Path("..", "linked", SCRIPT))
    first = start(tmp_path)
    until(first, lambda: finished_epochs(run) >= 1)
    first.send_signal(signal.SIGSTOP)
    for way in (
        ("--overwrite",),
        ("--resume", "--results-dir", "linked"),
        ("--resume", "--results-dir", "of_links"),
    ):
        second = start(tmp_path, *way, text=True)
        _, errors = second.communicate()
        check_one_line(
            subprocess.CompletedProcess((), second.returncode, "", errors),
            "another process is running there",
        )
    first.send_signal(signal.SIGCONT)
    first.communicate()
    assert first.returncode == 0
    assert_same_run(run, undisturbed)
