"""docs/columns.md documents every column that runs write, and none that they do not."""

from __future__ import annotations

import re

import pytest
from support.project import PROJECT, run_script

from training_loop import metrics

pytestmark = pytest.mark.exhaustive

SCRIPT = "cifar10_random_labels"
RUN = ("--synthetic", "--width", "0.0625", "--epochs", "1", "--train-size", "60", "--quiet")
RUN += ("--no-figures",)


def documented():
    """The columns that the page names, with SET and N as it writes them."""
    text = (PROJECT / "docs" / "columns.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))


def as_documented(column):
    """The name of `column` with N for a number, and with SET for a set where that is what it is."""
    name = re.sub(r"_\d+$", "_N", column)
    parsed = metrics.parse_name(column)
    if parsed.set_name is not None and parsed.label is None:
        return name.replace(parsed.set_name, "SET", 1)
    return name


def test_every_column_is_documented_and_every_documented_one_is_written(tmp_path):
    more = ("--measure", "--batch-statistics", "--corruption", "0.5", "--name", "run")
    done = run_script(f"{SCRIPT}.py", *RUN, *more, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    path = tmp_path / "results" / SCRIPT / "run" / "metrics.csv"
    header = path.read_text(encoding="utf-8").splitlines()[0].split(",")
    assert {as_documented(name) for name in header} == documented()
