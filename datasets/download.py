"""Fetching data sets from their official addresses: verified first, then unpacked."""

from __future__ import annotations

import logging
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from datasets.pool import DataError, first_line

# Where the official addresses cannot be reached: a folder that serves the same files over HTTP.
MIRROR_VARIABLE = "BINARYNET_MIRROR"


def fetch(address: str, md5: str, folder: Path) -> Path:
    """Download `address` into `folder` with a progress bar; nothing stays of a failed attempt.

    A file of that name and checksum that lies there already is left as it is. Raises DataError
    where the address cannot be reached, `folder` not be written, or the file's MD5 is not `md5`.
    """
    import pooch
    import requests

    # pooch reports what the progress bar shows already.
    pooch.get_logger().setLevel(logging.WARNING)
    name = address.rpartition("/")[2]
    mirror = os.environ.get(MIRROR_VARIABLE)
    if mirror:
        address = f"{mirror.rstrip('/')}/{name}"
    new = [part for part in (folder, *folder.parents) if not part.exists()]
    try:
        path = pooch.retrieve(
            address,
            known_hash=f"md5:{md5}",
            fname=name,
            path=folder,
            downloader=pooch.HTTPDownloader(progressbar=True, timeout=30),
        )
    except (requests.RequestException, OSError, ValueError) as error:
        for part in new:
            with suppress(OSError):
                part.rmdir()
        raise DataError(
            f"{address}: the download failed ({first_line(error)}); try again, or put the file "
            f"into {folder}"
        ) from error
    return Path(path)


@contextmanager
def fetched(address: str, md5: str, folder: Path) -> Iterator[Path]:
    """`fetch` for the duration of a block; a file that was there before stays afterwards."""
    before = (folder / address.rpartition("/")[2]).exists()
    path = fetch(address, md5, folder)
    try:
        yield path
    finally:
        if not before:
            path.unlink()


def unpack(archive: Path, folder: Path, members: dict[str, str]) -> None:
    """Take `members` (path in the archive: name in `folder`) out of a tar file, or nothing.

    Only regular files of these very paths are read, so that links and paths that lead elsewhere
    have no effect. Raises DataError where one is missing or the archive cannot be read; whether its
    bytes are the right ones is the checksum's matter.
    """
    aside = None
    try:
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        with tarfile.open(archive) as tar:
            for path, name in members.items():
                entry = tar.getmember(path)
                source = tar.extractfile(entry) if entry.isreg() else None
                if source is None:
                    raise DataError(f"{archive}: {path} is not a regular file in there")
                with source, open(aside / name, "wb") as target:
                    shutil.copyfileobj(source, target)
                    target.flush()
                    os.fsync(target.fileno())
        folder.mkdir(exist_ok=True)
        for name in members.values():
            os.replace(aside / name, folder / name)
    except (tarfile.TarError, KeyError, EOFError, OSError, ValueError, zlib.error) as error:
        raise DataError(
            f"{archive}: cannot be unpacked into {folder} ({first_line(error)})"
        ) from error
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)
