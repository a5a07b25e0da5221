"""What a run shows: progress bars, a line per epoch, the final table, a picture of curves."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from foundations.reading import MOST_OF_A_PATH, printable
from memorization.options import Options
from training_loop import metrics
from training_loop.observers import Observer

COLUMNS = (
    ("epoch", metrics.EPOCH, "{:d}"),
    ("learning rate", metrics.LEARNING_RATE, "{:.2e}"),
    ("training error", metrics.error("training"), "{:.2%}"),
    ("loss", metrics.loss("training"), "{:.4f}"),
    ("validation error", metrics.error("validation"), "{:.2%}"),
    ("loss", metrics.loss("validation"), "{:.4f}"),
    ("best epoch", metrics.BEST_EPOCH, "{:d}"),
    ("best error", metrics.BEST_ERROR, "{:.2%}"),
    ("test error", metrics.error("test"), "{:.2%}"),
    ("loss", metrics.loss("test"), "{:.4f}"),
)

MOST_OF_A_CLASS = 20
MOST_OF_A_WARNING = 4000

# So that the titles stay in sight.
EPOCHS_PER_HEADER = 10

# Reading a loss makes a device finish what it is at, so the bar asks for one this rarely.
SECONDS_BETWEEN_LOSSES = 1.0


def table_lines(rows: Sequence[metrics.Row]) -> list[str]:
    """The original's per-epoch fields as a table, a header line and a line per epoch."""
    body = [[pattern.format(row[key]) for _, key, pattern in COLUMNS] for row in rows]
    titles = [title for title, _, _ in COLUMNS]
    widths = [max(map(len, column)) for column in zip(titles, *body)]
    return [
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths))
        for line in (titles, *body)
    ]


def class_error_lines(row: metrics.Row, class_names: Sequence[str]) -> list[str]:
    """One epoch's training and test error of every class, as a table."""
    titles = ["error by class", *(printable(name, MOST_OF_A_CLASS) for name in class_names)]
    lines = [titles]
    for name in metrics.SETS_BY_CLASS:
        columns = (metrics.class_error(name, n) for n in range(len(class_names)))
        errors = [row.get(column, math.nan) for column in columns]
        lines.append([name, *("-" if math.isnan(e) else f"{e:.1%}" for e in errors)])
    widths = [max(map(len, column)) for column in zip(*lines)]
    return ["  ".join(c.rjust(width) for c, width in zip(line, widths)) for line in lines]


def plain_line(row: metrics.Row) -> str:
    """An epoch's whole report on one line, for logs."""
    fields = [f"{title} {pattern.format(row[key])}" for title, key, pattern in COLUMNS]
    return ", ".join([*fields, *class_errors(row)])


def class_errors(row: metrics.Row) -> list[str]:
    """Training and test errors of all classes, in percent, as two short texts."""
    texts = []
    for name in metrics.SETS_BY_CLASS:
        errors = " ".join(f"{100 * e:.0f}" for e in metrics.class_errors(row, name))
        texts.append(f"{name} errors by class {errors}")
    return texts


def measured_lines(row: metrics.Row) -> list[str]:
    """What observers added to an epoch's line of metrics, one measure per line, layers in a row."""
    measured: dict[str, list[str]] = {}
    for name, value in metrics.measured(row).items():
        column = metrics.parse_name(name)
        title = printable(column.quantity.replace("_", " ")) + (" by layer" if column.layer else "")
        if column.set_name is not None:
            title = f"{column.set_name} {title}"
        text = f"{value:.4g}" if column.is_in_bits else f"{value:.1%}"
        measured.setdefault(title, []).append("-" if math.isnan(value) else text)
    width = max(map(len, measured), default=0)
    return [
        f"{title:>{width}}" + "".join(f"  {text:>6}" for text in texts)
        for title, texts in measured.items()
    ]


