"""TensorBoard event files of a run (`--tensorboard`), by whichever writer is installed."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from foundations.errors import UserError
from foundations.reading import printable
from memorization.run.trackers.described import HYPERPARAMETERS, RECORD, record_text

FOLDER = "tensorboard"
WRITERS = ("tensorboardX", "torch.utils.tensorboard")


def check_installed() -> None:
    """Raise UserError where no writer is installed."""
    _writer_class()


def open_run(
    folder: Path, record: Mapping[str, Any], identity: str | None, epochs_done: int
) -> _EventFiles:
    """Event files in the run's `folder`.

    What an earlier process wrote of epochs after `epochs_done` is marked as void.
    """
    place = folder / FOLDER
    known = epochs_done if place.exists() else 0
    writer = _writer_class()(str(place), purge_step=epochs_done + 1)
    writer.add_text(HYPERPARAMETERS, _table(record["options"]), epochs_done)
    writer.add_text(RECORD, _as_code(record_text(record)), epochs_done)
    return _EventFiles(writer, str(place), known)


class _EventFiles:
    identity = None

    def __init__(self, writer: Any, place: str, epochs: int):
        self._writer, self.place, self.epochs = writer, place, epochs

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, epoch)
        self._writer.flush()

    def add_picture(self, tag: str, path: Path) -> None:
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"))
        self._writer.add_image(tag, pixels, 0, dataformats="HWC")

    def close(self, finished: bool) -> None:
        self._writer.close()


def _writer_class() -> Any:
    for name in WRITERS:
        try:
            return importlib.import_module(name).SummaryWriter
        except ImportError:
            continue
    raise UserError(
        "--tensorboard needs tensorboardX, or PyTorch with tensorboard: pip install tensorboardX"
    )


def _table(options: Mapping[str, Any]) -> str:
    rows = [f"| {name} | {_as_code(printable(value))} |" for name, value in options.items()]
    return "\n".join(["| option | value |", "|---|---|", *rows])


def _as_code(text: str) -> str:
    """Text in which Markdown means nothing."""
    if "\n" in text:
        return "\n".join(f"    {line}" for line in text.splitlines())
    return "`" + text.replace("`", "'").replace("|", "/") + "`"
