"""A sweep asked for what cannot be had as it is asked for, and a sweep that is told to stop."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import shlex
import signal
import struct
import subprocess
import sys
import termios

import pytest
from support.project import PROJECT, check_one_line, run_command

from memorization.report.runs import read_run
from memorization.sweep.request import parse

SCRIPT = PROJECT / "cifar10_random_labels.py"
# A network that is compiled in a second: what is tested is what happens around its training.
TINY = (
    *(str(SCRIPT), "--synthetic", "--network", "mlp", "--hidden", "16"),
    *("--epochs", "2", "--train-size", "60", "--no-figures"),
)
# Epochs long enough to be seen.
SEEN = (
    *(str(SCRIPT), "--synthetic", "--width", "0.0625", "--epochs", "20", "--train-size", "60"),
    "--no-figures",
)


@pytest.fixture(autouse=True)
def needs_ray():
    pytest.importorskip("ray", reason="Ray is not installed (optional extra [sweep])")


@pytest.fixture
def long_folder(tmp_path):
    """A folder for temporary files whose name leaves no room for that of a socket."""
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    return folder


@pytest.mark.exhaustive
def test_a_seed_given_twice_under_a_long_tmpdir_is_run_once(tmp_path, long_folder):
    done = run_command(
        *("sweep", "--vary", "seed=3,3", "corruption=0.5,.50", "--", *TINY),
        cwd=tmp_path,
        TMPDIR=str(long_folder),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("finished before: 0 of 1\n")
    (run,) = (path.parent for path in tmp_path.rglob("run.json"))
    assert read_run(run).finished


@pytest.mark.exhaustive
@pytest.mark.parametrize("option", ["--cpus-per-run", "--gpus-per-run"])
def test_more_than_there_is_is_refused(tmp_path, option):
    wanted = "4096" if option == "--cpus-per-run" else "0.5"
    if option == "--gpus-per-run" and os.path.exists("/dev/nvidia0"):
        option, wanted = "--cpus-per-run", "8192"
    done = run_command("sweep", option, wanted, "--", *TINY, cwd=tmp_path)
    check_one_line(done, f"{option} {wanted}: no machine has more than")


@pytest.mark.exhaustive
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_sweep_that_is_told_to_stop_says_how_to_go_on(tmp_path, number):
    arguments = ("--vary", "seed=0..2", "--", *TINY)
    with subprocess.Popen(
        [sys.executable, "-m", "memorization", "sweep", *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What runs the tests may ignore it, and with it all that it starts.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    ) as process:
        assert next(process.stdout) == "finished before: 0 of 3\n"
        # So that Ray runs, and a cell is under way.
        assert next(process.stdout).endswith(": done, 2 to go\n")
        process.send_signal(number)
        _, complaints = process.communicate()
    assert process.returncode == 128 + number, complaints
    said = re.fullmatch(
        r"python -m memorization sweep: stopped; .*, go on with: (.*)\n", complaints
    )
    assert said, complaints
    assert shlex.split(said[1]) == ["python", "-m", "memorization", "sweep", *arguments]


def test_levels_that_look_alike_have_folders_of_their_own(tmp_path):
    words = ["--vary", "corruption=0.5,0.1234567,0.12345678,1", "data-dir=a/b,a+b,a-b"]
    request = parse([*words, "--results-dir", str(tmp_path), "--", str(SCRIPT)], None)
    names = [cell.folder.name for cell in request.cells()]
    assert len(set(names)) == 12
    assert {"corruption-0.5_data-dir-a-b", "corruption-1.0_data-dir-a-b"} <= set(names)


@pytest.mark.exhaustive
def test_on_a_terminal_running_cells_are_seen_and_all_lines_fit(tmp_path):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    words = ("--vary", "seed=0..1", "batch-size=20", "--", *SEEN)
    with subprocess.Popen(
        [sys.executable, "-m", "memorization", "sweep", *words],
        cwd=tmp_path,
        env={n: v for n, v in os.environ.items() if n != "COLUMNS"} | {"PYTHONPATH": str(PROJECT)},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):
            while chunk := os.read(ours, 65536):
                shown += chunk
    assert process.returncode == 0, shown.decode()
    text = re.sub(r"\x1b\[[0-9]*[A-Z]", "", shown.decode()).replace("\r\n", "\n")
    before, _, end = text.partition("errors after the")
    lines = before.splitlines()
    assert max(map(len, lines)) < 60
    assert re.search(r"^0 of 2 done, \d running, \d to come; about [\d.dhms]+ left$", before, re.M)
    assert re.search(
        r"^  \S*batch-size-20 +epoch \d+ of 20  error \d+\.\d+%  \S+ left$", before, re.M
    )
    assert "2 of 2 done, 0 running, 0 to come" in lines
    titles, *cells = end.splitlines()[1:4]
    assert re.split(" +", titles)[:3] == ["seed", "batch-size", "epochs"]
    assert [cell.split()[:3] for cell in cells] == [["0", "20", "20"], ["1", "20", "20"]]
