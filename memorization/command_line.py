"""What every command is made of: its parser, its number types, its streams and its exit codes.

0: done. 1: done but for what is named. 2: something that the user can put right, told in a line.
128 + n: ended by signal n.
"""

from __future__ import annotations

import argparse
import atexit
import difflib
import gc
import io
import math
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from foundations import memory
from foundations.errors import UserError
from foundations.reading import printable
from foundations.version import __version__
from memorization import signals

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
        self.add_argument("--version", action="version", version=f"%(prog)s {__version__}")

    def error(self, message: str) -> NoReturn:
        unknown = re.match(r"unrecognized arguments: (--[\w-]+)", message)
        if unknown:
            known = [name for name in self._option_string_actions if name.startswith("--")]
            close = difflib.get_close_matches(unknown[1], known, n=2, cutoff=0.6)
            message += f"; did you mean {' or '.join(close)}?" if close else ""
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


def non_negative_float(text: str) -> float:
    return _number(text, float, "a number of at least 0", lambda value: 0 <= value < math.inf)


def fraction(text: str) -> float:
    return _number(text, float, "a number from 0 to 1", lambda value: 0 <= value <= 1)


def positive_fraction(text: str) -> float:
    return _number(text, float, "a number above 0, at most 1", lambda value: 0 < value <= 1)


def below_one(text: str) -> float:
    return _number(text, float, "a number from 0 to below 1", lambda value: 0 <= value < 1)


def folder_name(text: str) -> str:
    """`text` as the name of a folder; ArgumentTypeError where it is none, or is hidden."""
    named = text and text == Path(text).name and not text.startswith(".")
    if not named or not text.isprintable() or len(text.encode()) > 200:
        raise argparse.ArgumentTypeError(
            f"{printable(text)!r} is no name of a folder: it has no slash, and begins with no dot"
        )
    return text


def _number(text: str, kind: Callable, wanted: str, holds: Callable[[Any], bool]) -> Any:
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not holds(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
    return value


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
    # What has to be closed is closed by then; a last search for cycles among the nodes of Theano's
    # graphs would take half a second.
    atexit.register(gc.freeze)
    try:
        with signals.StopRequest("the same command starts again"):
            main()
            sys.stdout.flush()
    except BrokenPipeError:
        _end(f"{name}: stopped: what read its output has gone", 128 + signal.SIGPIPE)
    except (UserError, OSError) as error:
        # Whatever foreign text a message took in, it stays one line, and moves no cursor.
        _end(f"{name}: error: {printable(error, MOST_OF_A_LINE)}", 2)
    except MemoryError as error:
        told = printable(error, MOST_OF_A_LINE) or "no more is to be had"
        advice = "a smaller --width, --batch-size or --train-size may fit"
        _end(f"{name}: error: out of memory ({told}); {advice}", 2)
    except signals.Interrupted as interruption:
        _end(f"{name}: {interruption}", interruption.exit_code)
    finally:
        signals.leave_interrupts_to_the_system()
    sys.exit(0)


def _end(message: str, exit_code: int) -> NoReturn:
    """End with a last line, even where the terminal has gone that it was for."""
    for stream, text in ((sys.stdout, ""), (sys.stderr, f"{message}\n")):
        try:
            stream.write(text)
            stream.flush()
        except OSError:
            # What is left in the buffer would fail again when Python ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(exit_code)


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
