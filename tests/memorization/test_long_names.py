"""A name of a megabyte in a run's record: a short line, or no harm."""

from __future__ import annotations

import json
import shutil

import pytest
from support.project import check_one_line, run_command, run_script
from support.runs import SHORT

pytestmark = pytest.mark.exhaustive

LONG = "x" * (1 << 20)
MOST_OF_A_LINE = 1500
SCRIPT = "cifar10_random_labels"


@pytest.fixture
def results(short_run, tmp_path):
    """A results folder with a copy of the short run, and a function that changes its record."""
    folder = tmp_path / "results" / SCRIPT / "run"
    shutil.copytree(short_run, folder)

    def change(*names, value=LONG):
        record = json.loads((folder / "run.json").read_text())
        part = record
        for name in names[:-1]:
            part = part[name]
        part[names[-1]] = value
        (folder / "run.json").write_text(json.dumps(record))

    return tmp_path, change


REFUSED = [
    *(["parameters"], ["data", "name"], ["data", "fingerprint"], ["network", "activation"]),
    *(["options", "corruption"], ["options", "data"], ["initial"], ["format"]),
]


@pytest.mark.parametrize("names", REFUSED, ids="-".join)
def test_a_run_does_not_go_on(names, results):
    folder, change = results
    change(*names)
    done = run_script(f"{SCRIPT}.py", *SHORT, "--no-figures", "--resume", cwd=folder)
    check_one_line(done)
    assert len(done.stderr) < MOST_OF_A_LINE


@pytest.mark.parametrize(
    "names", [["parameters"], ["data", "name"], ["options", "data_dir"]], ids="-".join
)
def test_report_figures_and_evaluation(names, results):
    folder, change = results
    change(*names)
    change("options", "synthetic", value=False)
    if names[-1] != "name":
        change("data", "name", value="svhn")
    commands = [
        lambda: run_command("report", "results", "--output", "out", cwd=folder),
        lambda: run_command("figures", "results", cwd=folder),
        lambda: run_script("svhn_evaluation_random_labels.py", cwd=folder),
    ]
    for command in commands:
        done = command()
        assert done.returncode in (0, 1, 2) and "Traceback" not in done.stderr
        assert all(len(line) < MOST_OF_A_LINE for line in done.stderr.splitlines())
        assert len(done.stdout) < 10 * MOST_OF_A_LINE
