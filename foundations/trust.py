"""Whose a folder is: whether anybody but the user can change what lies there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

# As many as Linux follows.
_MOST_LINKS = 40


class UntrustedError(Exception):
    """Somebody else can write to a file or folder, or to what leads to it; the message says who."""


def check_own(
    path: str | os.PathLike, status: os.stat_result, *, out_of_reach: bool = False
) -> None:
    """Raise UntrustedError where `path`, of this `status`, is another's, or others may write it.

    A link has no mode of its own. `out_of_reach`: others do not get as far as `path`.
    """
    if status.st_uid != os.getuid():
        raise UntrustedError(f"{path} belongs to another user (number {status.st_uid})")
    if not out_of_reach and status.st_mode & 0o022 and not stat.S_ISLNK(status.st_mode):
        raise UntrustedError(f"others may write to {path} (chmod -R go-w would end that)")


def check_way(path: Path, status: os.stat_result, *, out_of_reach: bool = False) -> None:
    """Raise UntrustedError where others may move what lies in `path`, of this `status`.

    It may belong to the administrator too, and be open to all if it is sticky, as /tmp is: there
    nobody moves what is another's.
    """
    if status.st_uid not in (0, os.getuid()):
        raise UntrustedError(f"{path} belongs to another user (number {status.st_uid})")
    movable = status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX
    if movable and not out_of_reach and not stat.S_ISLNK(status.st_mode):
        raise UntrustedError(f"others may write to {path} (chmod go-w would end that)")


def is_closed(status: os.stat_result) -> bool:
    """Whether others cannot enter the folder of this `status`, nor reach anything below it."""
    return not status.st_mode & 0o011


def check_folder(folder: Path, *, missing_ok: bool = False, trust_closed: bool = True) -> None:
    """Raise UntrustedError unless `folder` is the user's, and nobody else can change or move it.

    Every link on the way is followed, and `check_way` holds for all that leads to the folder. Below
    a folder that others cannot enter, nothing that they might write to is within their reach;
    `trust_closed` false counts on no such folder staying closed. Raises OSError where the folder
    cannot be looked at; with `missing_ok`, what there is of the way may end before it.
    """
    links = 0
    done, left = Path(folder.absolute().anchor), list(folder.absolute().parts[1:])
    closed = False
    while True:
        try:
            status = done.lstat()
        except FileNotFoundError:
            if missing_ok:
                return
            raise
        if stat.S_ISLNK(status.st_mode):
            links += 1
            if links > _MOST_LINKS:
                raise OSError(40, os.strerror(40), str(folder))
            check_way(done, status, out_of_reach=closed)
            target = done.parent / os.readlink(done)
            done, left, closed = Path(target.anchor), [*target.parts[1:], *left], False
        elif not left:
            if not stat.S_ISDIR(status.st_mode):
                raise NotADirectoryError(20, os.strerror(20), str(done))
            check_own(done, status)
            return
        else:
            check_way(done, status, out_of_reach=closed)
            if trust_closed:
                closed = left[0] != ".." and (closed or is_closed(status))
            done = done.parent if left[0] == ".." else done / left[0]
            left = left[1:]
