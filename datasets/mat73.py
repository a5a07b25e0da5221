"""The arrays of a MATLAB 7.3 file, which is HDF5, read by a process of their own.

HDF5 is not to be let loose on files that anybody may have written: a wrong byte can keep it busy
for ever, or end the process. This file is also the program of that process.

Source: MATLAB's own files of that version: a block of 512 bytes, then HDF5 with the axes of every
array in reverse order.
"""

from __future__ import annotations

import json
import math
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, NamedTuple

import numpy as np

_HDF5 = b"\x89HDF\r\n\x1a\n"
_MOST_HEADER = 1 << 16
_MOST_VARIABLES = 100
# deflate makes no more of a byte; an array that claims more would be allocated first.
_MOST_PER_BYTE = 1032
# deflate, shuffle, fletcher32; any other would be looked for among the system's libraries.
_FILTERS = {1, 2, 3}
# More than any file takes, for a start and for each second.
_SECONDS, _BYTES_PER_SECOND = 20, 2 << 20


class Form(NamedTuple):
    """A variable's numpy dtype and its shape, in MATLAB's order of axes."""

    dtype: str
    shape: tuple[int, ...]


class File:
    """An open MATLAB 7.3 file: `names` of its variables, `forms` of those asked for, in order."""

    def __init__(self, answer: IO[bytes]):
        self._answer = answer
        told = json.loads(answer.readline(_MOST_HEADER) or b'{"error": "HDF5 cannot read it"}')
        if "error" in told:
            raise ValueError(told["error"])
        self.names: list[str] = told["names"]
        self.forms = {n: Form(dtype, tuple(shape)) for n, (dtype, shape) in told["forms"].items()}

    def arrays(self) -> dict[str, np.ndarray]:
        """All variables of `forms`, in MATLAB's order of axes; only once. ValueError if damaged."""
        return {name: self._next(form) for name, form in self.forms.items()}

    def _next(self, form: Form) -> np.ndarray:
        array = np.empty(math.prod(form.shape), form.dtype)
        left = array.view(np.uint8).data
        while left:
            count = self._answer.readinto(left)  # type: ignore[attr-defined]
            if not count:
                raise ValueError("an array that HDF5 cannot read to its end")
            left = left[count:]
        return array.reshape(form.shape, order="F")


def is_version_73(stream: BinaryIO) -> bool:
    """Whether `stream` begins as such a file does; leaves it at its beginning."""
    header = stream.read(128)
    stream.seek(0)
    return header.startswith(_HDF5) or header[124:] == b"\x00\x02IM"


@contextmanager
def opened(path: Path, wanted: Sequence[str]) -> Iterator[File]:
    """The file at `path` and its variables `wanted`, as far as it has them.

    Raises ValueError where it cannot be read and where one of them is not a plain numeric array
    that lies in this file.
    """
    with subprocess.Popen(
        # Nothing beside this file is taken for a module of Python's.
        [sys.executable, "-P", __file__, os.path.abspath(path), *wanted],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HDF5_PLUGIN_PRELOAD": "::"},
    ) as reader:
        try:
            assert reader.stdout is not None
            yield File(reader.stdout)
        finally:
            reader.kill()


def _answer(path: str, wanted: Sequence[str], output: IO[bytes]) -> None:
    """What `File` reads: a line of JSON, then the numbers of the variables in that order."""
    size = os.path.getsize(path)
    seconds = _SECONDS + size // _BYTES_PER_SECOND
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    try:
        import h5py

        with h5py.File(path, "r", locking=False) as file:
            names = [name for name, _ in zip(file, range(_MOST_VARIABLES))]
            found = {name: _plain(file, name, size) for name in wanted if name in file}
            forms = {name: (d.dtype.str, d.shape[::-1]) for name, d in found.items()}
            output.write(json.dumps({"names": names, "forms": forms}).encode() + b"\n")
            for dataset in found.values():
                output.write(np.ascontiguousarray(dataset[()]).reshape(-1).view(np.uint8).data)
    except BrokenPipeError:
        # Nobody wants the rest.
        os._exit(0)
    except Exception as error:
        # Whatever a damaged file leads h5py to.
        output.write(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode() + b"\n")


def _plain(file: Any, name: str, size: int) -> Any:
    """The array `name` of `file`, of `size` bytes, if it is numbers there; ValueError if not."""
    import h5py

    link = file.get(name, getlink=True)
    dataset = file[name] if type(link) is h5py.HardLink else None
    if not isinstance(dataset, h5py.Dataset) or not _of_numbers(dataset.dtype):
        raise ValueError(f"the variable {name!r} is not an array of numbers")
    stored = dataset.id.get_create_plist()
    chunked = stored.get_layout() == h5py.h5d.CHUNKED
    filters = {stored.get_filter(number)[0] for number in range(stored.get_nfilters())}
    here = chunked or stored.get_layout() in (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT)
    if not here or stored.get_external_count() or not filters <= _FILTERS:
        raise ValueError(f"the variable {name!r} is stored elsewhere, or by a filter unknown here")
    most = dataset.id.get_storage_size() * (_MOST_PER_BYTE if chunked else 1)
    if dataset.id.get_storage_size() > size or dataset.nbytes > most:
        raise ValueError(f"the variable {name!r} of shape {dataset.shape} is not all there")
    return dataset


def _of_numbers(dtype: np.dtype) -> bool:
    return dtype.kind in "iuf" and dtype.itemsize <= 8


if __name__ == "__main__":
    _answer(sys.argv[1], sys.argv[2:], sys.stdout.buffer)
