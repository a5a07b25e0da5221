"""Run folders, `<results-dir>/<experiment>/`: what may begin or go on there, and its metrics."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from foundations import files, reading
from foundations.errors import UserError
from memorization.run import state
from memorization.run.record import RUN_FILE, check_resumable, load_record
from training_loop import metrics

METRICS_FILE = "metrics.csv"
# What a run writes last of all.
LAST_FILE = "labels.png"


def save_metrics(path: Path, rows: Sequence[metrics.Row]) -> None:
    """`rows`, at least one, as the CSV file `path`."""
    with files.replacing(path, "w") as stream:
        metrics.write_csv(stream, rows)


def load_metrics(path: Path) -> list[metrics.Row]:
    """The rows that `save_metrics` wrote.

    Raises UserError where there is no such file, or it holds anything else.
    """
    told = reading.file_errors(
        path,
        "no readable metrics of a run",
        missing="no such file; has the run finished its first epoch?",
    )
    with told:
        return metrics.read_csv(io.StringIO(reading.read_text(path), newline=""))


def finished_history(
    folder: Path, record: dict[str, Any], *, resume: bool, overwrite: bool
) -> list[metrics.Row] | None:
    """The metrics of the finished run that `record` would resume in `folder`; None where none is.

    Raises UserError for a run that must not be begun, or resumed, in `folder`.
    """
    exists = (folder / RUN_FILE).exists()
    if not resume:
        if exists and not overwrite:
            raise UserError(
                f"{folder} holds a run already; give --resume to go on with it, --overwrite to "
                "start over, or another --results-dir"
            )
        return None
    if not exists:
        raise UserError(f"{folder}: no run there to resume; leave out --resume to start one")
    check_resumable(folder, load_record(folder), record)
    if not (folder / record["parameters"]).exists():
        return None
    state_file = folder / state.STATE_FILE
    rows = (
        state.read_progress(state_file).history
        if state_file.exists()
        # Of a finished run the state may have been deleted: it is large and needed no more.
        else load_metrics(folder / METRICS_FILE)
    )
    return rows if rows and len(rows) >= record["options"]["epochs"] else None


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder for the block to fill, which then takes the place of `folder`.

    An earlier run there goes only when the new one is whole.
    """
    new, old = (folder.with_name(f".{folder.name}.{kind}") for kind in ("new", "old"))
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    try:
        new.mkdir(parents=True)
        yield new
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    except BaseException:
        if old.exists() and not folder.exists():
            old.rename(folder)
        shutil.rmtree(new, ignore_errors=True)
        raise
    shutil.rmtree(old, ignore_errors=True)
