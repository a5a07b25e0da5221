"""The report over several runs: its table and what is said of what it leaves out."""

from __future__ import annotations

import re
import shutil

import pytest
from support.compared_runs import ERRORS, make_run, table_of
from support.project import run_command

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def results(short_run, tmp_path_factory):
    """Two seeds of one experiment, one run each of two others, the last one not finished."""
    folder = tmp_path_factory.mktemp("report")
    plain = "svhn_random_labels"
    make_run(short_run, folder / "a" / plain, [(50, 90, 91), (9, 89, 90), (1, 88, 92)])
    make_run(short_run, folder / "b" / plain, [(60, 90, 91), (20, 89, 90), (10, 90, 86)], seed=1)
    make_run(
        short_run,
        folder / "a" / "cifar10_random_labels",
        [(30, 60, 61), (4, 50, 52), (0.5, 45, 50)],
        clean=(35, 40, 41.5),
        bits=(1234.5, 0.0222, 1.5),
        corruption=0.25,
    )
    make_run(short_run, folder / "b" / "cifar10_random_labels", [(90, 90, 90)], epochs=7)
    return folder


@pytest.fixture(scope="module")
def written(results):
    done = run_command("report", "a", "b", "--output", "out", cwd=results)
    return done, results / "out"


def test_table(written):
    done, folder = written
    assert done.returncode == 0
    titles, *lines = table_of(folder)
    assert titles[0] == "experiment"
    names = ("corruption", "seed", "epochs")
    first = titles.index("corruption")
    assert tuple(titles[first : first + 3]) == names
    found = {(line[0], line[first + 1]): line[first:] for line in lines if line[first + 2] != "3"}
    assert list(found) == [("cifar10_random_labels", "0")]
    assert found["cifar10_random_labels", "0"][2] == "1 of 7"
    found = {(line[0], line[first + 1]): line[first:] for line in lines if line[first + 2] == "3"}
    plain = "svhn_random_labels"
    assert titles[-6:] == [
        *(f"{name} error, true labels (%)" for name in ERRORS),
        "memorised bits",
        "memorised bits per binary weight",
        "wall time (s)",
    ]
    not_measured = " | " * 6
    expected = {
        ("cifar10_random_labels", "0"): (
            "0.25 | 0 | 3 | 1 | 2 | 3 | 0.50 | 45.00 | 50.00 | 49.50"
            " | 35.00 | 40.00 | 41.50 | 1234 | 0.0222 | 4.5"
        ),
        (plain, "0"): "1 | 0 | 3 | 1 | 2 | 3 | 1.00 | 88.00 | 92.00 | 91.00" + not_measured + "4.5",
        (plain, "1"): "1 | 1 | 3 | 2 | 3 | never | 10.00 | 90.00 | 86.00 | 76.00"
        + not_measured
        + "7.5",
        (plain, "mean of 2"): (
            "1 | mean of 2 | 3 | 1.5 | 2.5 | 1 of 2 reached | 5.50 | 89.00 | 89.00 | 83.50"
            + not_measured
            + "6.0"
        ),
        (plain, "standard deviation"): (
            "1 | standard deviation | 3 | 0.7 | 0.7 |  | 6.36 | 1.41 | 4.24 | 10.61"
            + not_measured
            + "2.1"
        ),
        # With one degree of freedom the quantile is tan(0.475 pi) = 12.706.
        (plain, "95% interval from"): (
            "1 | 95% interval from | 3 | -4.9 | -3.9 |  | -51.68 | 76.29 | 50.88 | -11.80"
            + not_measured
            + "-13.1"
        ),
        (plain, "95% interval to"): (
            "1 | 95% interval to | 3 | 7.9 | 8.9 |  | 62.68 | 101.71 | 127.12 | 178.80"
            + not_measured
            + "25.1"
        ),
        (plain, "median"): "1 | median | 3 | 1 | 2 | 3 |  |  |  | " + not_measured,
    }
    assert {key: " | ".join(line) for key, line in found.items()} == expected


def test_markdown_holds_the_same_table(written):
    done, folder = written
    text = (folder / "report.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip().strip("*") for cell in line[1:-1].split("|")] for line in lines]
    assert len({len(line) for line in lines}) == 1
    assert [cells[0], *cells[2:]] == table_of(folder)
    assert text.partition("\n\n")[0] in done.stdout


def test_a_run_that_goes_on_is_reported_and_named(written):
    done, _ = written
    assert re.fullmatch(r"b/cifar10_random_labels: not finished, 1 of 7 epochs done\n", done.stderr)


def test_what_cannot_be_read_is_named_and_left_out(results, tmp_path):
    copy = shutil.copytree(results, tmp_path / "results")
    (copy / "a" / "cifar10_random_labels" / "metrics.csv").unlink()
    (copy / "b" / "cifar10_random_labels" / "run.json").write_text('{"experiment": "x"}')
    (copy / "notes.txt").write_text("mine")
    done = run_command("report", *sorted(copy.iterdir()), "--output", "out", cwd=tmp_path)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 3
    for name in ("metrics.csv", "run.json", "notes.txt"):
        assert re.search(rf"^\S*{re.escape(name)}: .*; left out$", done.stderr, re.MULTILINE)
    assert {line[0] for line in table_of(tmp_path / "out")[1:]} == {"svhn_random_labels"}


def test_nothing_to_report(tmp_path):
    (tmp_path / "empty").mkdir()
    done = run_command("report", "empty", "--output", "out", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(
        "python -m memorization report: error: no run to report"
    )
    assert not (tmp_path / "out").exists()
