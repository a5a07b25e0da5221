"""A task of a sweep's job array: `python -m memorization.sweep.task PLAN NUMBER` runs one cell.

The process becomes the script's own, so that whoever signals it signals what trains.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from foundations import files, reading
from memorization import command_line
from memorization.run.record import RUN_FILE
from memorization.sweep.cells import Cell

# How a script ends that was told to by SIGUSR1 and has saved its state.
STOPPED = 128 + signal.SIGUSR1

_KINDS = {"script": str, "arguments": list, "folder": str, "log": str}


def write_plan(path: Path, cells: Sequence[Cell]) -> None:
    """Write what the tasks of an array are to run, in their order."""
    tasks = [
        {
            "script": str(cell.script),
            "arguments": list(cell.arguments),
            "folder": str(cell.folder),
            "log": str(cell.log),
        }
        for cell in cells
    ]
    files.save_json(path, tasks)


def read_task(path: Path, number: int) -> dict[str, Any]:
    """The task `number` that `write_plan` wrote. Raises UserError where there is none."""
    with reading.file_errors(path, "no readable plan of a job array"):
        planned = reading.load_json(path)[number]
        reading.check_fields(planned, _KINDS)
    return planned


def main() -> None:
    planned = read_task(Path(sys.argv[1]), int(sys.argv[2]))
    folder, log = Path(planned["folder"]), Path(planned["log"])
    going_on = ["--resume"] if (folder / RUN_FILE).exists() else []
    log.parent.mkdir(parents=True, exist_ok=True)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for stream in (1, 2):
        os.dup2(output, stream)
    words = [sys.executable, planned["script"], *planned["arguments"], *going_on]
    os.execv(sys.executable, words)


if __name__ == "__main__":
    command_line.run_command(main, "python -m memorization.sweep.task")
