"""Parsed images in HDF5: made once, kept where nobody else can write, never trusted blindly.

A cache is an HDF5 file behind a block of 512 bytes, which the format leaves to its user: a line
there names the sources and the checksum of all that follows. HDF5 itself is not to be let loose on
damaged files: a wrong byte can keep it busy for ever. What it finds is believed only where it is
plain numbers in that very file, of the right form.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, NamedTuple

import h5py
import numpy as np

from datasets.download import alone_in
from datasets.pool import DataError, Form
from foundations.files import remove_leftovers, replacing
from foundations.trust import UntrustedError, check_folder, check_own

# Part of what a cache must match; to be raised when the parsing or the file's form changes.
VERSION = 3

# The folder of all caches; without it $XDG_CACHE_HOME/binarynet, or ~/.cache/binarynet.
FOLDER_VARIABLE = "BINARYNET_CACHE"

_HEADER_SIZE = 512


class Pool(NamedTuple):
    """What a data set's files hold, and its cache.

    `images` (n, *image shape) uint8, `labels` (n,) int64, and `counts` int64: how many of the
    images, in order, come from each kind of source (training, test, ...).
    """

    images: np.ndarray
    labels: np.ndarray
    counts: np.ndarray


def cached(name: str, form: Form, sources: Sequence[Path], parse: Callable[[], Pool]) -> Pool:
    """`parse()`, or what it returned the last time for the same `sources`, images of `form`.

    Whether they are the same is told by their paths, sizes, times and contents. A cache of other
    sources, of another version of this module, of another form, or damaged, is made anew. There is
    none where it could not be kept from others, or not be written. Raises DataError where a source
    cannot be read.
    """
    key = _key(sources)
    path = _path(name, sources[0])
    if path is None:
        return parse()
    pool = _read(path, key, form)
    if pool is None:
        pool = parse()
        _write(path, key, pool)
    return pool


def _key(sources: Sequence[Path]) -> str:
    """A digest of what identifies the `sources` and this module's version."""
    identity: list = [VERSION]
    for path in sources:
        try:
            with open(path, "rb") as stream:
                status, digest = os.fstat(stream.fileno()), hashlib.sha256()
                while block := stream.read(1 << 20):
                    digest.update(block)
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror})") from error
        times = (status.st_mtime_ns, status.st_ctime_ns)
        identity.append([str(path.resolve()), status.st_size, *times, digest.hexdigest()])
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()


def _path(name: str, source: Path) -> Path | None:
    """The cache of the data set `name` beside `source`, in a folder that is safe; None without."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    base = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    folder = Path(chosen).absolute() if chosen else base / "binarynet"
    # Without a home folder the tilde stays.
    if not folder.is_absolute():
        return None
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_folder(folder)
    except (OSError, UntrustedError):
        return None
    place = hashlib.sha256(os.fsencode(source.parent.resolve())).hexdigest()[:16]
    return folder / f"{name}-{place}.h5"


def _header(key: str, stream: IO[bytes]) -> bytes:
    """What the first block has to be for the sources of `key` and for what follows in `stream`."""
    checksum = 0
    stream.seek(_HEADER_SIZE)
    while block := stream.read(1 << 20):
        checksum = zlib.crc32(block, checksum)
    return f"binarynet {key} {checksum:08x}\n".encode().ljust(_HEADER_SIZE, b"\0")


def _read(path: Path, key: str, form: Form) -> Pool | None:
    try:
        # Neither a link to another file nor a pipe, which would be waited for.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        with open(path, "rb", opener=lambda name, _: os.open(name, flags)) as stream:
            check_own(path, os.fstat(stream.fileno()))
            header = stream.read(_HEADER_SIZE)
            if key.encode() not in header or header != _header(key, stream):
                return None
            stream.seek(0)
            with h5py.File(stream, "r") as file:
                size = os.fstat(stream.fileno()).st_size
                return _checked(Pool(*(_plain(file, name, size) for name in Pool._fields)), form)
    except Exception:
        # A forged file leads HDF5 to anything; whatever it is, there is no cache.
        return None


def _plain(file: h5py.File, name: str, most_bytes: int) -> np.ndarray:
    """The array `name` of `file`, whose numbers lie there in one piece; ValueError for others."""
    link = file.get(name, getlink=True)
    dataset = file[name] if type(link) is h5py.HardLink else None
    if not isinstance(dataset, h5py.Dataset):
        raise ValueError(f"{name} is no array of this file")
    stored = dataset.id.get_create_plist()
    contiguous = stored.get_layout() == h5py.h5d.CONTIGUOUS and not stored.get_external_count()
    # An array that announces more than the file holds would be allocated first.
    here = contiguous and dataset.id.get_storage_size() == dataset.nbytes <= most_bytes
    if dataset.dtype not in (np.uint8, np.int64) or not here:
        raise ValueError(f"{name} is stored elsewhere, in pieces or not as numbers")
    return dataset[()]


def _checked(pool: Pool, form: Form) -> Pool:
    images, labels, counts = pool
    if images.dtype != np.uint8 or images.shape[1:] != form.image_shape or not len(images):
        raise ValueError(f"images are {images.dtype} of shape {images.shape}")
    for name, array in (("labels", labels), ("counts", counts)):
        if array.dtype != np.int64 or array.ndim != 1:
            raise ValueError(f"{name} are {array.dtype} of shape {array.shape}")
    if len(labels) != len(images) or labels.min() < 0 or labels.max() >= form.n_classes:
        raise ValueError("labels that are none of these images'")
    if (counts < 0).any() or (counts > len(images)).any() or counts.sum() != len(images):
        raise ValueError(f"counts of {counts.tolist()} for {len(images)} images")
    return pool


def _write(path: Path, key: str, pool: Pool) -> None:
    """Keep `pool` at `path`, or leave it where that cannot be."""
    try:
        if not path.parent.stat().st_mode & 0o200:
            # A folder marked read-only is left alone by the superuser as well.
            return
        with alone_in(path.parent):
            remove_leftovers(path.parent)
            with replacing(path, "w+b") as stream:
                # By its name: behind a stream, h5py turns a full disk into a SystemError.
                with h5py.File(stream.name, "w", userblock_size=_HEADER_SIZE) as file:
                    for name, array in pool._asdict().items():
                        file.create_dataset(name, data=array)
                header = _header(key, stream)
                stream.seek(0)
                stream.write(header)
            path.chmod(0o600)
    except (OSError, RuntimeError, DataError):
        # HDF5 reports a file that cannot be closed as a RuntimeError.
        pass
