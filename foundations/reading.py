"""Reading files that anybody may have written, and showing what they hold.

What is wrong with a file becomes one line that names it. Whatever text comes from a file, a server
or a folder's name is shown by `printable`, and by nothing else.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from foundations.errors import UserError

# No run stores as much; an archive of zeros that claims more would fill the memory.
MOST_BYTES = 8 << 30
# Records are of some kilobytes; metrics of a million epochs stay below this.
MOST_TEXT_BYTES = 1 << 30

MOST_OF_A_PATH = 1000

_SURROGATE_BYTES = range(0xDC80, 0xDD00)


def printable(value: Any, most: int = 200) -> str:
    """The text of `value` in one line that is safe on a terminal and in any file.

    Control characters, line ends, marks that change the direction of writing, and whatever else
    shows nothing of itself appear as Python escapes, bytes of a name that are not UTF-8 as `\\xff`.
    At most `most` characters: what is cut off leaves `...`.
    """
    try:
        text = str(value)
    except Exception:
        # Too many digits, too deep a nesting: the text of foreign values may itself fail.
        text = f"<{type(value).__name__}>"
    shown = "".join(map(_escaped, text[: most + 1]))
    return shown if len(shown) <= most else shown[: max(0, most - 3)] + "..."


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    if ord(character) in _SURROGATE_BYTES:
        # How Python keeps a byte of a file's name that is not UTF-8.
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


def pasteable(words: Iterable[str]) -> str:
    """The command of `words` as it can be pasted into a shell, in one line that is safe to show."""
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    if word.isprintable():
        return shlex.quote(word)
    # bash, zsh and ksh read this form; no other holds a line end or a stray byte in one line.
    return "$'" + "".join(map(_byte_by_byte, word)) + "'"


def _byte_by_byte(character: str) -> str:
    if character in ("'", "\\"):
        return f"\\{character}"
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in os.fsencode(character))


@contextmanager
def file_errors(
    path: str | os.PathLike, problem: str, *, missing: str = "no such file", advice: str = ""
) -> Iterator[None]:
    """Whatever the block raises over the file `path` becomes one UserError.

    Its line names `path`, then `missing` where there is no such file, or else `problem`, the error
    in short, and `advice`.
    """
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError as error:
        raise UserError(f"{printable(path, MOST_OF_A_PATH)}: {missing}") from error
    except Exception as error:
        # Damaged bytes lead readers of zip, npy, CSV and JSON to anything, MemoryError too.
        raise UserError(
            f"{printable(path, MOST_OF_A_PATH)}: {problem} "
            f"({type(error).__name__}: {reason(error)})" + (f"; {advice}" if advice else "")
        ) from error


def reason(error: BaseException) -> str:
    """What `error` says in its first line, as messages show it; its type where it says nothing."""
    lines = (line.strip() for line in re.split(r"[\r\n]+", _text_of(error)))
    return printable(next(filter(None, lines), type(error).__name__))


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return ""


def read_text(path: str | os.PathLike, most_bytes: int = MOST_TEXT_BYTES) -> str:
    """The text of the file `path`, which is UTF-8 and of at most `most_bytes`.

    Raises OSError or ValueError where it is not, or is no file (a pipe would be waited for).
    """
    _check_is_file(path)
    with open(path, "rb") as stream:
        content = stream.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise ValueError(f"larger than {most_bytes:,} bytes")
    return content.decode("utf-8")


def _check_is_file(path: str | os.PathLike) -> None:
    if not Path(path).is_file() and Path(path).exists():
        raise ValueError("not a file")


def load_json(path: str | os.PathLike) -> Any:
    """The JSON value in the file `path`; raises what `read_text` and `json.loads` raise."""
    return json.loads(read_text(path))


@contextmanager
def open_npz(path: str | os.PathLike, problem: str, **words: str) -> Iterator[Any]:
    """The arrays of the `.npz` file `path`, by name; never unpickles.

    Every checksum is compared before anything is parsed: a flipped bit may leave an array of
    another shape behind, whose own end is never reached. `problem` and `words` are those of
    `file_errors`, which holds for the block too.
    """
    with file_errors(path, problem, **words):
        _check_is_file(path)
        loaded = np.load(path, allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            raise ValueError("not an archive of arrays")
        with loaded as stored:
            # None only once it is closed.
            archive: Any = stored.zip
            size = sum(member.file_size for member in archive.infolist())
            if size > MOST_BYTES:
                raise ValueError(f"claims to hold {size:,} bytes")
            damaged = archive.testzip()
            if damaged is not None:
                raise ValueError(f"{printable(damaged)} is damaged")
            yield stored


def check_vector(name: str, array: np.ndarray, kinds: str, least: int, most: int) -> None:
    """Raise ValueError unless `array` is (n,), its dtype's kind in `kinds`, `least` to `most`."""
    if array.ndim != 1 or array.dtype.kind not in kinds:
        raise ValueError(f"{name} is {array.dtype} of shape {array.shape}")
    if len(array) and not (least <= array.min() and array.max() <= most):
        raise ValueError(f"{name} runs from {array.min()} to {array.max()}")


def check_fields(value: Any, kinds: Mapping[str, type | tuple[type, ...]]) -> None:
    """Raise ValueError unless `value` is a dict whose entries are of the `kinds`, by name."""
    if not isinstance(value, dict):
        raise ValueError(f"a {type(value).__name__} where names and values should be")
    for name, kind in kinds.items():
        if name not in value:
            raise ValueError(f"no {name}")
        if not isinstance(value[name], kind) or (
            isinstance(value[name], bool) and kind is not bool
        ):
            raise ValueError(f"{name} is {printable(repr(value[name]))}")
