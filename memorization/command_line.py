"""What every command is made of: its parser, its streams, its signals and its exit codes.

0: done. 1: done but for what is named. 2: something that the user can put right, told in a line.
128 + n: ended by signal n.
"""

from __future__ import annotations

import argparse
import io
import math
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from foundations import memory
from foundations.errors import UserError
from foundations.reading import printable

# Of a complaint, which may hold a path or two.
MOST_OF_A_LINE = 4000

# Half of it does not do to load Theano and to start a compiler.
LEAST_ADDRESS_SPACE = 900 << 20


class ArgumentParser(argparse.ArgumentParser):
    """A parser whose complaint is one line that names the option; exit code 2.

    Options are written out in full, and `documentation` is shown by --help as it stands.
    """

    def __init__(self, prog: str, documentation: str | None):
        super().__init__(
            prog=prog,
            description=documentation,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {printable(message, MOST_OF_A_LINE)} (see --help)\n")


def positive_int(text: str) -> int:
    return _number(text, int, "a whole number of at least 1", lambda value: value >= 1)


def whole_number(text: str) -> int:
    return _number(text, int, "a whole number of at least 0", lambda value: value >= 0)


def seed_number(text: str) -> int:
    return _number(
        text, int, "a whole number from 0 to 4294967295", lambda value: 0 <= value < 2**32
    )


def positive_float(text: str) -> float:
    return _number(text, float, "a number above 0", lambda value: 0 < value < math.inf)


def fraction(text: str) -> float:
    return _number(text, float, "a number from 0 to 1", lambda value: 0 <= value <= 1)


def _number(text: str, kind: Callable, wanted: str, holds: Callable[[Any], bool]) -> Any:
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not holds(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
    return value


class Interrupted(Exception):  # noqa: N818 - it was asked for
    """The run stopped as asked, its state saved; the message says how to go on."""

    def __init__(self, message: str, signal_number: int):
        super().__init__(message)
        self.exit_code = 128 + signal_number


class StopRequest:
    """Within this context SIGINT and SIGTERM are noted; a second SIGINT interrupts at once."""

    signal_number: int | None = None

    def __enter__(self) -> StopRequest:
        self._before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
        for number in self._before:
            signal.signal(number, self._note)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __call__(self) -> bool:
        """Whether a stop has been asked for."""
        return self.signal_number is not None

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signal_number == signal.SIGINT == number:
            raise KeyboardInterrupt
        if self.signal_number is None:
            # Not by print: the signal may have come in the middle of one.
            with suppress(OSError):
                os.write(2, b"\nstopping when this batch, or this epoch's testing, is done ...\n")
        self.signal_number = number


def check_process() -> None:
    """Raise UserError where this process cannot train, whatever it is asked for."""
    if sys.flags.optimize > 1:
        raise UserError(
            "python -OO (PYTHONOPTIMIZE=2) takes away the docstrings that Theano puts together; "
            "leave it out, or use -O"
        )
    if memory.address_space() < LEAST_ADDRESS_SPACE:
        raise UserError(
            f"{memory.address_space() / 2**20:.0f} MB of addresses (ulimit -v) are too few to "
            f"compile and train with: at least {LEAST_ADDRESS_SPACE >> 20} MB are needed"
        )


def run_command(main: Callable[[], Any], name: str | None = None) -> NoReturn:
    """Call `main` as a command does: what the user can put right becomes one line, exit code 2.

    `name` is what its messages begin with; by default the script's own.
    """
    name = name or Path(sys.argv[0]).name
    _open_standard_streams()
    try:
        main()
        sys.stdout.flush()
    except BrokenPipeError:
        # What is left in the buffer would fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        print(f"{name}: stopped: what read its output has gone", file=sys.stderr)
        sys.exit(128 + signal.SIGPIPE)
    except (UserError, OSError) as error:
        # Whatever foreign text a message took in, it stays one line, and moves no cursor.
        print(f"{name}: error: {printable(error, MOST_OF_A_LINE)}", file=sys.stderr)
        sys.exit(2)
    except MemoryError as error:
        told = printable(error, MOST_OF_A_LINE) or "no more is to be had"
        print(
            f"{name}: error: out of memory ({told}); a smaller --width, --batch-size or "
            "--train-size may fit",
            file=sys.stderr,
        )
        sys.exit(2)
    except Interrupted as interruption:
        print(f"{name}: {interruption}", file=sys.stderr)
        sys.exit(interruption.exit_code)
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        sys.exit(130)
    sys.exit(0)


def _open_standard_streams() -> None:
    """Give a process that was started without some of its standard streams empty ones.

    Otherwise the next file opened would take the place, and receive what is printed.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # Takes the lowest number that is free, which is this one.
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            stream = open(number, "w" if number else "r", closefd=False)  # noqa: SIM115 - stays
            setattr(sys, name, stream)
    for output in (sys.stdout, sys.stderr):
        # Names of files need not be in the terminal's encoding, nor in any.
        if isinstance(output, io.TextIOWrapper):
            output.reconfigure(errors="backslashreplace")
