"""Where the files of a data set lie."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from datasets.pool import DataError

DEFAULT_ROOT = Path(__file__).resolve().parent / "data"
VARIABLES = ("BINARYNET_DATA", "PYLEARN2_DATA_PATH")


def find(
    name: str, subfolders: Sequence[str], required: Sequence[str], data_dir: str | None
) -> Path | None:
    """The folder of the data set `name`, or None where there is none yet.

    Looks into `data_dir`, or else $BINARYNET_DATA, $PYLEARN2_DATA_PATH, `datasets/data/`; each time
    into every one of `subfolders`. Raises DataError where `data_dir` holds none of the `required`
    files, or a folder only some of them.
    """
    if data_dir is not None:
        if not os.path.isdir(data_dir):
            raise DataError(f"--data-dir {data_dir}: no such folder")
        folder = _within(Path(data_dir), subfolders, required)
        if folder is None:
            raise DataError(
                f"--data-dir {data_dir}: no {name} there; it needs {', '.join(required)}, directly "
                f"or in {' or '.join(f for f in subfolders if f)} (without --data-dir they are "
                "downloaded)"
            )
        return folder
    named = [os.environ[variable] for variable in VARIABLES if os.environ.get(variable)]
    for root in [*map(Path, named), DEFAULT_ROOT]:
        folder = _within(root, subfolders, required, complete=root != DEFAULT_ROOT)
        if folder is not None:
            return folder
    return None


def _within(
    root: Path, subfolders: Sequence[str], required: Sequence[str], complete: bool = True
) -> Path | None:
    for subfolder in subfolders:
        folder = root / subfolder
        missing = [name for name in required if not (folder / name).is_file()]
        if not missing:
            return folder
        if complete and len(missing) < len(required):
            raise DataError(
                f"{folder / missing[0]}: missing, though other files of the data set are there"
            )
    return None
