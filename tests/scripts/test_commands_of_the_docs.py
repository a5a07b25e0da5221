"""The commands of README and docs: every option in them exists, and the README's first ones run."""

from __future__ import annotations

import re
import shlex

import pytest
from support.project import PROJECT, run_command, run_script
from support.runs import metrics, run_in

from memorization import evaluation, options

PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (PROJECT / "docs").glob("*.md"))]
EVALUATION = "svhn_evaluation_random_labels.py"
SCRIPT = re.compile(r"(?:cifar10|svhn)_\w+\.py")
# What makes any command short.
SCALED = {"--width": "0.0625", "--epochs": "2", "--train-size": "60"}


def commands(page):
    """The words of each command of the blocks of `page` that calls a script of an experiment."""
    text = (PROJECT / page).read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.findall(r"^(?: {4}|```\w*\n)(.*)$", text, re.MULTILINE)
    found = []
    for line in filter(SCRIPT.search, blocks):
        words = shlex.split(line, comments=True)
        place = next((n for n, word in enumerate(words) if SCRIPT.fullmatch(word)), None)
        if place is not None and words[0].endswith("python"):
            found.append(words[place:])
    return found


@pytest.mark.parametrize("page", PAGES)
def test_every_option_in_a_command_exists(page):
    for script, *arguments in commands(page):
        assert (PROJECT / script).exists(), script
        # What stands for something of the reader's own.
        words = [word for word in arguments if word != "..." and "--resume" not in arguments]
        if script == EVALUATION:
            evaluation.parse(script, "", words)
        elif "--help" not in words:
            options.parse(script, None, words)


def scaled(arguments):
    """`arguments` with the values of `SCALED`, on drawn digits."""
    words = list(arguments)
    for name, value in SCALED.items():
        if name in words:
            words[words.index(name) + 1] = value
        else:
            words += [name, value]
    return words if "--synthetic" in words else [*words, "--synthetic"]


def test_the_commands_are_found():
    found = [script for script, *_ in commands("README.md")]
    assert len(found) >= 14 and {EVALUATION, "svhn_random_labels.py"} <= set(found)


@pytest.mark.slow
def test_the_readme_in_its_order_scaled_down(tmp_path):
    """A quick look, going on with it, its figures, the report on it, and the evaluation."""
    script, *quick = next(words for words in commands("README.md") if "--width" in words)
    looked = run_script(script, *scaled(quick), cwd=tmp_path)
    assert looked.returncode == 0, looked.stderr
    run = run_in(tmp_path)
    longer = run_script(script, "--resume", str(run), "--epochs", "3", "--quiet", cwd=tmp_path)
    assert longer.returncode == 0, longer.stderr
    assert len(metrics(run)) == 3
    drawn = run_command("figures", str(run.parent), cwd=tmp_path)
    assert drawn.returncode == 0, drawn.stderr
    told = run_command("report", str(run.parent), "--output", "results/report", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert (tmp_path / "results" / "report" / "report.html").exists()


@pytest.mark.slow
def test_a_short_run_of_a_long_schedule_is_warned_of(tmp_path):
    """The original's rates over 10 epochs of 2 steps; and rates that fall to a tenth alone."""
    short = ("--synthetic", "--width", "0.0625", "--epochs", "10", "--train-size", "60")
    script = "cifar10_random_labels.py"
    warned = run_script(script, *short, cwd=tmp_path)
    assert warned.returncode == 0
    assert "warning: the learning rate falls to a tenth within 6 steps" in warned.stderr
    quiet = run_script(script, *short, "--quiet", "--overwrite", cwd=tmp_path)
    assert (quiet.returncode, quiet.stderr) == (0, "")
