"""What a process of a sweep runs: a cell, or with --together the seeds of one side by side."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence

from foundations import files
from foundations.errors import UserError
from foundations.reading import printable
from memorization import replicas
from memorization.command_line import MOST_OF_A_LINE
from memorization.replicas.allowed import check_options
from memorization.sweep.cells import Cell, load_main

# What runs that train side by side may differ in.
_OWN = {"seed", "label_seed", "name", "command", "resume"}


def grouped(cells: Sequence[Cell], together: bool) -> list[tuple[Cell, ...]]:
    """The cells of each process: one, or if `together` all that differ in their seeds alone.

    Those that cannot train side by side train alone, and the standard error tells why.
    """
    if not together:
        return [(cell,) for cell in cells]
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        alike = {n: v for n, v in vars(cell.options).items() if n not in _OWN}
        groups.setdefault((str(cell.script), repr(alike)), []).append(cell)
    found: list[tuple[Cell, ...]] = []
    alone: dict[str, int] = {}
    for group in groups.values():
        size = replicas.MOST_SEEDS
        try:
            check_options(group[0].options)
        except UserError as error:
            alone[str(error)] = alone.get(str(error), 0) + len(group)
            size = 1
        found += [tuple(group[first : first + size]) for first in range(0, len(group), size)]
    for why, count in alone.items():
        print(f"{count} cells train one by one: {why}", file=sys.stderr)
    return found


def run(cells: Sequence[Cell]) -> str | None:
    """Train `cells` in this process; the line of what the user must put right, or None.

    What several of them print goes to the log of the first.
    """
    first, *others = cells
    main = load_main(first.script)
    first.folder.parent.mkdir(parents=True, exist_ok=True)
    for cell in others:
        with open(cell.log, "a", encoding="utf-8") as log:
            print(f"trained beside {first.name}: see {first.log}", file=log)
    arguments = [[*cell.arguments, *cell.continuation()] for cell in cells]
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(open(first.log, "a", encoding="utf-8"))
        stack.enter_context(contextlib.redirect_stdout(log))
        stack.enter_context(contextlib.redirect_stderr(log))
        try:
            if others:
                replicas.train(main, arguments)
            else:
                main(arguments[0])
        except files.InUseError:
            # The process of a machine that was lost may take a moment to end: tried again.
            raise
        except UserError as error:
            print(printable(error, MOST_OF_A_LINE))
            return printable(error, MOST_OF_A_LINE)
    return None
