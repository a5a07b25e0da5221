"""What a run shows on the terminal: progress bars, a table of errors per epoch, curves."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

import training
from options import Options

COLUMNS = (
    ("epoch", "epoch", "{:d}"),
    ("learning rate", "learning_rate", "{:.2e}"),
    ("training error", "training_error", "{:.2%}"),
    ("loss", "training_loss", "{:.4f}"),
    ("validation error", "validation_error", "{:.2%}"),
    ("loss", "validation_loss", "{:.4f}"),
    ("best epoch", "best_epoch", "{:d}"),
    ("best error", "best_validation_error", "{:.2%}"),
    ("test error", "test_error", "{:.2%}"),
    ("loss", "test_loss", "{:.4f}"),
)


def table_lines(rows: Sequence[dict[str, float]]) -> list[str]:
    """The original's per-epoch fields as a table, a header line and a line per epoch."""
    body = [[pattern.format(row[key]) for _, key, pattern in COLUMNS] for row in rows]
    titles = [title for title, _, _ in COLUMNS]
    widths = [max(map(len, column)) for column in zip(titles, *body)]
    return [
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths))
        for line in (titles, *body)
    ]


class Report(training.Observer):
    """Progress of one run, on stdout where that is a terminal."""

    def __init__(self, name: str, class_names: Sequence[str], options: Options):
        self._name = name
        self._options = options
        self._bar: tqdm | None = None

    @contextmanager
    def compiling(self) -> Iterator[None]:
        """Says that Theano compiles, which takes minutes the first time and seconds later."""
        print(f"{self._name}: compiling (up to a few minutes the first time) ...", flush=True)
        start = time.monotonic()
        yield
        print(f"{self._name}: compiled in {time.monotonic() - start:.0f} s", flush=True)

    def __enter__(self) -> Report:
        return self

    def __exit__(self, *exception) -> None:
        self._close()

    def _open(self, title: str, images: int) -> None:
        self._close()
        self._bar = tqdm(
            total=images, desc=title, unit="img", leave=False, disable=not sys.stderr.isatty()
        )

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def epoch_begins(self, epoch, learning_rate, images):
        self._open(f"epoch {epoch}/{self._options.epochs}", images)

    def testing_begins(self, set_name, images):
        self._open(f"testing: {set_name}", images)

    def batch_ends(self, images, loss):
        if self._bar is not None:
            self._bar.update(images)

    def testing_batch_ends(self, images):
        if self._bar is not None:
            self._bar.update(images)

    def epoch_ends(self, row, evaluations):
        self._close()
        lines = table_lines([row])
        print("\n".join(lines if row["epoch"] == 1 else lines[1:]), flush=True)

    def summary(self, rows: Sequence[dict[str, float]], folder: Path) -> None:
        """The final table and where everything lies."""
        if rows:
            print("\n" + "\n".join(table_lines(rows)))
        print(f"\nwritten to {folder}")
