"""README's pictures of a run: a terminal that shows what it is sent, and a run drawn with it."""

from __future__ import annotations

import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest
from support.project import PROJECT

sys.path.insert(0, str(PROJECT / "tools"))

import picture_of_a_run as pictures

SVG = "{http://www.w3.org/2000/svg}"
SHORT = ("--synthetic", "--width", "0.0625", "--epochs", "3", "--train-size", "300")


def shown(*pieces, columns=20):
    terminal = pictures.Terminal(columns)
    for piece in pieces:
        terminal.feed(piece)
    return terminal.lines


def test_a_terminal():
    assert shown("one\r\ntwo") == ["one", "two"]
    assert shown("epoch 1\repoch 2") == ["epoch 2"]
    assert shown("above\n\rbelow\x1b[A\rABOVE\n\n\rlast") == ["ABOVE", "below", "last"]
    assert shown("longer\r\x1b[Kleft") == ["left"]
    assert shown("x" * 25) == ["x" * 20, "x" * 5]
    # A control that comes in two pieces.
    assert shown("a\n\x1b", "[", "A\rb") == ["b", ""]
    with pytest.raises(ValueError, match="no such control"):
        shown("\x1b[5D")


def rows(path):
    """The text of the picture at `path`, by rows, with what lies between its columns."""
    root = ElementTree.parse(path).getroot()
    found = {}
    for text in root.iter(f"{SVG}text"):
        column = round((float(text.get("x")) - pictures.MARGIN) / pictures.CELL_WIDTH)
        line = found.setdefault(float(text.get("y")), "")
        found[float(text.get("y"))] = line.ljust(column) + text.text
    return [found[place] for place in sorted(found)]


@pytest.mark.exhaustive
@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="the picture shows an environment")
def test_a_run_is_drawn_as_it_was_shown(tmp_path):
    command = [sys.executable, "tools/picture_of_a_run.py", "--epoch", "2", "--output", tmp_path]
    done = subprocess.run(
        [*map(str, command), "--", *SHORT, "--batch-size", "10", "--name", "a-name"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    middle, end = rows(tmp_path / "run.svg"), rows(tmp_path / "run_end.svg")
    typed = " ".join(line.strip("$>\\ ") for line in middle[:4])
    assert typed == f".venv/bin/python cifar10_random_labels.py {' '.join(typed.split()[2:])}"
    assert [line for line in middle if re.fullmatch(r" +1(?: +[\d.]+%){3} +\S+s +\S+s", line)]
    assert middle[-2].startswith("epochs:  33%|") and middle[-1].startswith("epoch 2: ")
    # No bar is cut off.
    assert middle[-1].endswith("images/s]") and max(map(len, middle + end)) <= 60
    assert next(line.split()[1] for line in end if line.startswith("last")) == "3"
    assert "written to results/cifar10_random_labels/a-name" in end


def test_the_pictures_are_of_readmes_quick_look():
    readme = re.sub(r"\\\n *", "", (PROJECT / "README.md").read_text(encoding="utf-8"))
    options = [word for word in pictures.OPTIONS if word not in ("--name", "quick-look")]
    assert f".venv/bin/python {pictures.SCRIPT} {' '.join(options)} " in readme
    typed = rows(PROJECT / "docs" / "figures" / "run.svg")
    assert " ".join(pictures.OPTIONS) in " ".join(line.strip("$>\\ ") for line in typed)
    for name in ("run.svg", "run_end.svg"):
        assert f"docs/figures/{name}" in readme
