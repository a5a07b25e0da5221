"""Fetching data sets from their official addresses: verified first, then unpacked."""

from __future__ import annotations

import logging
import os
import shutil
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

from datasets.pool import DataError


def fetch(url: str, md5: str, folder: Path) -> Path:
    """Download `url` into `folder` with a progress bar; nothing stays of a failed attempt.

    Raises DataError where the address cannot be reached or the file's MD5 checksum is not `md5`.
    """
    import pooch
    import requests

    # pooch reports what the progress bar shows already.
    pooch.get_logger().setLevel(logging.WARNING)
    name = url.rpartition("/")[2]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = pooch.retrieve(
            url,
            known_hash=f"md5:{md5}",
            fname=name,
            path=folder,
            downloader=pooch.HTTPDownloader(progressbar=True, timeout=30),
        )
    except (requests.RequestException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"{url}: the download failed ({reason}); try again, or put the file into {folder}"
        ) from error
    return Path(path)


def unpack(archive: Path, folder: Path, members: dict[str, str]) -> None:
    """Take `members` (path in the archive: name in `folder`) out of a tar file, or nothing.

    Only regular files of these very names are read, so that links and paths that lead elsewhere
    have no effect. Raises DataError where one is missing or the archive is damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=folder))
    try:
        with tarfile.open(archive) as tar:
            for path, name in members.items():
                entry = tar.getmember(str(PurePosixPath(path)))
                if not entry.isreg():
                    raise DataError(f"{archive}: {path} is not a regular file in there")
                source = tar.extractfile(entry)
                assert source is not None
                with source, open(aside / name, "wb") as target:
                    shutil.copyfileobj(source, target)
        for name in members.values():
            os.replace(aside / name, folder / name)
    except (tarfile.TarError, KeyError, EOFError, OSError) as error:
        raise DataError(f"{archive}: cannot be unpacked into {folder} ({error})") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
