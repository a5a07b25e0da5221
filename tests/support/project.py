"""The project as its users have it: where it lies, its commands as subprocesses."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
if str(PROJECT) not in sys.path:
    sys.path.insert(0, str(PROJECT))


def project_files() -> list[str]:
    """The names of all files that the project keeps, seen from its folder.

    Of an unpacked archive, or without git: of all that git does not ignore.
    """
    if not (PROJECT / ".git").exists() or shutil.which("git") is None:
        ignored = {line.strip("/") for line in (PROJECT / ".gitignore").read_text().splitlines()}
        return [name for name in _below(PROJECT) if not ignored & _with_parents(name)]
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    return [name for name in listed.stdout.split("\0") if (PROJECT / name).is_file()]


def _below(folder: Path) -> list[str]:
    kept = []
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != ".git" and not name.startswith(".venv")]
        paths = [Path(where) / name for name in names if name != ".git"]
        kept += [path.relative_to(folder).as_posix() for path in paths]
    return kept


def _with_parents(name: str) -> set[str]:
    """`name`, each of its parts, and each folder that it is in."""
    return {name, *Path(name).parts, *(path.as_posix() for path in Path(name).parents)}


def copy_sources(folder: Path) -> Path:
    """Copy what is imported, compiled, shown, and the tools, into `folder`; returns it."""
    for name in project_files():
        if name.endswith((".py", ".h", ".js", ".css", ".html")) and not name.startswith("tests/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, folder / name)
    return folder


# What hangs ends some day. Nothing on a busy machine takes as long.
FOR_EVER = 3600
_WAITING = re.compile(r"^waiting for process \d*, which holds .*\n", re.MULTILINE)


def run_script(name: str, *arguments: str, cwd: Path, **environment: str):
    """Run a top-level script as a user does; returns the finished process, output captured."""
    return _run([str(PROJECT / name), *map(str, arguments)], cwd, environment)


def run_command(name: str, *arguments: str, cwd: Path, **environment: str):
    """Run `python -m memorization NAME ...` as a user does; returns the finished process."""
    environment = {"PYTHONPATH": str(PROJECT), **environment}
    return _run(["-m", "memorization", name, *map(str, arguments)], cwd, environment)


def run_code(code: str, *, cwd: Path = PROJECT, **environment: str):
    """Run `python -c CODE`; returns the finished process, output captured."""
    return _run(["-c", code], cwd, environment)


def check_one_line(process, *mentioned):
    """`process` ended with exit code 2 and one line, in which all of `mentioned` stands."""
    assert process.returncode == 2, (process.stdout, process.stderr)
    lines = process.stderr.strip().splitlines()
    assert len(lines) == 1, process.stderr
    for text in mentioned:
        assert str(text) in lines[0], lines[0]


def _run(arguments, cwd, environment):
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=FOR_EVER,
    )
    done.stderr = without_waiting(done.stderr)
    return done


def without_waiting(told: str) -> str:
    """`told` without its lines of having waited for other processes that compile.

    Tests side by side compile into one cache: how long one waits for another says nothing of it.
    """
    return _WAITING.sub("", told)
