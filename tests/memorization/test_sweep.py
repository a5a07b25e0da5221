"""A grid of runs on a real local Ray: killed half way, finished, reported."""

from __future__ import annotations

import csv
import os
import re
import signal
import socket
import subprocess
import sys

import pytest
from support.project import PROJECT, run_command

from memorization.report.runs import read_run

NAMED = "python -m memorization sweep: error: "
EXPERIMENTS = ("cifar10_random_labels", "svhn_random_labels")
GRID = ("--experiments", *EXPERIMENTS, "--seeds", "0", "1", "--corruptions", "0", "1")
TINY = ("--synthetic", "--width", "0.0625", "--epochs", "2", "--train-size", "60")


def finished(folder):
    """When each finished run was begun, by its folder: its last figure is drawn."""
    found = {}
    for sheet in folder.glob("*/*/labels.png"):
        assert read_run(sheet.parent).finished
        found[sheet.parent] = (sheet.parent / "run.json").stat().st_mtime_ns
    return found


@pytest.mark.slow
def test_a_sweep_killed_half_way_is_finished_by_the_same_command(tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed (optional extra [sweep])")
    folder = tmp_path / "results" / "sweep"
    arguments = (*GRID, "--", *TINY)
    with subprocess.Popen(
        [sys.executable, "-m", "memorization", "sweep", *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as sweep:
        assert next(sweep.stdout) == "finished before: 0 of 8\n"
        for to_go in (7, 6, 5):
            assert next(sweep.stdout).endswith(f": done, {to_go} to go\n")
        os.kill(sweep.pid, signal.SIGKILL)
    before = finished(folder)
    assert 3 <= len(before) < 8
    assert not (folder / "report").exists()

    done = run_command("sweep", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    # A cell that ran when the sweep was killed may have come to its end all the same.
    said = re.match(r"finished before: (\d) of 8\n", done.stdout)
    assert said and len(before) <= int(said[1]) < 8, done.stdout
    after = finished(folder)
    assert len(after) == 8
    assert {run: after[run] for run in before} == before
    for run in after:
        options = read_run(run).options
        assert run.name == f"corruption{options['corruption']:g}_seed{options['seed']}"
    with open(folder / "report" / "report.csv", encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    seeds = [(line["experiment"], line["corruption"], line["seed"]) for line in lines]
    assert seeds == [
        (experiment, corruption, seed)
        for experiment in EXPERIMENTS
        for corruption in ("0", "1")
        for seed in ("0", "1", "mean", "standard deviation")
    ]

    # A third time there is nothing left to do, and other options are another sweep.
    again = run_command("sweep", *arguments, cwd=tmp_path)
    assert again.stdout.startswith("finished before: 8 of 8\n| experiment ")
    # But a run is not at its end that was killed before its figures were drawn.
    (max(after) / "labels.png").unlink()
    drawn = run_command("sweep", *arguments, cwd=tmp_path)
    assert drawn.stdout.startswith("finished before: 7 of 8\n"), drawn.stderr
    assert (max(after) / "labels.png").exists()
    other = run_command("sweep", *arguments, "--batch-size", "20", cwd=tmp_path)
    assert other.returncode == 2
    assert re.fullmatch(rf"{NAMED}results/sweep holds a sweep with .*\n", other.stderr)
    assert finished(folder) == after


@pytest.mark.slow
def test_a_cell_that_cannot_run_is_named(tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed (optional extra [sweep])")
    (tmp_path / "empty").mkdir()
    arguments = ("--experiments", EXPERIMENTS[0], "--", "--data-dir", tmp_path / "empty")
    done = run_command("sweep", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    first, *_, last = done.stderr.splitlines()
    assert first.startswith(f"{EXPERIMENTS[0]}/seed0: --data-dir {tmp_path / 'empty'}: no CIFAR-10")
    assert last.startswith("python -m memorization sweep: error: no run to report")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--experiments", "cifar10"), "argument --experiments: invalid choice: 'cifar10'"),
        ((*GRID, "--", "--epoch", "2"), "unrecognized arguments: --epoch 2"),
        ((*GRID, "--", "--seed", "2"), "--seed is the sweep's own"),
        ((*GRID[:3], "--corruptions", "2"), "'2' is not a number from 0 to 1"),
    ],
)
def test_mistakes_are_named_before_anything_starts(tmp_path, arguments, named):
    done = run_command("sweep", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert named in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["127.0.0.1:{port}", "nowhere"])
def test_an_address_where_nothing_answers_is_named_at_once(tmp_path, address):
    pytest.importorskip("ray", reason="Ray is not installed (optional extra [sweep])")
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        address = address.format(port=unheard.getsockname()[1])
        chosen = ("--experiments", EXPERIMENTS[0], "--address", address, "--", *TINY)
        done = run_command("sweep", *chosen, cwd=tmp_path)
    assert done.returncode == 2
    said = rf"{NAMED}--address {address}: no Ray cluster answers there \(.*\)\n"
    assert re.fullmatch(said, done.stderr)


def test_without_ray_the_extra_is_named(tmp_path):
    program = (
        "import runpy, sys; sys.modules['ray'] = None\n"
        f"sys.argv = ['memorization', 'sweep', '--experiments', {EXPERIMENTS[0]!r}]\n"
        f"sys.path.insert(0, {str(PROJECT)!r})\n"
        f"runpy.run_module('memorization', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert re.fullmatch(rf"{NAMED}.*Ray.*EXTRAS=sweep\n", done.stderr)
