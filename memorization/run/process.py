"""What a run's record tells of each process that worked on it."""

from __future__ import annotations

import datetime
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from foundations import reading
from foundations.version import __version__

PROJECT = Path(__file__).resolve().parents[2]


def describe(command: Sequence[str]) -> dict[str, Any]:
    """This process, which runs `command`, a script and its options: ready for JSON.

    `commit` is the project's git revision and `changed` whether its files are others than that
    revision's; both None where the project is no git checkout.
    """
    commit = _git("rev-parse", "HEAD")
    status = _git("status", "--porcelain", "--untracked-files=no")
    return {
        "command": reading.pasteable([sys.executable, *command]),
        "folder": str(Path.cwd()),
        "host": platform.node(),
        "system": platform.platform(),
        "version": __version__,
        "commit": commit or None,
        "changed": bool(status) if commit and status is not None else None,
        "began": _now(),
        "ended": None,
        "seconds": None,
    }


def ended(process: dict[str, Any]) -> dict[str, Any]:
    """`process`, which ends now."""
    now = _now()
    spent = datetime.datetime.fromisoformat(now) - datetime.datetime.fromisoformat(process["began"])
    return {**process, "ended": now, "seconds": spent.total_seconds()}


def check(processes: Any) -> None:
    """Raise ValueError unless `processes` is a record's list of processes."""
    if not isinstance(processes, list):
        raise ValueError(f"processes is {reading.printable(repr(processes))}")
    for entry in processes:
        reading.check_fields(entry, {"from_epoch": int, "command": str, "began": str})
        reading.check_fields({"seconds": None, **entry}, {"seconds": (int, float, type(None))})


def _now() -> str:
    return datetime.datetime.now().astimezone().isoformat(timespec="milliseconds")


def _git(*words: str) -> str | None:
    if not (PROJECT / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(PROJECT), *words], capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
