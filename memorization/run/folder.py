"""Run folders, `<results-dir>/<experiment>/<name>/`: what may begin there or go on."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from datasets.labelled_sets import LabelledSets
from foundations import files, reading
from foundations.errors import UserError
from foundations.reading import MOST_OF_A_PATH, printable
from memorization.options import Options
from memorization.run import state
from memorization.run.labels import LABELS_FILE, save_labels
from memorization.run.record import RUN_FILE, check_exact, check_resumable, load_record
from training_loop import metrics

METRICS_FILE = "metrics.csv"
# What a run writes last of all.
LAST_FILE = "labels.png"


def save_metrics(
    path: Path, rows: Sequence[metrics.Row], text: metrics.CsvText | None = None
) -> None:
    """`rows`, at least one, as the CSV file `path`; `text` has formatted the first of them."""
    with files.replacing(path, "w") as stream:
        stream.write((text or metrics.CsvText()).of(rows))


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
    found = set_aside(folder) or folder
    exists = (found / RUN_FILE).exists()
    if not resume:
        if exists and not overwrite:
            raise UserError(
                f"{folder} holds a run already; give --resume to go on with it, --overwrite to "
                "start over, or another --name"
            )
        if not exists and folder.exists() and not _is_empty_folder(folder):
            raise UserError(
                f"{folder} holds something that is no run; move it away, or give another "
                "--results-dir"
            )
        return None
    if not exists:
        raise nothing_to_resume(folder)
    folder = found
    earlier = load_record(folder)
    check_resumable(folder, earlier, record)
    history = _finished(folder, record)
    if history is None and record["options"]["exact"]:
        check_exact(folder, earlier, record)
    return history


def nothing_to_resume(folder: Path) -> UserError:
    """What to tell whose --resume means `folder`, where no run is."""
    others = [printable(found.name, MOST_OF_A_PATH) for found in runs_below(folder.parent)]
    known = f" (runs of this experiment: {', '.join(others[:5])})" if others else ""
    return UserError(f"{folder}: no run there to resume{known}; leave out --resume to start one")


def _finished(folder: Path, record: dict[str, Any]) -> list[metrics.Row] | None:
    if not (folder / record["parameters"]).exists():
        return None
    state_file = folder / state.STATE_FILE
    rows = (
        state.read_progress(state_file).history
        if state_file.exists()
        # Of a finished run the state may have been deleted: it is large and needed no more.
        else load_metrics(folder / METRICS_FILE)
    )
    options = record["options"]
    return rows if rows and metrics.ended(rows, options["epochs"], options["stop_at"]) else None


def complete(folder: Path, history: Sequence[metrics.Row], data: LabelledSets) -> bool:
    """Write what a finished run lacks that was killed after its last save; whether it was drawn."""
    remove_leftovers(folder)
    save_metrics(folder / METRICS_FILE, history)
    if not (folder / LABELS_FILE).exists():
        save_labels(folder, data)
    return (folder / LAST_FILE).exists()


def runs_below(place: Path) -> Iterator[Path]:
    """The folders of runs at or below `place`, in order, each once.

    Links are followed; what begins with a dot is passed over, since it may be what a process that
    was killed left behind.
    """
    seen = set()
    for folder, below, names in os.walk(place, followlinks=True):
        real = os.path.realpath(folder)
        below[:] = sorted(name for name in below if not name.startswith("."))
        if real in seen:
            # Not round in a circle of links.
            below.clear()
        elif RUN_FILE in names:
            yield Path(folder)
        seen.add(real)


def place_of(chosen: Options) -> Path:
    """The folder of the run that the options choose; one that goes on stays where it began."""
    if isinstance(chosen.resume, str):
        return Path(chosen.resume)
    return Path(chosen.results_dir) / chosen.experiment / str(chosen.name)


def _beside(folder: Path, kind: str) -> Path:
    # Beside the folder itself, not beside a link to it: both have to be on one file system.
    real = Path(os.path.realpath(folder))
    return real.with_name(f".{real.name}.{kind}")


def set_aside(folder: Path) -> Path | None:
    """Where the run of `folder` is, if a kill left it set aside without its successor in place."""
    old = _beside(folder, "old")
    return old if not folder.exists() and (old / RUN_FILE).exists() else None


def recover(folder: Path) -> None:
    """Undo the half of a replacement that a kill left undone: the earlier run is back in place."""
    old = set_aside(folder)
    if old:
        old.rename(os.path.realpath(folder))


def remove_leftovers(folder: Path) -> None:
    """Delete what processes that were killed left in and beside `folder`, which is locked.

    Only beside a run that is in its place: until then, `recover`.
    """
    files.remove_leftovers(folder)
    for kind in ("new", "old"):
        _remove(_beside(folder, kind))


def discard(folder: Path) -> None:
    """Delete the run of `folder`."""
    _remove(Path(os.path.realpath(folder)))


def _remove(folder: Path) -> None:
    # Without its record it is no run, however far the deletion of the rest may come.
    (folder / RUN_FILE).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _is_empty_folder(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder for the block to fill, which then takes the place of `folder`.

    An earlier run there goes only when the new one is whole. At every moment one of the two is in
    its place, or set aside, whole; see README.md.
    """
    recover(folder)
    new, old = _beside(folder, "new"), _beside(folder, "old")
    for leftover in (new, old):
        _remove(leftover)
    try:
        new.mkdir(parents=True)
        yield new
        _put_in_place(new, Path(os.path.realpath(folder)), old)
    except BaseException:
        _remove(new)
        raise
    for earlier in (new, old):
        _remove(earlier)


def _put_in_place(new: Path, place: Path, old: Path) -> None:
    if not place.exists():
        new.rename(place)
    elif not files.exchange(new, place):
        place.rename(old)
        try:
            new.rename(place)
        except BaseException:
            old.rename(place)
            raise
