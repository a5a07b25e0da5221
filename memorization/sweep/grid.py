"""What is varied: `name=value,value` for options of scripts, on the command line or in a file."""

from __future__ import annotations

import argparse
import hashlib
import itertools
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from foundations import reading
from foundations.errors import UserError
from foundations.reading import printable
from memorization.options import OPTIONS, flag

# Of a sweep; more are a mistyped range.
MOST_CELLS = 10_000
MOST_CHARACTERS = 120
DIGITS = 8

# The sweep gives them itself: where each cell is kept, and how it begins and goes on.
OWN_OPTIONS = ("results-dir", "name", "overwrite", "resume")

# The value that is a list without anything in it, of an option that takes any number of words.
EMPTY = "none"

# An option's name without dashes, and one of its values, words separated by blanks.
Setting = tuple[str, str]
# The values of each option that is varied, by name.
Axes = Mapping[str, tuple[str, ...]]


def axes_of(words: Sequence[str]) -> Axes:
    """The axes that `words` name, each `name=value,value` or `name=first..last`.

    Values that are the same number are one. Raises UserError where a word is none, or an option is
    unknown to be varied so.
    """
    axes: dict[str, tuple[str, ...]] = {}
    for word in words:
        name, equals, text = word.partition("=")
        name = name.removeprefix("--").replace("_", "-")
        if not equals or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*", name):
            raise UserError(f"{printable(word)!r} is not name=value,value (as in width=0.125,0.25)")
        if name in OWN_OPTIONS:
            raise UserError(f"--{name} is the sweep's own to give; it cannot be varied")
        if name in axes:
            raise UserError(f"{name} is varied twice; name all its values in one place")
        axes[name] = tuple(dict.fromkeys(_values(name, text)))
    return axes


def _values(name: str, text: str) -> Iterator[str]:
    for value in text.split(","):
        if not value.strip():
            raise UserError(f"{name}={printable(text)}: a value is missing")
        bounds = re.fullmatch(r"(\d+)\.\.(\d+)", value)
        if not bounds:
            yield _normal(name, value.strip())
            continue
        first, last = int(bounds[1]), int(bounds[2])
        if not first <= last < first + MOST_CELLS:
            raise UserError(
                f"{name}={value}: a range goes up, and over at most {MOST_CELLS} numbers"
            )
        yield from (_normal(name, str(number)) for number in range(first, last + 1))


def _normal(name: str, value: str) -> str:
    """`value` as its option reads it, so that .50 and 0.5 are one; UserError where it is none."""
    option = OPTIONS.get(name.replace("-", "_"))
    if option is None or (value == option.unset and option.default is None):
        return value
    if option.parse is None:
        if value not in ("yes", "no"):
            raise UserError(f"{name}={printable(value)}: {flag(name)} is given or not: yes or no")
        return value
    if option.nargs == "*" and value == EMPTY:
        return value
    words = value.split() if option.nargs else [value]
    try:
        texts = [str(option.parse(word)) for word in words]
    except (argparse.ArgumentTypeError, TypeError, ValueError) as error:
        raise UserError(f"{name}: {error}") from error
    if option.choices is not None and not set(texts) <= set(option.choices):
        raise UserError(
            f"{name}={printable(value)}: not one of {', '.join(map(str, option.choices))}"
        )
    return " ".join(texts)


def combinations(axes: Axes) -> Iterator[tuple[Setting, ...]]:
    """Every choice of one value of each axis, the last axis changing fastest."""
    for values in itertools.product(*axes.values()):
        yield tuple(zip(axes, values))


def read_axes(path: Path) -> list[Axes]:
    """The axes of each line of the file `path`, as `axes_of` reads them; # begins a comment.

    Raises UserError where the file cannot be read, or a line of it is no grid.
    """
    with reading.file_errors(path, "no readable cells"):
        lines = reading.read_text(path).splitlines()
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            words = shlex.split(line, comments=True)
            if words:
                found.append(axes_of(words))
        except (UserError, ValueError) as error:
            raise UserError(f"{path}, line {number}: {error}") from error
    if not found:
        raise UserError(f"{path}: no cell in it")
    return found


def arguments(settings: Sequence[Setting]) -> list[str]:
    """`settings` as the words of a script's command line."""
    words: list[str] = []
    for name, value in settings:
        option = OPTIONS.get(name.replace("-", "_"))
        if option is not None and value == option.unset and option.default is None:
            continue
        if option is not None and option.parse is None:
            words += [f"--{name}"] if value == "yes" else []
        elif option is not None and option.nargs:
            empty = option.nargs == "*" and value == EMPTY
            words += [f"--{name}", *([] if empty else value.split())]
        else:
            # In one word, so that a value may begin with a dash.
            words.append(f"--{name}={value}")
    return words


def folder_name(settings: Sequence[Setting]) -> str:
    """The name of the folder of a cell: `width-0.125_seed-0`.

    What a name cannot hold is left to digits of the whole text's, and so is the end of a long one.
    """
    exact = "_".join(f"{name}-{value}" for name, value in settings)
    text = "".join(c if c.isascii() and (c.isalnum() or c in ".-_") else "+" for c in exact)
    if text == exact.replace(" ", "+") and len(text) <= MOST_CHARACTERS:
        return text
    digits = hashlib.sha256(exact.encode(errors="surrogateescape")).hexdigest()[:DIGITS]
    return f"{text[: MOST_CHARACTERS - DIGITS - 1]}_{digits}"
