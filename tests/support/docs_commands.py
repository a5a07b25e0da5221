"""The indented and fenced blocks of README and docs, and their commands made short."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from memorization import options
from memorization.run.settings import settings_name
from support.project import PROJECT

EVALUATION = "svhn_evaluation_random_labels.py"
SCRIPT = re.compile(r"(?:cifar10|svhn)_\w+\.py")
PYTHONS = ("python", ".venv/bin/python")
# What makes any command short, and the same of the words of a sweep.
SCALED = {"--width": "0.0625", "--epochs": "1", "--train-size": "60"}
# Compiled in half the time, where a command has options and says nothing of the network.
SMALL_NETWORK = ("--network", "mlp", "--hidden", "640", "320")
VARIED = {"width": "0.0625", "train-size": "60", "seed": "0"}


@dataclass(frozen=True)
class Block:
    """A block of a page, its lines joined where they end in a backslash."""

    page: str
    lines: tuple[str, ...]


def pages() -> list[str]:
    return ["README.md", *sorted(f"docs/{path.name}" for path in (PROJECT / "docs").glob("*.md"))]


def blocks(page: str) -> list[Block]:
    text = (PROJECT / page).read_text(encoding="utf-8")
    found = []
    for fenced, indented in re.findall(
        r"^```.*\n((?:.*\n)*?)```$|(?:\A|(?<=\n\n))((?: {4}.*\n|\n(?= {4}))+)", text, re.MULTILINE
    ):
        block = fenced or re.sub(r"^ {4}", "", indented, flags=re.MULTILINE)
        joined = re.sub(r"\\\n\s*", "", block)
        if lines := tuple(line for line in joined.splitlines() if line.strip()):
            found.append(Block(page, lines))
    return found


def words_of(line: str) -> list[str]:
    return shlex.split(line, comments=True)


def script_of(words: list[str]) -> str | None:
    """The script of an experiment that the command calls, if it calls one."""
    called = words[1:2] if words and words[0] in PYTHONS else []
    return next(filter(SCRIPT.fullmatch, called), None)


def calls(page: str) -> Iterator[tuple[str, list[str]]]:
    """The script and the arguments of each command of `page` that calls an experiment's."""
    for block in blocks(page):
        for line in block.lines:
            try:
                words = words_of(line)
            except ValueError:
                continue
            if script := script_of(words):
                yield script, words[2:]


def shortened(words: list[str]) -> list[str]:
    """The command, less the variables before it, made short; its runs keep their names.

    Figures are drawn where a command says so: what a run draws is tried in test_figures.py.
    """
    if words[1:4] == ["-m", "memorization", "sweep"]:
        varied = [_shortened_variation(word) for word in _with_values(words, {"--epochs": "1"})]
        return [*varied, "--no-figures"] if "--" in words else varied
    script = script_of(words)
    if script in (None, EVALUATION) or {"--help", "--resume"} & set(words):
        return words
    arguments = [word for word in words[2:] if word != "..."]
    chosen = options.parse(script, None, arguments)
    name = chosen.name or settings_name(chosen, {})
    scaled = _with_values(arguments, SCALED, add=True)
    if arguments and not {"--network", "--width"} & set(arguments):
        scaled += SMALL_NETWORK
    return [*words[:2], *scaled, "--name", name, "--no-figures"]


def _with_values(words: list[str], values: dict[str, str], add: bool = False) -> list[str]:
    words = list(words)
    for name, value in values.items():
        if name in words:
            words[words.index(name) + 1] = value
        elif add:
            words += [name, value]
    return words


def _shortened_variation(word: str) -> str:
    name, _, _ = word.partition("=")
    return f"{name}={VARIED[name]}" if name in VARIED else word


def linked_project(folder: Path) -> Path:
    """`folder`, in which everything of the project's folder lies but what was made there."""
    for path in PROJECT.iterdir():
        if path.name not in ("results", ".venv", ".git", ".gitignore"):
            (folder / path.name).symlink_to(path)
    return folder
