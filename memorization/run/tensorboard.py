"""TensorBoard event files of a run (`--tensorboard`), by whichever writer is installed."""

from __future__ import annotations

import importlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from foundations.errors import UserError
from foundations.reading import printable
from memorization.run.record import load_record
from training_loop import metrics
from training_loop.observers import Observer

FOLDER = "tensorboard"
# Columns that are of no set, and no measure.
OF_THE_RUN = (
    *(metrics.LEARNING_RATE, metrics.STEP_LOSS, metrics.BEST_EPOCH, metrics.BEST_ERROR),
    *metrics.TIMINGS,
)
WRITERS = ("tensorboardX", "torch.utils.tensorboard")


def writer_class() -> Any:
    """The `SummaryWriter` of tensorboardX or of PyTorch; UserError where neither is there."""
    for name in WRITERS:
        try:
            return importlib.import_module(name).SummaryWriter
        except ImportError:
            continue
    raise UserError(
        "--tensorboard needs tensorboardX, or PyTorch with tensorboard: pip install tensorboardX"
    )


@contextmanager
def writing(folder: Path, epochs_done: int) -> Iterator[Observer]:
    """An observer that writes every epoch's metrics into the run `folder`.

    The run's options and its whole record go with them, as text. What an earlier process wrote of
    epochs after `epochs_done` is marked as void.
    """
    record = load_record(folder)
    writer = writer_class()(str(folder / FOLDER), purge_step=epochs_done + 1)
    try:
        writer.add_text("run/hyperparameters", _table(record["options"]), epochs_done)
        writer.add_text("run/record", _as_code(json.dumps(record, indent=2)), epochs_done)
        yield _EventFiles(writer, record["data"]["class_names"])
    finally:
        writer.close()


def add_picture(folder: Path, name: str) -> None:
    """Add the picture `name`.png of the run in `folder`, where there is one, as an image."""
    path = folder / f"{name}.png"
    if path.exists():
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"))
        writer = writer_class()(str(folder / FOLDER))
        try:
            writer.add_image(f"run/{name}", pixels, 0, dataformats="HWC")
        finally:
            writer.close()


class _EventFiles(Observer):
    def __init__(self, writer: Any, class_names: Sequence[str]):
        self._writer, self._class_names = writer, class_names

    def epoch_ends(self, row, evaluations):
        for name, value in row.items():
            if name != metrics.EPOCH and math.isfinite(value):
                self._writer.add_scalar(tag(name, self._class_names), value, row[metrics.EPOCH])
        self._writer.flush()


def tag(name: str, class_names: Sequence[str]) -> str:
    """The tag of a column: TensorBoard draws in one section what shares the part before the /.

    training_error is error/training, training_error_class_3 is class_error/ and the class's name
    and set, what `--measure` adds is measures/ and its name.
    """
    column = metrics.parse_name(name)
    if column.label is not None:
        return f"class_error/{_word(class_names[column.label])}_{column.set_name}"
    if column.set_name is not None:
        return f"{column.quantity}/{column.set_name}"
    if name in OF_THE_RUN:
        return f"run/{name}"
    return f"measures/{name}"


def _word(text: str) -> str:
    """A class's name as part of a tag."""
    return re.sub(r"[^\w.-]+", "_", printable(text))


def _table(options: Mapping[str, Any]) -> str:
    rows = [f"| {name} | {_as_code(printable(value))} |" for name, value in options.items()]
    return "\n".join(["| option | value |", "|---|---|", *rows])


def _as_code(text: str) -> str:
    """Text in which Markdown means nothing."""
    if "\n" in text:
        return "\n".join(f"    {line}" for line in text.splitlines())
    return "`" + text.replace("`", "'").replace("|", "/") + "`"
