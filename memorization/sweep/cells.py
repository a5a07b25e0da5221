"""The cells of a sweep: which script with which options, where its run lies, how far it is."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from foundations import reading
from foundations.errors import UserError
from foundations.reading import printable
from memorization import rehearsal
from memorization.options import Options
from memorization.report.runs import MeasuredRun, read_run
from memorization.run.folder import LAST_FILE
from memorization.run.record import RUN_FILE
from memorization.sweep import grid

PROJECT = Path(__file__).resolve().parent.parent.parent


# Compared by identity: options may hold lists.
@dataclass(frozen=True, eq=False)
class Cell:
    """One run of the sweep: its script, the words that it is given, its folder, its options.

    `settings` are what of its options is varied.
    """

    script: Path
    arguments: tuple[str, ...]
    folder: Path
    settings: tuple[grid.Setting, ...]
    options: Options

    @property
    def name(self) -> str:
        """What the cell is called on the terminal."""
        return f"{self.script.stem}/{self.folder.name}"

    @property
    def log(self) -> Path:
        """Where its script's output goes."""
        return self.folder.with_name(f"{self.folder.name}.log")

    def measured(self) -> MeasuredRun | None:
        """Its run as far as it has come; None before its first epoch has ended."""
        try:
            return read_run(self.folder)
        except UserError:
            return None

    def finished(self) -> bool:
        """Whether the run has done all of its epochs, and drawn the figures that it is to have."""
        if not (self.options.no_figures or (self.folder / LAST_FILE).exists()):
            return False
        run = self.measured()
        return run is not None and run.finished

    def continuation(self) -> list[str]:
        """What the script needs to be told about a run that was begun before."""
        return ["--resume"] if (self.folder / RUN_FILE).exists() else []


def experiments() -> list[str]:
    """The names of all training scripts of the project."""
    found = {path.stem for kind in ("cifar10", "svhn") for path in PROJECT.glob(f"{kind}_*.py")}
    return sorted(found - {"svhn_evaluation_random_labels"})


def script_of(text: str) -> Path:
    """The script that `text` names: a path, or the name of one of the project's.

    Raises UserError where there is none.
    """
    path = Path(text)
    if text in experiments():
        return PROJECT / f"{text}.py"
    if path.suffix == ".py" and not path.exists() and path.stem in experiments():
        path = PROJECT / path.name
    if path.suffix != ".py" or not path.is_file():
        raise UserError(
            f"{printable(text)!r} is no script; give the path of one, or of the project's own: "
            + ", ".join(experiments())
        )
    return path.resolve()


@cache
def load_main(script: Path) -> Callable[[Sequence[str]], Any]:
    """The function `main(argv)` of `script`. Raises UserError where it cannot be had."""
    name = f"script_{script.stem}"
    spec = importlib.util.spec_from_file_location(name, script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    # As Python finds what lies beside a script that is started.
    sys.path.insert(0, str(script.parent))
    try:
        with reading.file_errors(script, "cannot be imported"):
            spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(script.parent))
    main = getattr(module, "main", None)
    if not callable(main):
        raise UserError(f"{script}: it has no main(argv)")
    return main


def planned(
    scripts: Sequence[Path],
    grids: Iterable[grid.Axes],
    extra: Sequence[str],
    results: Path,
) -> list[Cell]:
    """All cells: each script with each combination of each grid, and the words `extra` besides.

    Each is asked for its options, so that what is wrong with any is told before one starts. Raises
    UserError for too many cells or two scripts of one name, SystemExit after a script's own line.
    """
    if len({script.stem for script in scripts}) < len(set(scripts)):
        raise UserError("two scripts have one name, and would share their folders; rename either")
    combinations: dict[tuple[grid.Setting, ...], None] = {}
    for axes in grids:
        for settings in grid.combinations(axes):
            combinations[settings] = None
            if len(combinations) * len(scripts) > grid.MOST_CELLS:
                raise UserError(f"more than {grid.MOST_CELLS} cells; vary less")
    return [
        _cell(script, settings, extra, results)
        for settings in combinations
        for script in dict.fromkeys(scripts)
    ]


def _cell(
    script: Path, settings: tuple[grid.Setting, ...], extra: Sequence[str], results: Path
) -> Cell:
    given = [*extra, *grid.arguments(settings), "--results-dir", str(results)]
    main = load_main(script)
    try:
        options = rehearsal.options_of(main, given)
    except UserError as error:
        raise UserError(f"{script.name}: {error}") from error
    # What is not varied has the seed alone to be called by.
    name = grid.folder_name(settings or (("seed", str(options.seed)),))
    return Cell(script, (*given, "--name", name), results / script.stem / name, settings, options)
