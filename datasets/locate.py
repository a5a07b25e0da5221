"""Where the files of a data set lie, and where they are downloaded to.

They are looked for in the folder that the user names, or else in $BINARYNET_DATA, in
$PYLEARN2_DATA_PATH and in `datasets/data/`. They are downloaded only where no folder was named and
none of the others has any of them: into $BINARYNET_DATA where it is set, else `datasets/data/`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from datasets.pool import DataError

DEFAULT_ROOT = Path(__file__).resolve().parent / "data"
OWN_VARIABLE, PYLEARN2_VARIABLE = "BINARYNET_DATA", "PYLEARN2_DATA_PATH"


def find(
    name: str, subfolders: Sequence[str], required: Sequence[str], data_dir: str | None
) -> Path | None:
    """The folder of the data set `name`, or None where it has to be downloaded.

    Every root is tried with every one of `subfolders`. Raises DataError where `data_dir` lacks the
    `required` files or a part of them, where one of the environment's folders has only a part, and
    where `data_dir` or $BINARYNET_DATA is no folder.
    """
    if data_dir is not None:
        root = _existing("--data-dir", data_dir)
        folder = _within(root, subfolders, required)
        if folder is None:
            raise DataError(
                f"--data-dir {data_dir}: no {name} there; it needs {', '.join(required)}, directly "
                f"or in {' or '.join(f for f in subfolders if f)} (without --data-dir they are "
                "downloaded)"
            )
        return folder
    roots = []
    if os.environ.get(OWN_VARIABLE):
        roots.append(_existing(f"${OWN_VARIABLE}", os.environ[OWN_VARIABLE]))
    if os.environ.get(PYLEARN2_VARIABLE):
        roots.append(Path(os.environ[PYLEARN2_VARIABLE]))
    for root in roots:
        folder = _within(root, subfolders, required)
        if folder is not None:
            return folder
    # A part of the files in the project's own folder is a download to be completed.
    return _complete(DEFAULT_ROOT, subfolders, required)


def download_root(name: str, download: bool) -> Path:
    """The folder to download `name` into; DataError where `download` is false."""
    root = Path(os.environ.get(OWN_VARIABLE) or DEFAULT_ROOT)
    if not download:
        raise DataError(f"{root}: no {name} there, and downloading is switched off")
    return root


def _existing(called: str, folder: str) -> Path:
    if not os.path.isdir(folder):
        raise DataError(f"{called} {folder}: no such folder")
    return Path(folder)


def _complete(root: Path, subfolders: Sequence[str], required: Sequence[str]) -> Path | None:
    for subfolder in subfolders:
        if all((root / subfolder / name).is_file() for name in required):
            return root / subfolder
    return None


def _within(root: Path, subfolders: Sequence[str], required: Sequence[str]) -> Path | None:
    folder = _complete(root, subfolders, required)
    if folder is None:
        for part in (root / subfolder for subfolder in subfolders):
            missing = [name for name in required if not (part / name).is_file()]
            if len(missing) < len(required):
                raise DataError(
                    f"{part / missing[0]}: missing, though other files of {part} are there"
                )
    return folder
