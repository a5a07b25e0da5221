"""A sweep as a job array on a real Slurm of one node: tasks run, are told to stop, come back."""

from __future__ import annotations

import csv
import re

import pytest
from support import slurm as slurm_of_one_node
from support.project import check_one_line, run_command, run_script
from support.runs import assert_same_run, finished_epochs, run_in

from memorization.run import state

SCRIPT = "svhn_stochastic_sigmoid_random_labels"
TINY = ("--synthetic", "--width", "0.0625", "--train-size", "60", "--corruption", "0.5")
# More than a computer does while a task is waited for.
EPOCHS = "40"

needs_slurm = pytest.mark.skipif(
    bool(slurm_of_one_node.missing()),
    reason="Slurm is not installed (Debian's slurm-wlm and munge)",
)


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    with slurm_of_one_node.cluster(tmp_path_factory.mktemp("slurm")) as started:
        yield started


def sweep(slurm, folder, *words):
    return run_command("sweep", *words, cwd=folder, **slurm.environment)


def restarts(slurm, task):
    return int(re.search(r"Restarts=(\d+)", slurm.ask("scontrol", "show", "job", task))[1])


def submitted(done):
    """The number of the job that a sweep has submitted."""
    assert done.returncode == 0, done.stderr
    return re.search(r"^submitted: \d+ cells as job (\d+);", done.stdout, re.MULTILINE)[1]


@pytest.mark.exhaustive
@needs_slurm
@pytest.mark.slow
def test_a_task_that_is_requeued_ends_with_the_bits_of_one_that_is_not(tmp_path, slurm):
    words = ("--slurm", "--vary", "seed=0,1", "--", f"{SCRIPT}.py", *TINY, "--epochs", EPOCHS)
    job = submitted(sweep(slurm, tmp_path, *words))
    folder = tmp_path / "results" / "sweep" / SCRIPT
    slurm.until(lambda: finished_epochs(folder / "seed-0") >= 2, "two epochs")
    slurm.ask("scontrol", "requeue", f"{job}_0")
    again = sweep(slurm, tmp_path, *words)
    assert again.stdout.startswith("finished before: 0 of 2\nqueued or running: 2\nerrors after")

    slurm.until(lambda: set(slurm.tasks().values()) == {"COMPLETED"}, "both tasks")
    assert restarts(slurm, f"{job}_0") == 1
    done = sweep(slurm, tmp_path, *words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("finished before: 2 of 2\n")
    report = tmp_path / "results" / "sweep" / "report" / "report.csv"
    with open(report, encoding="utf-8", newline="") as stream:
        assert {"0", "1"} <= {line["seed"] for line in csv.DictReader(stream)}

    undisturbed = tmp_path / "undisturbed"
    undisturbed.mkdir()
    done = run_script(
        f"{SCRIPT}.py", *TINY, "--epochs", EPOCHS, cwd=undisturbed, OMP_NUM_THREADS="1"
    )
    assert done.returncode == 0, done.stderr
    assert_same_run(folder / "seed-0", run_in(undisturbed))


@needs_slurm
@pytest.mark.exhaustive
def test_a_task_whose_time_is_up_saves_and_comes_back_and_scancel_leaves_whole_files(
    tmp_path, slurm
):
    endless = (f"{SCRIPT}.py", *TINY, "--epochs", "1000000")
    words = ("--vary", "seed=7", "--slurm", "time=2", "--", *endless)
    job = submitted(sweep(slurm, tmp_path, *words))
    run = tmp_path / "results" / "sweep" / SCRIPT / "seed-7"
    slurm.until(lambda: restarts(slurm, f"{job}_0") == 1, "USR1 and what it leads to")
    log = run.with_name("seed-7.log").read_text()
    assert "stopped after" in log
    saved = len(state.read_progress(run / "state.npz").history)
    slurm.until(lambda: finished_epochs(run) > saved + 1, "more epochs")

    slurm.ask("scancel", f"{job}_0")
    slurm.until(lambda: slurm.tasks()[f"{job}_0"] == "CANCELLED", "the end of the task")
    history = state.read_progress(run / "state.npz").history
    assert len(history) == finished_epochs(run) > saved + 1
    assert not list(run.glob(".*"))
    # And the same command would go on with it.
    assert submitted(sweep(slurm, tmp_path, *words)) != job


@pytest.mark.exhaustive
@needs_slurm
@pytest.mark.slow
def test_what_slurm_refuses_is_a_line(tmp_path, slurm):
    words = ("--vary", "seed=1", "--slurm", "partition=none", "--", f"{SCRIPT}.py", *TINY)
    check_one_line(sweep(slurm, tmp_path, *words), "sbatch: error", "invalid partition")
    check_one_line(
        sweep(slurm, tmp_path, "--slurm", "4 hours", "--", f"{SCRIPT}.py"),
        "--slurm '4 hours' is no option of sbatch",
    )


@pytest.mark.slow
def test_without_slurm_a_line_says_so(tmp_path):
    done = run_command("sweep", "--slurm", "--", SCRIPT, *TINY, cwd=tmp_path, PATH="/nowhere")
    check_one_line(done, "sbatch: not found; --slurm is for a machine that submits jobs to Slurm")
