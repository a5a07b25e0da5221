"""Draw README's pictures of a run: what a terminal shows while it trains, and at its end.

    python tools/picture_of_a_run.py [--columns 60] [--epoch 12] [--output docs/figures]

Types the command of README's quick look into a shell on a pseudo-terminal, keeps what the terminal
then shows, and writes it as run.svg (in the middle of an epoch) and run_end.svg (from the table of
the last and the best epoch on). The text is the run's own, to the last character. The data set is
found as a run finds it (--data-dir aside): set BINARYNET_DATA.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import html
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from foundations import files

PROJECT = Path(__file__).resolve().parent.parent

SCRIPT = "cifar10_random_labels.py"
OPTIONS = (
    *("--width", "0.25", "--epochs", "40", "--train-size", "500", "--batch-size", "25"),
    *("--lr-start", "0.003", "--lr-fin", "0.0003", "--name", "quick-look"),
)
PROMPT, CONTINUED = "$ ", "> "
# Characters behind which a command goes on in the next line.
LONG = 34
ROWS = 24
# Of an epoch, in per cent.
MIDDLE = 60
# In pixels: a character's cell, what the text stands above the cell's lower edge, the margin.
CELL_WIDTH, CELL_HEIGHT, BASELINE, MARGIN = 8.4, 18, 5, 14
FONT_SIZE = 14
# U+2588 to U+258F: the left eighths of a cell, from the whole to one.
BLOCKS = {chr(0x2588 + number): (8 - number) / 8 for number in range(8)}
STYLE = """
  .screen { fill: #ffffff; stroke: #888888 } .bar { fill: #222222 }
  text { fill: #222222; white-space: pre; font-family: "DejaVu Sans Mono", Menlo, Consolas,
    "Liberation Mono", monospace }
  @media (prefers-color-scheme: dark) {
    .screen { fill: #161b22; stroke: #555555 } .bar, text { fill: #e0e0e0 }
  }
"""


class Terminal:
    """The lines that a terminal of `columns` columns shows, those scrolled away included."""

    def __init__(self, columns: int):
        self.columns = columns
        self._lines: list[list[str]] = [[]]
        self._row = self._column = 0
        self._begun = ""

    @property
    def lines(self) -> list[str]:
        return ["".join(line).rstrip() for line in self._lines]

    def feed(self, text: str) -> None:
        """Show `text`; ValueError at a control that this terminal does not know."""
        text = self._begun + text
        whole = re.match(r"(?s)(.*?)(\x1b(?:\[[\d;?]*)?)?\Z", text)
        assert whole is not None
        self._begun = whole[2] or ""
        for control, number, letter, character in re.findall(
            r"(?s)(\x1b\[\??([\d;]*)([A-Za-z]))|(.)", whole[1]
        ):
            if control:
                self._control(letter, number)
            else:
                self._character(character)

    def _control(self, letter: str, number: str) -> None:
        if letter == "A":
            self._row = max(0, self._row - int(number or 1))
        elif letter == "K":
            del self._lines[self._row][self._column :]
        elif letter not in "mhl":
            raise ValueError(f"no such control: ESC [ {number} {letter}")

    def _character(self, character: str) -> None:
        if character == "\r":
            self._column = 0
        elif character == "\n":
            self._down()
        elif character == "\b":
            self._column = max(0, self._column - 1)
        elif character.isprintable():
            if self._column == self.columns:
                self._down()
                self._column = 0
            line = self._lines[self._row]
            line += " " * (self._column + 1 - len(line))
            line[self._column] = character
            self._column += 1
        else:
            raise ValueError(f"no such character: {character!r}")

    def _down(self) -> None:
        self._row += 1
        if self._row == len(self._lines):
            self._lines.append([])


def typed(columns: int, options: tuple[str, ...]) -> Iterator[list[str]]:
    """What a terminal of so many columns shows, each time that a line is whole, until the run ends.

    The shell stands in a folder that has the script and the environment, and nothing else.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
    terminal = Terminal(columns)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, SCRIPT).symlink_to(PROJECT / SCRIPT)
        Path(folder, ".venv").symlink_to(sys.prefix)
        environment = {**os.environ, "PS1": PROMPT, "PS2": CONTINUED, "TERM": "dumb"}
        for name in ("COLUMNS", "LINES", "ENV"):
            environment.pop(name, None)
        shell = subprocess.Popen(
            ["sh", "-i"],
            cwd=folder,
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)
        to_type = [*_command(options), "exit"]
        begun = b""
        # The read fails once the shell has gone.
        with contextlib.suppress(OSError):
            while piece := os.read(ours, 65536):
                whole, begun = _whole_characters(begun + piece)
                # However much of it was read at once, every state of the bars is shown.
                for drawn in re.split(r"(?=\r)", whole):
                    terminal.feed(drawn)
                    yield terminal.lines
                if to_type and terminal.lines[-1] in (PROMPT.rstrip(), CONTINUED.rstrip()):
                    os.write(ours, f"{to_type.pop(0)}\n".encode())
        os.close(ours)
        if shell.wait() != 0:
            raise RuntimeError("\n".join(terminal.lines))


def _command(options: tuple[str, ...]) -> list[str]:
    """The lines of the command, a few options in each."""
    lines = [f".venv/bin/python {SCRIPT}"]
    for option in options:
        if option.startswith("--") and len(lines[-1]) > LONG:
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] += f" {option}"
    return lines


