"""What a run shows where its two streams go to different places, and what it says at the end."""

from __future__ import annotations

import fcntl
import math
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest
from support.project import PROJECT

from memorization.run import console

SCRIPT = "cifar10_random_labels"
ARGUMENTS = ("--synthetic", "--width", "0.0625", "--epochs", "3", "--train-size", "60")


@pytest.mark.slow
def test_bars_on_the_terminal_while_the_log_gets_plain_lines(tmp_path):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(PROJECT / f"{SCRIPT}.py"), *ARGUMENTS],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=theirs,
        )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:
        # The other end is closed when the process has gone.
        pass
    text = shown.decode()
    assert process.wait() == 0, text
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
    assert [line.split(",")[0] for line in lines[2:5]] == ["epoch 1", "epoch 2", "epoch 3"]
    for field in ("learning rate", "best epoch", "best error", "test errors by class"):
        assert all(field in line for line in lines[2:5])
    assert lines[5].startswith("epoch  learning rate")
    assert "epoch 1 to 3" in log_text
    (last,) = (line for line in lines if line.startswith("written to"))
    figure = last.rpartition(" ")[2]
    assert (tmp_path / figure).stat().st_size > 1000


def row(epoch, training, validation, test):
    errors = {"training_error": training, "validation_error": validation, "test_error": test}
    return {"epoch": epoch, **errors}


def test_curves_in_text():
    rows = [row(epoch, 1 - epoch / 10, 0.9, 0.5) for epoch in range(11)]
    picture = console.text_curves(rows, height=11)
    assert picture[0] == " 100 % |o" + " " * 10
    assert picture[1] == "  90 % |vovvvvvvvvv"
    assert picture[5] == "  50 % |xxxxxoxxxxx"
    assert picture[10] == "   0 % |" + " " * 10 + "o"
    # A set without images has no error to draw.
    empty = console.text_curves([row(1, 0.0, math.nan, math.nan)])
    assert sum(line.count("o") for line in empty[:11]) == 1
    assert not any("v" in line or "x" in line for line in empty[:11])


def test_many_epochs_fit_the_width():
    rows = [row(epoch, 0.5, 0.9, 0.9) for epoch in range(1000)]
    assert max(map(len, console.text_curves(rows, width=40))) < 80
