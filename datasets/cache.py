"""Parsed images in HDF5: made once, checked by checksum on every reading, never trusted blindly.

A cache is an HDF5 file behind a block of 512 bytes, which the format leaves to its user: a line
there names the sources and the checksum of all that follows. HDF5 itself is not to be let loose on
damaged files: a wrong byte can keep it busy for ever.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

import h5py
import numpy as np

from datasets.pool import DataError
from foundations.files import replacing

# Part of what a cache must match; to be raised when the parsing or the file's form changes.
VERSION = 2

_HEADER_SIZE = 512


class Pool(NamedTuple):
    """What a data set's files hold, and its cache.

    `images` (n, 3, 32, 32) uint8, `labels` (n,) int64, and `counts` int64: how many of the images,
    in order, come from each kind of source (training, test, ...).
    """

    images: np.ndarray
    labels: np.ndarray
    counts: np.ndarray


def cached(name: str, sources: Sequence[Path], parse: Callable[[], Pool]) -> Pool:
    """`parse()`, or what it returned the last time for the same `sources`.

    The cache `<name>.h5` lies beside the sources, or below $XDG_CACHE_HOME/binarynet (or else
    ~/.cache/binarynet) where that folder cannot be written; where neither can, there is none. A
    cache of other sources, of another version of this module, or damaged, is made anew.
    """
    key = _key(sources)
    places = [folder / f"{name}.h5" for folder in _folders(sources[0].parent)]
    for path in places:
        pool = _read(path, key)
        if pool is not None:
            return pool
    pool = parse()
    for path in places:
        try:
            _write(path, key, pool)
            break
        except OSError:
            continue
    return pool


def _key(sources: Sequence[Path]) -> str:
    """A digest of what identifies the `sources` and this module's version."""
    try:
        stats = [(path.name, path.stat()) for path in sources]
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read ({error.strerror})") from error
    # The time of change, unlike that of modification, betrays a file put in another's place by a
    # copy that keeps times.
    identity = [(name, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for name, s in stats]
    return hashlib.sha256(json.dumps([VERSION, identity]).encode()).hexdigest()


def _folders(data: Path) -> Iterator[Path]:
    yield data
    base = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    # Without a home folder the tilde stays.
    if base.is_absolute():
        digest = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:16]
        yield base / "binarynet" / digest


def _header(key: str, stream: IO[bytes]) -> bytes:
    """What the first block has to be for the sources of `key` and for what follows in `stream`."""
    checksum = 0
    stream.seek(_HEADER_SIZE)
    while block := stream.read(1 << 20):
        checksum = zlib.crc32(block, checksum)
    return f"binarynet {key} {checksum:08x}\n".encode().ljust(_HEADER_SIZE, b"\0")


def _read(path: Path, key: str) -> Pool | None:
    try:
        with open(path, "rb") as stream:
            header = stream.read(_HEADER_SIZE)
            if key.encode() not in header or header != _header(key, stream):
                return None
        # Caches are replaced, never changed, so that nothing needs HDF5's locks, which some network
        # file systems lack.
        with h5py.File(path, "r", locking=False) as file:
            return Pool(*(file[name][()] for name in Pool._fields))
    except (OSError, KeyError):
        return None


def _write(path: Path, key: str, pool: Pool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.parent.stat().st_mode & 0o222:
        # A folder marked read-only is left alone by the superuser as well.
        raise PermissionError(path.parent)
    with replacing(path, "w+b") as stream:
        with h5py.File(stream, "w", userblock_size=_HEADER_SIZE) as file:
            for name, array in pool._asdict().items():
                file.create_dataset(name, data=array)
        header = _header(key, stream)
        stream.seek(0)
        stream.write(header)
