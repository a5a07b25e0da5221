"""What a sweep is asked for: its own options, and after `--` the scripts and what they have."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from foundations.errors import UserError
from foundations.reading import printable
from memorization import command_line
from memorization.sweep import grid
from memorization.sweep.cells import Cell, planned, script_of


@dataclass(frozen=True)
class Request:
    """A sweep as it was asked for; `extra` are the options that all its cells have."""

    scripts: tuple[Path, ...]
    grids: tuple[grid.Axes, ...]
    extra: tuple[str, ...]
    results_dir: Path
    dry_run: bool
    address: str
    cpus_per_run: int
    gpus_per_run: float | None
    retries: int
    # What sbatch is given besides; None where Slurm is not asked for.
    slurm: tuple[str, ...] | None
    # Whether the seeds of a cell train side by side in one process.
    together: bool
    # Where cells are kept for other machines; None for nowhere.
    kept: Path | None

    def cells(self) -> list[Cell]:
        """All runs of the sweep; see `cells.planned` for what it raises."""
        return planned(self.scripts, self.grids, self.extra, self.results_dir.resolve())

    def gpus(self, wanted: Sequence[Cell]) -> float:
        """The share of a GPU for each run: a whole one with --device cuda unless told."""
        if self.gpus_per_run is not None:
            return self.gpus_per_run
        return float(any(cell.options.device == "cuda" for cell in wanted))


def _parser(documentation: str | None) -> command_line.ArgumentParser:
    parser = command_line.ArgumentParser("python -m memorization sweep", documentation)
    add = parser.add_argument
    add(
        "--vary",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=VALUE,...",
        help="options of the scripts and the values that they are to have",
    )
    add(
        "--cells",
        type=Path,
        metavar="FILE",
        help="a file whose lines are as what follows --vary: each a grid, crossed with --vary",
    )
    add(
        "--experiments",
        nargs="+",
        default=[],
        metavar="SCRIPT",
        help="the scripts, where they do not stand after --: names of the project's, or paths",
    )
    add("--results-dir", type=Path, default=Path("results/sweep"), metavar="DIR")
    add(
        "--kept",
        type=Path,
        metavar="DIR",
        help="keep record and metrics of each cell, and count as finished what is kept there",
    )
    add(
        "--together",
        action="store_true",
        help="train the seeds of a perceptron side by side in one process, as replicas does",
    )
    add(
        "--dry-run",
        action="store_true",
        help="list the cells and estimate the time; nothing is run or written",
    )
    add("--address", default="local", help="a Ray cluster's address (default: this machine)")
    add("--cpus-per-run", type=command_line.positive_int, default=1, metavar="N")
    add(
        "--gpus-per-run",
        type=command_line.fraction,
        metavar="F",
        help="share of a GPU (default: 1 with --device cuda, otherwise 0)",
    )
    add(
        "--retries",
        type=command_line.whole_number,
        default=2,
        metavar="N",
        help="how often a cell that fails is tried again (default: 2)",
    )
    add(
        "--slurm",
        nargs="*",
        metavar="OPTION=VALUE",
        help="submit the cells as a job array, with options of sbatch such as time=4:00:00",
    )
    return parser


def parse(argv: Sequence[str], documentation: str | None) -> Request:
    """What `argv` asks for; ends with a line and exit code 2 where it cannot be had."""
    parser = _parser(documentation)
    own, after = list(argv), []
    if "--" in own:
        own, after = own[: own.index("--")], own[own.index("--") + 1 :]
    elif "--experiments" not in own and (
        script := next((word for word in own if word.endswith(".py")), None)
    ):
        parser.error(f"{printable(script)}: the script and its options stand last, after --")
    chosen = vars(parser.parse_args(own))
    named = chosen.pop("experiments")
    while after and not after[0].startswith("-"):
        named.append(after.pop(0))
    varied, listed = chosen.pop("vary"), chosen.pop("cells")
    try:
        scripts = tuple(map(script_of, named))
        grids = _grids(varied, listed)
        chosen["slurm"] = _sbatch_options(chosen["slurm"])
    except UserError as error:
        parser.error(str(error))
    if chosen["together"] and chosen["slurm"] is not None:
        parser.error("--together: a job array has a task for each cell; leave out either")
    if not scripts:
        parser.error("no script; give one after --, by path or by the name of one of the project's")
    both = {name for axes in grids for name in axes} | set(grid.OWN_OPTIONS)
    for word in after:
        name = word.partition("=")[0].removeprefix("--")
        if word.startswith("--") and name in both:
            whose = "the sweep's own to give" if name in grid.OWN_OPTIONS else "varied"
            parser.error(f"--{name} is {whose}; leave it out after --")
    return Request(scripts, grids, tuple(after), **chosen)


def _sbatch_options(words: Sequence[str] | None) -> tuple[str, ...] | None:
    if words is None:
        return None
    for word in words:
        if not re.fullmatch(r"(--)?[a-z][a-z-]*(=.*)?", word):
            raise UserError(f"--slurm {printable(word)!r} is no option of sbatch (as in time=4:00)")
    return tuple(words)


def _grids(varied: Sequence[str], listed: Path | None) -> tuple[grid.Axes, ...]:
    crossed = grid.axes_of(varied)
    if listed is None:
        return (crossed,)
    grids = []
    for axes in grid.read_axes(listed):
        if twice := sorted(axes.keys() & crossed.keys()):
            raise UserError(f"{twice[0]} is varied by --vary and in {listed}; leave out either")
        grids.append({**axes, **crossed})
    return tuple(grids)