def text_curves(
    rows: Sequence[metrics.Row], classes: int = 10, width: int = 64, height: int = 11
) -> list[str]:
    """Training (o), validation (v) and test (x) error against epoch, chance (-) of `classes`."""
    columns = min(width, len(rows))
    grid = [[" "] * columns for _ in range(height)]
    chance = round((height - 1) / classes)
    grid[chance] = ["-"] * columns
    for name, mark in (("validation", "v"), ("test", "x"), ("training", "o")):
        for column in range(columns):
            value = rows[column * len(rows) // columns][metrics.error(name)]
            if not math.isnan(value):
                grid[round((1 - value) * (height - 1))][column] = mark
    lines = [
        f"{100 * (1 - line / (height - 1)):4.0f} % |" + "".join(cells)
        for line, cells in enumerate(grid)
    ]
    lines.append("       +" + "-" * columns)
    lines.append(
        f"        epoch 1 to {len(rows)}; o training, v validation, x test error, - chance"
    )
    return lines


class Report(Observer):
    """Progress of one run: bars and a table on a terminal, a plain line per epoch elsewhere.

    The bars go to stderr, all else to stdout, so that either may be redirected alone.
    """

    def __init__(self, class_names: Sequence[str], options: Options):
        self._class_names = class_names
        self._options = options
        self._bars = sys.stderr.isatty() and not options.quiet
        self._table = sys.stdout.isatty()
        self._epochs: tqdm | None = None
        self._batches: tqdm | None = None
        self._loss_read = 0.0
        self._training_error = math.nan
        self._lines = 0

    @contextmanager
    def compiling(self) -> Iterator[None]:
        """Says that Theano compiles, which takes a minute the first time and seconds later."""
        name = self._options.experiment
        self._say(f"{name}: compiling (a minute or two the first time, then seconds) ...")
        start = time.monotonic()
        yield
        self._say(f"{name}: compiled in {time.monotonic() - start:.0f} s")

    def changed(self, environment: str) -> None:
        """Warns that what differs from the environment before may change the run's last bits."""
        if environment:
            line = f"warning: {environment}: the end may differ from an undisturbed run's"
            print(printable(line, MOST_OF_A_WARNING), file=sys.stderr, flush=True)

    @contextmanager
    def running(self, history: Sequence[metrics.Row]) -> Iterator[None]:
        """Around the training loop of a run whose finished epochs are `history`."""
        if history:
            self._training_error = history[-1][metrics.error("training")]
            self._say(f"going on after epoch {len(history)}")
        self._epochs = tqdm(
            total=self._options.epochs,
            initial=len(history),
            desc="epochs",
            unit="epoch",
            position=0,
            leave=False,
            disable=not self._bars,
        )
        try:
            yield
        finally:
            self._close_batches()
            self._epochs.close()

    def epoch_begins(self, epoch, learning_rate, images):
        self._open_batches(f"epoch {epoch}", images)

    def testing_begins(self, set_name, images):
        self._open_batches(f"testing, {set_name}", images)

    def batch_ends(self, images, loss):
        if self._batches is None:
            return
        now = time.monotonic()
        if self._bars and now - self._loss_read >= SECONDS_BETWEEN_LOSSES:
            self._loss_read = now
            shown = {"loss": f"{float(loss):.4f}"}
            if not math.isnan(self._training_error):
                shown["training error"] = f"{self._training_error:.2%}"
            self._batches.set_postfix(shown, refresh=False)
        self._batches.update(images)

    def testing_batch_ends(self, images):
        if self._batches is not None:
            self._batches.update(images)

    def epoch_ends(self, row, evaluations):
        self._close_batches()
        self._training_error = row[metrics.error("training")]
        if self._epochs is not None:
            self._epochs.update()
        if not self._table:
            self._say(plain_line(row))
            return
        lines = table_lines([row])
        for line in lines if self._lines % EPOCHS_PER_HEADER == 0 else lines[1:]:
            self._say(line)
        for text in class_errors(row):
            self._say(f"       {text}")
        self._lines += 1

    def summary(self, rows: Sequence[metrics.Row]) -> None:
        """The final table and the curves."""
        if rows:
            print("\n".join(table_lines(rows)), flush=True)
        if self._options.quiet:
            return
        if rows:
            print("\n" + "\n".join(class_error_lines(rows[-1], self._class_names)))
            if measured := measured_lines(rows[-1]):
                print("\nmeasured after the last epoch\n" + "\n".join(measured))
            print("\n" + "\n".join(text_curves(rows, len(self._class_names))), flush=True)

    def written(self, folder: Path) -> None:
        """Where everything lies."""
        if not self._options.quiet:
            figures = folder / "curves.png"
            where = f"; figures: {printable(figures, MOST_OF_A_PATH)}" if figures.exists() else ""
            print(f"\nwritten to {printable(folder, MOST_OF_A_PATH)}{where}", flush=True)

    def _say(self, line: str) -> None:
        if not self._options.quiet:
            self._write(line)

    def _write(self, line: str) -> None:
        # Above the bars, where there are any.
        tqdm.write(line, file=sys.stdout)
        sys.stdout.flush()

    def _open_batches(self, title: str, images: int) -> None:
        self._close_batches()
        self._batches = tqdm(
            total=images,
            desc=title,
            unit="images",
            unit_scale=True,
            position=1,
            leave=False,
            disable=not self._bars,
        )

    def _close_batches(self) -> None:
        if self._batches is not None:
            self._batches.close()
            self._batches = None
