"""TensorBoard event files of a run (`--tensorboard`), by whichever writer is installed."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from foundations.errors import UserError
from training_loop import metrics
from training_loop.observers import Observer

FOLDER = "tensorboard"
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

    What an earlier process wrote of epochs after `epochs_done` is marked as void.
    """
    writer = writer_class()(str(folder / FOLDER), purge_step=epochs_done + 1)
    try:
        yield _EventFiles(writer)
    finally:
        writer.close()


class _EventFiles(Observer):
    def __init__(self, writer: Any):
        self._writer = writer

    def epoch_ends(self, row, evaluations):
        for name, value in row.items():
            if name != metrics.EPOCH and math.isfinite(value):
                self._writer.add_scalar(tag(name), value, row[metrics.EPOCH])
        self._writer.flush()


def tag(name: str) -> str:
    """The tag of a column: TensorBoard draws in one section what shares the part before the /.

    training_error is error/training, training_error_class_3 is training_error_class/3.
    """
    column = metrics.parse_name(name)
    if column.label is not None:
        return f"{column.set_name}_{column.quantity}_class/{column.label}"
    if column.layer is not None:
        return f"{column.quantity}_layer/{column.layer}"
    if column.set_name is not None:
        return f"{column.quantity}/{column.set_name}"
    return f"run/{name}"
