"""What a run shows while it goes on and when it ends: bars, a line per epoch, curves."""

from __future__ import annotations

import math
import shutil
import statistics
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from foundations.reading import MOST_OF_A_PATH, printable
from memorization.options import Options
from memorization.run import layout
from training_loop import metrics
from training_loop.observers import Observer

MOST_OF_A_WARNING = 4000

# So that the titles stay in sight.
EPOCHS_PER_HEADER = 20

# Reading a loss makes a device finish what it is at, so the bar asks for one this rarely.
SECONDS_BETWEEN_LOSSES = 1.0
# Columns that a bar takes with the loss behind it, and with the training error, too.
WITH_LOSS, WITH_ERROR = 76, 100

# The time left is told from so many of the last epochs.
EPOCHS_TIMED = 10

SECONDS_BETWEEN_MOVEMENTS = 0.5
_WITHOUT_TIMES = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{rate_fmt}]"


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
        self._seconds: list[float] = []
        self._lines = 0
        self._width_of_titles = 0

    @contextmanager
    def compiling(self) -> Iterator[None]:
        """Says that Theano compiles, which takes a minute the first time and seconds later."""
        self._say("compiling (a minute or two the first time) ...")
        start = time.monotonic()
        with self._moving("compiling"):
            yield
        self._say(f"compiled in {layout.duration(time.monotonic() - start)}")

    def changed(self, environment: str) -> None:
        """Warns that what differs from the environment before may change the run's last bits."""
        if environment:
            self.warn(f"{environment}: the end may differ from an undisturbed run's")

    def note(self, line: str) -> None:
        """A line before the run begins; none with --quiet."""
        self._say(line)

    def warn(self, line: str) -> None:
        """A warning of one line."""
        print(printable(f"warning: {line}", MOST_OF_A_WARNING), file=sys.stderr, flush=True)

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
            dynamic_ncols=True,
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
        width = _width()
        wanted = self._bars and width >= WITH_LOSS
        if wanted and now - self._loss_read >= SECONDS_BETWEEN_LOSSES:
            self._loss_read = now
            shown = {"loss": f"{float(loss):.4f}"}
            if width >= WITH_ERROR and not math.isnan(self._training_error):
                shown["training error"] = f"{self._training_error:.2%}"
            self._batches.set_postfix(shown, refresh=False)
        self._batches.update(images)

    def testing_batch_ends(self, images):
        if self._batches is not None:
            self._batches.update(images)

    def epoch_ends(self, row, evaluations):
        self._close_batches()
        self._training_error = row[metrics.error("training")]
        self._seconds.append(row[metrics.SECONDS])
        if self._epochs is not None:
            self._epochs.update()
        epochs_left = self._options.epochs - row[metrics.EPOCH]
        left = epochs_left * statistics.fmean(self._seconds[-EPOCHS_TIMED:])
        seen = layout.Seen(row, left)
        if self._table:
            self._table_line(seen)
        else:
            self._say(layout.plain_line(seen, self._options.epochs))
        if self._options.class_errors:
            for line in layout.class_error_lines(row, self._class_names, _width() - 4):
                self._say(f"    {line}")

    def summary(self, rows: Sequence[metrics.Row]) -> None:
        """The last and the best epoch, and the curves."""
        if not rows:
            return
        chosen = layout.columns(_width() - len("best  "), without=("time left", "best error"))
        best = rows[int(rows[-1][metrics.BEST_EPOCH]) - 1]
        titles = [f"      {line}" for line in layout.title_lines(chosen)]
        lines = [
            f"{name:4}  {layout.table_line(chosen, layout.Seen(row))}"
            for name, row in (("last", rows[-1]), ("best", best))
        ]
        print("\n".join(["", *titles, *lines] if not self._options.quiet else [*titles, *lines]))
        if not self._options.quiet:
            if len(rows) < self._options.epochs:
                print(f"ended at a training error of {self._options.stop_at:.4g} (--stop-at)")
            self._details(rows)
        sys.stdout.flush()

    def written(self, folder: Path) -> None:
        """Where everything lies."""
        if not self._options.quiet:
            figures = folder / "curves.png"
            where = f"\nfigures: {printable(figures, MOST_OF_A_PATH)}" if figures.exists() else ""
            print(f"\nwritten to {printable(folder, MOST_OF_A_PATH)}{where}", flush=True)

    def _details(self, rows: Sequence[metrics.Row]) -> None:
        width = _width()
        if self._options.class_errors:
            lines = layout.class_error_lines(rows[-1], self._class_names, width)
            print("\nerror of each class after the last epoch\n" + "\n".join(lines))
        if measured := layout.measured_lines(rows[-1], width):
            print("\nmeasured after the last epoch\n" + "\n".join(measured))
        curves = layout.text_curves(rows, len(self._class_names), min(64, width - 9))
        print("\n" + "\n".join(curves))
        spent = math.fsum(row.get(metrics.SECONDS, math.nan) for row in rows)
        if not math.isnan(spent):
            print(f"\n{len(rows)} epochs in {layout.duration(spent)}")

    def _table_line(self, seen: layout.Seen) -> None:
        width = _width()
        chosen = layout.columns(width)
        if self._lines % EPOCHS_PER_HEADER == 0 or width != self._width_of_titles:
            self._width_of_titles = width
            for line in layout.title_lines(chosen):
                self._say(line)
        self._say(layout.table_line(chosen, seen))
        self._lines += 1

    @contextmanager
    def _moving(self, what: str) -> Iterator[None]:
        """On a terminal a line that shows how long the block has been running."""
        if not self._bars:
            yield
            return
        done = threading.Event()
        shown = tqdm(bar_format="{desc}", leave=False, dynamic_ncols=True)

        def move() -> None:
            start = time.monotonic()
            while not done.wait(SECONDS_BETWEEN_MOVEMENTS):
                seconds = time.monotonic() - start
                dots = "." * (1 + int(seconds / SECONDS_BETWEEN_MOVEMENTS) % 3)
                shown.set_description_str(f"{what} {dots:<3} {seconds:.0f} s")

        mover = threading.Thread(target=move, daemon=True)
        mover.start()
        try:
            yield
        finally:
            done.set()
            mover.join()
            shown.close()

    def _say(self, line: str) -> None:
        if not self._options.quiet:
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
            dynamic_ncols=True,
            # Thousands of images a second leave no room for times in 60 columns.
            bar_format=None if _width() >= 80 else _WITHOUT_TIMES,
            disable=not self._bars,
        )

    def _close_batches(self) -> None:
        if self._batches is not None:
            self._batches.close()
            self._batches = None


def _width() -> int:
    """Characters on a line of the terminal; 80 where there is none."""
    return shutil.get_terminal_size((80, 24)).columns
