"""Runs a sweep's cells on Slurm: a job array, a task for each cell."""

from __future__ import annotations

import math
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from foundations import files, reading
from foundations.errors import UserError
from foundations.reading import MOST_OF_A_PATH, printable
from memorization.sweep import task
from memorization.sweep.cells import PROJECT, Cell
from memorization.sweep.request import Request

FOLDER = "slurm"
JOBS_FILE = "jobs.json"
# Seconds before its end at which a task is told, so that it saves and goes back into the queue.
SECONDS_BEFORE = 60

_JOB = """#!/bin/bash
# A task of a sweep's job array: the cell of its number in the file of cells {plan}.
export OMP_NUM_THREADS="${{SLURM_CPUS_PER_TASK:-1}}"
export PYTHONPATH={project}${{PYTHONPATH:+:$PYTHONPATH}}
{python} -m memorization.sweep.task {plan} "$SLURM_ARRAY_TASK_ID" &
trainer=$!
woken=
trap 'woken=yes; kill -USR1 "$trainer"' USR1
trap 'woken=yes; kill -TERM "$trainer"' TERM
wait "$trainer"
code=$?
# A signal ends the waiting, not what is waited for.
while [ -n "$woken" ]; do
    woken=
    wait "$trainer"
    code=$?
done
# Told that its time is up, it has saved its state: it goes on in its next turn.
if [ "$code" -eq {stopped} ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
"""


def submit(wanted: Sequence[Cell], request: Request) -> None:
    """Submit those of `wanted` that are neither queued nor running as a job array, and tell of it.

    Raises UserError where Slurm is not to be had here, or refuses.
    """
    folder = request.results_dir.resolve() / FOLDER
    busy = _busy(folder)
    if busy:
        print(f"queued or running: {len(busy)}", flush=True)
    cells = [cell for cell in wanted if cell.name not in busy]
    if not cells:
        return
    folder.mkdir(parents=True, exist_ok=True)
    jobs = _jobs(folder)
    plan = folder / f"cells-{len(jobs)}.json"
    task.write_plan(plan, cells)
    script = folder / f"job-{len(jobs)}.sh"
    with files.replacing(script, "w") as stream:
        stream.write(
            _JOB.format(
                python=shlex.quote(sys.executable),
                project=shlex.quote(str(PROJECT)),
                plan=shlex.quote(str(plan)),
                stopped=task.STOPPED,
            )
        )
    number = _ask("sbatch", "--parsable", *_options(cells, request, folder), str(script))
    number = number.strip().partition(";")[0]
    jobs[number] = [cell.name for cell in cells]
    files.save_json(folder / JOBS_FILE, jobs)
    print(f"submitted: {len(cells)} cells as job {number}; its tasks' own output: {folder}")


def _options(cells: Sequence[Cell], request: Request, folder: Path) -> list[str]:
    gpus = math.ceil(request.gpus(cells))
    return [
        f"--array=0-{len(cells) - 1}",
        *("--job-name=sweep", "--requeue", "--open-mode=append"),
        f"--signal=B:USR1@{SECONDS_BEFORE}",
        f"--cpus-per-task={request.cpus_per_run}",
        *([f"--gres=gpu:{gpus}"] if gpus else []),
        f"--output={folder}/%A_%a.out",
        # Last, so that they win.
        *(f"--{word.removeprefix('--')}" for word in request.slurm or ()),
    ]


def _jobs(folder: Path) -> dict[str, list[str]]:
    """The names of the cells of each job of the sweep, in the order of their tasks."""
    path = folder / JOBS_FILE
    if not path.exists():
        return {}
    with reading.file_errors(path, "no readable record of a sweep's jobs"):
        jobs = reading.load_json(path)
        reading.check_fields(jobs, dict.fromkeys(jobs, list))
        if not all(isinstance(name, str) for names in jobs.values() for name in names):
            raise ValueError("cells are not named")
    return jobs


def _busy(folder: Path) -> set[str]:
    """The names of the cells whose tasks are in Slurm's queue, waiting or running."""
    jobs = _jobs(folder)
    if not jobs:
        return set()
    found = set()
    for line in _ask("squeue", "--noheader", "--array", "--me", "--format=%i").splitlines():
        job, _, number = line.strip().partition("_")
        if job in jobs and number.isdigit() and int(number) < len(jobs[job]):
            found.add(jobs[job][int(number)])
    return found


def _ask(*words: str) -> str:
    try:
        done = subprocess.run(words, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise UserError(
            f"{words[0]}: not found; --slurm is for a machine that submits jobs to Slurm"
        ) from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise UserError(f"{words[0]}: {printable(lines[0], MOST_OF_A_PATH)}")
    return done.stdout
