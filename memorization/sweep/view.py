"""What a sweep shows while it runs, and the table of its cells at the end."""

from __future__ import annotations

import math
import shutil
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from foundations.reading import printable
from memorization.command_line import MOST_OF_A_LINE
from memorization.report.runs import MeasuredRun
from memorization.run.folder import METRICS_FILE
from memorization.run.layout import UNKNOWN, duration, percent
from memorization.sweep import kept
from memorization.sweep.cells import Cell
from training_loop import metrics

SECONDS_BETWEEN_DRAWINGS = 1.0
# Up to the line above the block, and away with all that is below it.
_ERASE = "\x1b[{}F\x1b[J"


class View:
    """Tells of the cells `wanted`: on a terminal a block of lines drawn anew, elsewhere a line for
    each cell that is done. What fails goes to stderr."""

    def __init__(self, wanted: Sequence[Cell]):
        self._waiting = {cell: _changed(cell.log) for cell in wanted}
        self._seen: dict[Cell, tuple[int, MeasuredRun | None]] = {}
        self._done: list[MeasuredRun] = []
        self._count = len(wanted)
        self._failed = 0
        self._live = sys.stdout.isatty()
        self._lines = 0
        self._drawn = -math.inf

    def ended(self, cell: Cell, problem: str | None) -> None:
        """`cell` is done, or has failed for `problem`."""
        del self._waiting[cell]
        self._erase()
        if problem is not None:
            self._failed += 1
            line = f"{cell.name}: {problem} (see {cell.log})"
            print(printable(line, MOST_OF_A_LINE), file=sys.stderr, flush=True)
        else:
            if (run := cell.measured()) is not None:
                self._done.append(run)
            if not self._live:
                print(f"{cell.name}: done, {len(self._waiting)} to go", flush=True)
        self._drawn = -math.inf

    def look(self) -> None:
        """Draw the block anew where it is time to."""
        now = time.monotonic()
        if not self._live or now - self._drawn < SECONDS_BETWEEN_DRAWINGS:
            return
        self._drawn = now
        size = shutil.get_terminal_size()
        lines = self._block(size.columns - 1, max(1, size.lines - 3))
        self._erase()
        print("\n".join(lines), flush=True)
        self._lines = len(lines)

    def close(self) -> None:
        """Take the block away."""
        self._erase()

    def _erase(self) -> None:
        if self._lines:
            print(_ERASE.format(self._lines), end="", flush=True)
            self._lines = 0

    def _block(self, width: int, most: int) -> list[str]:
        running = [cell for cell, before in self._waiting.items() if _changed(cell.log) != before]
        runs = {cell: self._run(cell) for cell in running}
        to_come = [cell for cell in self._waiting if cell not in runs]
        failed = f", {self._failed} failed" if self._failed else ""
        total = (
            f"{self._count - len(self._waiting) - self._failed} of {self._count} done{failed}, "
            f"{len(running)} running, {len(to_come)} to come"
        )
        left = _seconds_left_of_all(runs, to_come, self._done)
        lines = [total if math.isnan(left) else f"{total}; about {duration(left)} left"]
        several = len({cell.script for cell in self._waiting}) > 1
        states = [
            (cell.name if several else cell.folder.name, _state(cell, run))
            for cell, run in runs.items()
        ]
        shown = states if len(states) <= most else states[: most - 1]
        lines += [_line(name, state, width) for name, state in shown]
        if len(shown) < len(states):
            lines.append(f"  and {len(states) - len(shown)} more")
        return [line[:width] for line in lines]

    def _run(self, cell: Cell) -> MeasuredRun | None:
        # Its metrics are read again where they are others than before.
        changed = _changed(cell.folder / METRICS_FILE)
        if cell not in self._seen or self._seen[cell][0] != changed:
            self._seen[cell] = changed, cell.measured()
        return self._seen[cell][1]


def _changed(path: Path) -> int:
    """When `path` was last written; -1 where it is not there."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return -1


def _seconds_an_epoch(run: MeasuredRun) -> float:
    return statistics.fmean(row.get(metrics.SECONDS, math.nan) for row in run.rows)


def _seconds_left(cell: Cell, run: MeasuredRun | None) -> float:
    if run is None:
        return math.nan
    return _seconds_an_epoch(run) * max(0, cell.options.epochs - run.epochs)


def _seconds_left_of_all(
    running: dict[Cell, MeasuredRun | None], to_come: Sequence[Cell], done: Sequence[MeasuredRun]
) -> float:
    """As many at a time as are running; an epoch of what is to come takes the others' mean."""
    measured = [*done, *(run for run in running.values() if run is not None)]
    known = [s for s in map(_seconds_an_epoch, measured) if not math.isnan(s)]
    if not known or not running:
        return math.nan
    an_epoch = statistics.fmean(known)
    seconds = [an_epoch * cell.options.epochs for cell in to_come]
    for cell, run in running.items():
        left = _seconds_left(cell, run)
        seconds.append(an_epoch * cell.options.epochs if math.isnan(left) else left)
    # Not before the longest of them has ended.
    return max(math.fsum(seconds) / len(running), *seconds)


def _state(cell: Cell, run: MeasuredRun | None) -> str:
    if run is None:
        return f"epoch 1 of {cell.options.epochs}"
    if run.finished:
        return "drawing its figures"
    error = percent(run.last(metrics.error("training")))
    left = duration(_seconds_left(cell, run))
    done = f"epoch {run.epochs + 1} of {cell.options.epochs}"
    return f"{done}  error {error}  {left} left"


def _line(name: str, state: str, width: int) -> str:
    """`name` and `state` side by side; of a name that is too long the end says more."""
    room = max(8, width - len(state) - 4)
    shown = name if len(name) <= room else f"...{name[3 - room :]}"
    return f"  {shown:<{min(room, 40)}}  {state}"


def table(cells: Sequence[Cell], place: Path | None) -> str:
    """A line for each of `cells`: what is varied, errors after the last epoch, wall time.

    Those that are not here are read from `place`, where they may be kept.
    """
    names = list(dict.fromkeys(name for cell in cells for name, _ in cell.settings))
    several = len({cell.script for cell in cells}) > 1
    titles = [*(["script"] if several else []), *names]
    of_numbers = ["epochs", "training", "validation", "test", "time"]
    lines = [[*titles, *of_numbers]]
    for cell in cells:
        varied = dict(cell.settings)
        head = [cell.script.stem] if several else []
        head += [varied.get(name, UNKNOWN) for name in names]
        lines.append([*head, *_results(cell, place)])
    widths = [max(map(len, column)) for column in zip(*lines)]
    left = len(titles)
    body = "\n".join(
        "  ".join(
            text.ljust(width) if number < left else text.rjust(width)
            for number, (text, width) in enumerate(zip(line, widths))
        ).rstrip()
        for line in lines
    )
    return f"errors after the last epoch, and the time that training and testing took\n{body}"


def _results(cell: Cell, place: Path | None) -> list[str]:
    run = cell.measured() or (None if place is None else kept.measured(cell, place))
    if run is None:
        return [f"0 of {cell.options.epochs}", *[UNKNOWN] * 4]
    wanted = cell.options.epochs
    done = str(run.epochs) if run.finished else f"{run.epochs} of {wanted}"
    errors = [percent(run.last(metrics.error(name))) for name in metrics.SETS]
    return [done, *errors, duration(run.seconds)]
