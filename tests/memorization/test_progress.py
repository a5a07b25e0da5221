"""What a run shows where its two streams go to different places, and what it says at the end."""

from __future__ import annotations

import fcntl
import math
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import tomllib

import pytest
from support.project import PROJECT, check_one_line, run_command, run_script, without_waiting

from memorization.run import layout
from training_loop.progress import Progress
from training_loop.stopwatch import Stopwatch

SCRIPT = "cifar10_random_labels"
ARGUMENTS = ("--synthetic", "--width", "0.0625", "--epochs", "3", "--train-size", "60")


def on_a_terminal(width, tmp_path, *more, stdout=None):
    """What SCRIPT shows on a terminal of `width` columns; stderr alone where `stdout` is given."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    process = subprocess.Popen(
        [sys.executable, str(PROJECT / f"{SCRIPT}.py"), *ARGUMENTS, *more],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=theirs if stdout is None else stdout,
        stderr=theirs,
        env={name: value for name, value in os.environ.items() if name != "COLUMNS"},
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:
        # The other end is closed when the process has gone.
        pass
    assert process.wait() == 0, shown.decode()
    return without_waiting(shown.decode())


@pytest.mark.exhaustive
def test_bars_on_the_terminal_while_the_log_gets_plain_lines(tmp_path):
    with open(tmp_path / "log", "wb") as log:
        text = on_a_terminal(120, tmp_path, stdout=log)
    assert re.search(r"compiling \.+ +\d+ s", text)
    assert "epochs:" in text
    assert "testing, validation" in text
    assert "training error" not in text.splitlines()[-1]

    log_text = (tmp_path / "log").read_text()
    assert "\r" not in log_text
    assert "\x1b" not in log_text
    lines = log_text.splitlines()
    assert lines[0].endswith("...")
    assert "compiling (a minute or two the first time" in lines[0]
    assert "compiled in" in lines[1]
    assert [line.split(":")[0] for line in lines[2:5]] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]
    for line in lines[2:5]:
        assert re.search(r"training error .*%, validation .*%, test .*%, loss .*s, .*s left$", line)
        assert len(line) < 100
    assert next(line.split()[1] for line in lines if line.startswith("last ")) == "3"
    assert "epoch 1 to 3" in log_text
    (last,) = (line for line in lines if line.startswith("figures: "))
    figure = last.rpartition(" ")[2]
    assert (tmp_path / figure).stat().st_size > 1000


@pytest.mark.exhaustive
@pytest.mark.parametrize("width", [60, 80, 120])
def test_everything_fits_the_terminal(tmp_path, width):
    more = ("--measure", "--class-errors") if width == 60 else ()
    text = on_a_terminal(width, tmp_path, *more)
    # What ends in a carriage return is a bar, which the next one takes the place of.
    lines = [re.sub(r"\x1b\[.", "", part) for line in text.split("\n") for part in line.split("\r")]
    long = [line for line in lines if len(line) > width and "results/" not in line]
    assert not long
    bars = [line for line in lines if "%|" in line]
    assert bars and all(line.endswith("]") for line in bars)
    titles = next(line for line in lines if line.split()[-1:] == ["left"])
    assert titles.split()[0] == "epoch"
    assert ("rate" in titles) == (width > 60) and (titles.count("loss") == 3) == (width > 80)
    # A line an epoch, in the columns of the titles.
    rows = [line for line in lines if len(line) == len(titles) and line[-1] == "s"]
    assert [line.split()[0] for line in rows] == ["1", "2", "3"]
    assert [line.split()[1] for line in lines if line.startswith("last ")] == ["3"]
    assert sum(line.startswith("best ") for line in lines) == 1
    if width == 60:
        assert sum("class  training" in line for line in lines) == 4


@pytest.mark.exhaustive
def test_quiet_and_no_epochs(tmp_path):
    done = run_script(f"{SCRIPT}.py", *ARGUMENTS, "--epochs", "0", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "figures:" not in done.stdout and "written to" in done.stdout
    more = run_script(f"{SCRIPT}.py", *ARGUMENTS, "--train-size", "4501", cwd=tmp_path)
    check_one_line(more, "--train-size 4501", "4500 training images")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "wanted"), [("--epoch", "--epochs"), ("--mesure", "--measure"), ("--corupt", "")]
)
def test_misspelt_options(tmp_path, given, wanted):
    done = run_script(f"{SCRIPT}.py", given, "3", cwd=tmp_path)
    check_one_line(done, given, f"did you mean {wanted}" if wanted else "unrecognized")


@pytest.mark.slow
def test_the_version_is_that_of_the_package(tmp_path):
    stated = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    assert run_script(f"{SCRIPT}.py", "--version", cwd=tmp_path).stdout.split()[-1] == stated
    assert run_command("--version", cwd=tmp_path).stdout.split()[-1] == stated


def test_times_in_a_glance():
    shown = {0: "0s", 0.42: "0.42s", 3.04: "3.0s", 9.97: "10s", 119: "119s", 185: "3m05s"}
    shown |= {7199: "119m59s", 7200: "2h00m", 1051200: "12d04h", math.nan: "-"}
    assert {seconds: layout.duration(seconds) for seconds in shown} == shown


def test_lines_of_logs_stay_short():
    worst = {"epoch": 1000, "training_loss": 2.5e7, "seconds": 1235}
    worst |= dict.fromkeys(("training_error", "validation_error", "test_error"), 1.0)
    line = layout.plain_line(layout.Seen(worst, 1e6), 1500)
    assert len(line) < 100 and line.endswith("20m35s, 11d13h left")
    empty = {**worst, "validation_error": math.nan, "test_error": math.nan}
    assert "validation -, test -" in layout.plain_line(layout.Seen(empty), 1500)


def test_time_of_an_epoch_that_was_gone_on_with():
    """The time before the stop counts, the time between does not."""
    now = iter([100.0, 103.0, 110.0, 112.0, 115.0, 121.0])
    progress = Progress()
    first = Stopwatch(progress, lambda: next(now))
    first.epoch_begins(1, 0.1, 60)
    first.batch_ends(30, 0.5)
    second = Stopwatch(progress, lambda: next(now))
    second.epoch_begins(1, 0.1, 60)
    second.batch_ends(30, 0.5)
    second.testing_begins("training", 60)
    assert second.measure(1, {}) == {"seconds": 14.0, "images_per_second": 7.5}
    assert progress == Progress()


def row(epoch, training, validation, test):
    errors = {"training_error": training, "validation_error": validation, "test_error": test}
    return {"epoch": epoch, **errors}


def test_curves_in_text():
    rows = [row(epoch, 1 - epoch / 10, 0.9, 0.5) for epoch in range(11)]
    picture = layout.text_curves(rows, height=11)
    assert picture[0] == " 100 % |o" + " " * 10
    assert picture[1] == "  90 % |vovvvvvvvvv"
    assert picture[5] == "  50 % |xxxxxoxxxxx"
    assert picture[10] == "   0 % |" + " " * 10 + "o"
    # A set without images has no error to draw.
    empty = layout.text_curves([row(1, 0.0, math.nan, math.nan)])
    assert sum(line.count("o") for line in empty[:11]) == 1
    assert not any("v" in line or "x" in line for line in empty[:11])


def test_many_epochs_fit_the_width():
    rows = [row(epoch, 0.5, 0.9, 0.9) for epoch in range(1000)]
    assert max(map(len, layout.text_curves(rows, width=40))) < 80
