"""How long a sweep will take, from the speed of its networks on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from foundations.errors import UserError
from foundations.reading import printable
from memorization.command_line import MOST_OF_A_LINE
from memorization.rehearsal import Speed, speed_of
from memorization.run.layout import duration
from memorization.sweep.cells import PROJECT, Cell, load_main
from memorization.sweep.request import Request

# What a step's time does not depend on.
_SAME_SPEED = {
    *("seed", "label_seed", "epochs", "train_size", "corruption", "lr_start", "lr_fin"),
    *("results_dir", "name", "save_every", "quiet", "command"),
}


def tell(every: Sequence[Cell], wanted: Sequence[Cell], request: Request) -> None:
    """Print the cells `every`, of which `wanted` are not finished, and how long these will take.

    Raises UserError where a run cannot begin.
    """
    for cell in every:
        print(cell.name + ("" if cell in wanted else " (finished)"))
    print(f"{len(every)} cells, {len(every) - len(wanted)} of them finished", flush=True)
    if not wanted:
        return
    kinds = _kinds(wanted)
    print(f"timing {len(kinds)} networks, some seconds each ...", flush=True)
    total = 0.0
    for cells in kinds:
        speed = _measured(cells, request.cpus_per_run)
        total += sum(_seconds(cell, speed) for cell in cells)
    at_once = max(1, (os.cpu_count() or 1) // request.cpus_per_run)
    at_once = min(at_once, len(wanted))
    print(
        f"about {_rounded(total)} of training and testing one after another on this machine; "
        f"{at_once} at a time, about {_rounded(total / at_once)} (compiling, figures and --measure "
        "come on top)"
    )


def _rounded(seconds: float) -> str:
    # Parts of a second are more than an estimate knows.
    return duration(max(1.0, round(seconds)))


def _kinds(wanted: Sequence[Cell]) -> list[list[Cell]]:
    """`wanted` by what decides their speed; first in each the one that trains on the most."""
    kinds: dict[tuple, list[Cell]] = {}
    for cell in wanted:
        own = {n: v for n, v in vars(cell.options).items() if n not in _SAME_SPEED}
        kinds.setdefault((cell.script, repr(own)), []).append(cell)
    return [sorted(cells, key=_train_size, reverse=True) for cells in kinds.values()]


def _train_size(cell: Cell) -> float:
    size = cell.options.train_size
    return float("inf") if size is None else size


def _seconds(cell: Cell, speed: Speed) -> float:
    run = cell.measured()
    left = cell.options.epochs - (run.epochs if run else 0)
    return speed.seconds(left, cell.options.train_size)


def _measured(cells: Sequence[Cell], threads: int) -> Speed:
    """The speed of the first of `cells`, in a process that has `threads` as the run will have."""
    with tempfile.TemporaryDirectory(prefix="sweep-") as folder:
        asked = {"script": str(cells[0].script), "arguments": cells[0].arguments, "folder": folder}
        program = "import sys; from memorization.sweep.estimate import answer; answer(sys.argv[1])"
        done = subprocess.run(
            [sys.executable, "-c", program, json.dumps(asked)],
            env={**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": _python_path()},
            capture_output=True,
            text=True,
        )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it ended without a word"]
        raise UserError(f"{cells[0].name}: {printable(lines[-1], MOST_OF_A_LINE)}")
    return Speed(**json.loads(done.stdout.splitlines()[-1]))


def _python_path() -> str:
    return os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")]))


def answer(asked: str) -> None:
    """Print as JSON the speed of the script that the JSON `asked` names, written nowhere."""
    words = json.loads(asked)
    main = load_main(Path(words["script"]))
    arguments = [*words["arguments"], "--results-dir", words["folder"]]
    try:
        speed = speed_of(main, arguments)
    except UserError as error:
        sys.exit(printable(error, MOST_OF_A_LINE))
    print(json.dumps(vars(speed)))
