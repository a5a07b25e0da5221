"""Fetching data sets from their official addresses: bounded, continued, verified, then unpacked."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import stat
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from datasets.pool import DataError
from datasets.transfer import BrokenOffError, Pace, Transfer, TransferError, transfer
from foundations.reading import printable, reason

# Where the official addresses cannot be reached: a folder that serves the same files over HTTP.
MIRROR_VARIABLE = "BINARYNET_MIRROR"

# How many connections a file may take, each of which has to bring something.
CONNECTIONS = 5

_PART = ".part"


class Source(NamedTuple):
    """A file on a server, and what it has to be: MD5 in hexadecimal, size in bytes."""

    address: str
    md5: str
    size: int

    @property
    def name(self) -> str:
        """Its file name."""
        return self.address.rpartition("/")[2]


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Make `folder` and keep other processes' downloads out of it for the length of the block.

    Waits for one that is under way. A folder in which nothing comes to lie goes again. Raises
    DataError where it cannot be made.
    """
    import fcntl

    made = [part for part in (folder, *folder.parents) if not part.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise DataError(f"{folder}: nothing can be downloaded there ({error.strerror})") from error
    try:
        # Some network file systems have no such locks; the checksum still holds there.
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
        for part in made:
            with suppress(OSError):
                part.rmdir()


def fetch(sources: Sequence[Source], folder: Path) -> None:
    """All of `sources` into `folder`, but for those of which a right file lies there already.

    They take their names together, at the end. What has arrived of a transfer that broke off or was
    killed stays in a hidden file that ends in .part, and the next attempt goes on from there.
    Raises DataError where an address cannot be reached, a server is too slow or sends something
    else, or `folder` cannot be written.
    """
    missing = [source for source in sources if not _is(folder / source.name, source)]
    parts = [_downloaded(source, folder) for source in missing]
    try:
        for source, part in zip(missing, parts):
            os.replace(part, folder / source.name)
    except OSError as error:
        raise DataError(
            f"{folder / source.name}: cannot be written ({error.strerror}); what was downloaded is "
            f"kept in {part.name}"
        ) from error


def unfinished(folder: Path) -> bool:
    """Whether a download into `folder` has begun and has not ended yet."""
    return next(folder.glob(f".*{_PART}"), None) is not None


@contextmanager
def fetched(source: Source, folder: Path) -> Iterator[Path]:
    """`source` for the length of a block; unless it lay in `folder` before, it goes afterwards.

    The rest is as with `fetch`.
    """
    if _is(folder / source.name, source):
        yield folder / source.name
        return
    # Under its hidden name: what a process killed meanwhile leaves is no file of the user's.
    part = _downloaded(source, folder)
    try:
        yield part
    finally:
        part.unlink()


def _is(path: Path, source: Source) -> bool:
    try:
        with open(path, "rb") as stream:
            digest = hashlib.md5(usedforsecurity=False)
            while block := stream.read(1 << 20):
                digest.update(block)
    except OSError:
        return False
    return digest.hexdigest() == source.md5


def _downloaded(source: Source, folder: Path) -> Path:
    """`source`, verified, under its hidden name in `folder`."""
    mirror = os.environ.get(MIRROR_VARIABLE)
    address = f"{mirror.rstrip('/')}/{source.name}" if mirror else source.address
    part = folder / f".{source.name}{_PART}"
    made = not folder.exists()
    try:
        folder.mkdir(exist_ok=True)
        continued = _usable_size(part, source) > 0
        _complete(part, source, address)
        if continued and not _is(part, source):
            # What lay there may have been the beginning of another file.
            part.unlink()
            _complete(part, source, address)
        if not _is(part, source):
            part.unlink(missing_ok=True)
            raise TransferError(f"what came has not the MD5 {source.md5}")
    except (TransferError, OSError) as error:
        kept = f"what has come is kept in {part.name}; " if part.exists() else ""
        if made:
            with suppress(OSError):
                folder.rmdir()
        raise DataError(
            f"{printable(address)}: the download failed ({reason(error)}); {kept}try again, or put "
            f"the file into {folder}"
        ) from error
    return part


def _usable_size(part: Path, source: Source) -> int:
    """Bytes of `part` that a transfer can go on from; anything else of that name is removed."""
    try:
        status = part.lstat()
    except FileNotFoundError:
        return 0
    if stat.S_ISREG(status.st_mode) and status.st_size <= source.size:
        return status.st_size
    part.unlink()
    return 0


def _complete(part: Path, source: Source, address: str) -> None:
    """Append to `part` what it lacks, over several connections if need be."""
    pace = Pace()
    have = _usable_size(part, source)
    title = {"desc": source.name, "unit": "B", "unit_scale": True}
    with tqdm(total=source.size, initial=have, **title) as bar:
        for connections_left in reversed(range(CONNECTIONS)):
            if have == source.size:
                return
            try:
                with transfer(address, have, pace) as arriving:
                    _append(arriving, part, source, bar)
                return
            except BrokenOffError:
                before, have = have, _usable_size(part, source)
                if not connections_left or have <= before:
                    raise


def _append(arriving: Transfer, part: Path, source: Source, bar: tqdm) -> None:
    start, announced = arriving.answer
    if announced is not None and start + announced > source.size:
        raise TransferError(
            f"the server announces {start + announced:,} bytes of a file of {source.size:,}"
        )
    bar.update(start - bar.n)
    first = next(iter(arriving), b"")
    if not first:
        # Of a server that has nothing to send no file is to be left.
        return
    with open(part, "r+b" if start else "wb") as stream:
        stream.seek(start)
        for block in itertools.chain([first], arriving):
            stream.write(block[: source.size - stream.tell()])
            # A kill loses nothing of what has come.
            stream.flush()
            bar.update(stream.tell() - bar.n)
            if stream.tell() == source.size:
                return
    if announced is None:
        raise BrokenOffError(f"the connection ended after {bar.n:,} of {source.size:,} bytes")


def unpack(archive: Path, folder: Path, members: dict[str, str]) -> None:
    """Take `members` (path in the archive: name in `folder`) out of a tar file, or nothing.

    Only regular files of these very paths are read, so that links and paths that lead elsewhere
    have no effect. To be called by one process at a time (`alone_in`). Raises DataError where one
    is missing or the archive cannot be read; whether its bytes are the right ones is the checksum's
    matter.
    """
    aside = folder.with_name(f".{folder.name}{_PART}")
    try:
        # What a process left that was killed here.
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
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
        raise DataError(f"{archive}: cannot be unpacked into {folder} ({reason(error)})") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