def _whole_characters(received: bytes) -> tuple[str, bytes]:
    """What is whole of `received`, and the bytes of a character of which more is to come."""
    for cut in range(4):
        with contextlib.suppress(UnicodeDecodeError):
            return received[: len(received) - cut].decode(), received[len(received) - cut :]
    raise ValueError(f"no UTF-8: {received!r}")


def pictures(columns: int, epoch: int, options: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The lines of the two pictures: within the epoch, and at the end.

    Which parts of an epoch a bar shows depends on how long the epoch takes: the picture is of that
    nearest to MIDDLE.
    """
    middle: list[str] = []
    nearest = 100 - MIDDLE
    lines: list[str] = []
    for lines in typed(columns, options):
        bar = re.match(rf"epoch {epoch}: +(\d+)%", lines[-1] or lines[-2])
        if bar and abs(int(bar[1]) - MIDDLE) < nearest:
            middle, nearest = lines, abs(int(bar[1]) - MIDDLE)
    if not middle:
        raise ValueError(f"nothing was shown within epoch {epoch}")
    last = max(number for number, line in enumerate(lines) if line.startswith("last "))
    prompt = max(number for number, line in enumerate(lines) if line.startswith(PROMPT))
    return middle, lines[last - 2 : prompt]


def svg(lines: list[str], columns: int) -> str:
    """A picture of the screen `lines`; characters keep their columns in whatever font there is."""
    while lines and not lines[-1]:
        lines = lines[:-1]
    width = columns * CELL_WIDTH + 2 * MARGIN
    height = len(lines) * CELL_HEIGHT + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" '
        f'viewBox="0 0 {width:.0f} {height}" role="img">',
        f"<title>A run on a terminal of {columns} columns</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="screen" x="0.5" y="0.5" width="{width - 1:.0f}" height="{height - 1}" '
        'rx="6"/>',
    ]
    for row, line in enumerate(lines):
        parts += _bars(line, MARGIN + row * CELL_HEIGHT)
        parts += _words(line, MARGIN + (row + 1) * CELL_HEIGHT - BASELINE)
    return "\n".join([*parts, "</svg>", ""])


def _bars(line: str, top: float) -> Iterator[str]:
    for bar in re.finditer(f"[{''.join(BLOCKS)}]+", line):
        width = sum(map(BLOCKS.__getitem__, bar[0])) * CELL_WIDTH
        yield (
            f'<rect class="bar" x="{MARGIN + bar.start() * CELL_WIDTH:.1f}" y="{top + 2}" '
            f'width="{width:.1f}" height="{CELL_HEIGHT - 4}"/>'
        )


def _words(line: str, baseline: float) -> Iterator[str]:
    """Each run of text apart, as wide as its cells."""
    for words in re.finditer(rf"[^\s{''.join(BLOCKS)}]+(?: [^\s{''.join(BLOCKS)}]+)*", line):
        yield (
            f'<text x="{MARGIN + words.start() * CELL_WIDTH:.1f}" y="{baseline}" '
            f'font-size="{FONT_SIZE}" textLength="{len(words[0]) * CELL_WIDTH:.1f}" '
            f'lengthAdjust="spacingAndGlyphs">{html.escape(words[0], quote=False)}</text>'
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--columns", type=int, default=60)
    parser.add_argument("--epoch", type=int, default=12)
    parser.add_argument("--output", type=Path, default=PROJECT / "docs" / "figures")
    parser.add_argument(
        "options", nargs="*", help="the run's, after --, where not the quick look's"
    )
    chosen = parser.parse_args()
    drawn = pictures(chosen.columns, chosen.epoch, tuple(chosen.options) or OPTIONS)
    for name, lines in zip(("run.svg", "run_end.svg"), drawn):
        with files.replacing(chosen.output / name, "w") as stream:
            stream.write(svg(lines, chosen.columns))


if __name__ == "__main__":
    main()
