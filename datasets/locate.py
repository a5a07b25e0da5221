"""Where the files of a data set lie, and where they are downloaded to.

They are looked for in the folder that the user names, or else in $BINARYNET_DATA, in
$PYLEARN2_DATA_PATH and in `datasets/data/`. They are downloaded only where no folder was named and
none of the others has any of them: into $BINARYNET_DATA where it is set, else `datasets/data/`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from datasets import download
from datasets.pool import DataError
from foundations.reading import MOST_OF_A_PATH, printable

DEFAULT_ROOT = Path(__file__).resolve().parent / "data"
OWN_VARIABLE, PYLEARN2_VARIABLE = "BINARYNET_DATA", "PYLEARN2_DATA_PATH"


class Layout(NamedTuple):
    """A data set's name, the folders below a root that may hold its files, and those files."""

    name: str
    subfolders: Sequence[str]
    required: Sequence[str]


def find(layout: Layout, data_dir: str | None) -> Path | None:
    """The folder of the files of `layout`, or None where they have to be downloaded.

    Raises DataError where `data_dir` lacks them or a part of them, where one of the environment's
    folders has only a part, and where `data_dir` or $BINARYNET_DATA is no folder.
    """
    if data_dir is not None:
        root = _existing("--data-dir", data_dir)
        folder = _within(root, layout)
        if folder is None:
            raise DataError(
                f"--data-dir {data_dir}: no {layout.name} there; it needs "
                f"{', '.join(layout.required)}, directly or in "
                f"{' or '.join(f for f in layout.subfolders if f)} (without --data-dir they are "
                "downloaded)"
            )
        return folder
    folder = None
    if os.environ.get(OWN_VARIABLE):
        own = _existing(f"${OWN_VARIABLE}", os.environ[OWN_VARIABLE])
        unfinished = any(download.unfinished(own / subfolder) for subfolder in layout.subfolders)
        folder = (_complete if unfinished else _within)(own, layout)
    if folder is None and os.environ.get(PYLEARN2_VARIABLE):
        folder = _within(Path(os.environ[PYLEARN2_VARIABLE]), layout)
    # A part of the files in the project's own folder is a download to be completed.
    return folder or _complete(DEFAULT_ROOT, layout)


def found_or_fetched(
    layout: Layout, data_dir: str | None, fetch: Callable[[Path], Path], may_download: bool
) -> Path:
    """What `find` finds, or else what `fetch` downloads below the root that is for downloads.

    Raises DataError as `find` and `fetch` do, and where the files are missing and `may_download` is
    false.
    """
    folder = find(layout, data_dir)
    if folder is not None:
        return folder
    root = Path(os.environ.get(OWN_VARIABLE) or DEFAULT_ROOT)
    if not may_download:
        raise DataError(f"{root}: no {layout.name} there, and downloading is switched off")
    with download.alone_in(root):
        # Another process may have fetched them while this one waited.
        return find(layout, data_dir) or fetch(root)


def _existing(called: str, folder: str) -> Path:
    if not os.path.isdir(folder):
        raise DataError(f"{called} {printable(folder, MOST_OF_A_PATH)}: no such folder")
    return Path(folder)


def _complete(root: Path, layout: Layout) -> Path | None:
    for subfolder in layout.subfolders:
        if all((root / subfolder / name).is_file() for name in layout.required):
            return root / subfolder
    return None


def _within(root: Path, layout: Layout) -> Path | None:
    folder = _complete(root, layout)
    if folder is None:
        for part in (root / subfolder for subfolder in layout.subfolders):
            missing = [name for name in layout.required if not (part / name).is_file()]
            if len(missing) < len(layout.required):
                raise DataError(
                    f"{part / missing[0]}: missing, though other files of {part} are there"
                )
    return folder
