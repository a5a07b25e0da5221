"""Where Theano's compiled modules lie: in a folder that nobody but the user can write to.

Theano unpickles and loads whatever it finds in its cache, so that the cache's owner, and everybody
who may write to it, runs code as the user.
"""

from __future__ import annotations

import atexit
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from theano_engine.setup.errors import SetupError
from theano_engine.setup.notices import notice

# As many as Linux follows.
_MOST_LINKS = 40


class UntrustedFolder(Exception):  # noqa: N818 - the reader's next step is to take another folder
    """Somebody else can write to the folder, or to what leads to it; the message says who."""


def choose(asked: str | None) -> Path:
    """The folder for Theano's `base_compiledir`, made where it is not there yet.

    `asked` is the user's own choice; without one it is `~/.theano`, or where the home folder cannot
    be written `theano-<uid>` in the temporary folder. Where others can write to that, a line on
    stderr says so, and it is a new folder, private to this process and deleted at its end.

    Raises SetupError where the user's choice cannot be made or written to.
    """
    try:
        if asked is not None:
            return _usable(Path(os.path.expanduser(asked)))
        try:
            return _usable(_home() / ".theano")
        except OSError:
            return _usable(Path(tempfile.gettempdir()) / f"theano-{os.getuid()}", private=True)
    except UntrustedFolder as reason:
        folder = _for_this_process()
        notice(
            f"compile cache: {reason}; this process compiles into a folder of its own, which takes "
            "a minute every time"
        )
        return folder
    except OSError as error:
        raise SetupError(
            f"base_compiledir={asked or error.filename}: the folder for compiled modules cannot be "
            f"used ({error.strerror}); name another with THEANO_FLAGS=base_compiledir=/path"
        ) from error


def _home() -> Path:
    home = os.path.expanduser("~")
    if not os.path.isabs(home):
        raise FileNotFoundError(2, os.strerror(2), home)
    return Path(home)


def _usable(folder: Path, private: bool = False) -> Path:
    """`folder`, made with access for the user alone where it is missing.

    Raises OSError where it cannot be made or written to, UntrustedFolder where others may write;
    with `private` also where others may read.
    """
    folder = Path(os.path.abspath(folder))
    # Below a file there is no folder, whoever may write to the file.
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir():
        raise NotADirectoryError(20, os.strerror(20), str(existing))
    _check_path(folder)
    for missing in reversed([folder, *folder.parents]):
        if not missing.exists():
            missing.mkdir(mode=0o700, exist_ok=True)
    _check_path(folder)
    if private and folder.lstat().st_mode & 0o7777 != 0o700:
        raise UntrustedFolder(f"others have access to {folder}")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise PermissionError(13, os.strerror(13), str(folder))
    # Others get no further than a folder that they cannot enter.
    closed = not folder.stat().st_mode & 0o011
    for entry in _entries(folder):
        _check_own(entry.path, entry.stat(follow_symlinks=False), unreachable=closed)
    return folder


def _entries(folder: str | Path) -> Iterator[os.DirEntry]:
    """All that lies in `folder`, at any depth, but for what another process deletes meanwhile."""
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except FileNotFoundError:
        return
    for entry in entries:
        try:
            entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        yield entry
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(entry.path)


def _check_own(path: str | Path, status: os.stat_result, unreachable: bool = False) -> None:
    if status.st_uid != os.getuid():
        raise UntrustedFolder(f"{path} belongs to another user (number {status.st_uid})")
    if not unreachable and not stat.S_ISLNK(status.st_mode) and status.st_mode & 0o022:
        raise UntrustedFolder(f"others may write to {path} (chmod -R go-w would end that)")


def _check_path(folder: Path) -> None:
    """Raise UntrustedFolder where others may replace `folder`, or anything that leads to it.

    Every link on the way is followed. What leads to it may belong to the administrator too, and be
    open to all if it is sticky, as /tmp is: there nobody can move what is another's.
    """
    links = 0
    done, left = Path(folder.anchor), list(folder.parts[1:])
    while True:
        status = done.lstat()
        if stat.S_ISLNK(status.st_mode):
            links += 1
            if links > _MOST_LINKS:
                raise OSError(40, os.strerror(40), str(folder))
            _check_leads(done, status)
            target = done.parent / os.readlink(done)
            done, left = Path(target.anchor), [*target.parts[1:], *left]
            continue
        if not left:
            _check_own(done, status)
            return
        _check_leads(done, status)
        if left[0] == "..":
            done = done.parent
        elif (done / left[0]).is_symlink() or (done / left[0]).exists():
            done = done / left[0]
        else:
            return
        left = left[1:]


def _check_leads(path: Path, status: os.stat_result) -> None:
    if status.st_uid not in (0, os.getuid()):
        raise UntrustedFolder(f"{path} belongs to another user (number {status.st_uid})")
    open_to_others = status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX
    if open_to_others and not stat.S_ISLNK(status.st_mode):
        raise UntrustedFolder(f"others may write to {path} (chmod go-w would end that)")


def _for_this_process() -> Path:
    for parent in (tempfile.gettempdir(), "/tmp", "/var/tmp"):
        try:
            _check_leads(Path(parent), os.stat(parent))
            folder = Path(tempfile.mkdtemp(prefix="theano-", dir=parent))
        except (OSError, UntrustedFolder):
            continue
        atexit.register(_delete, folder, os.getpid())
        return folder
    raise SetupError(
        "no folder for compiled modules that others cannot write to: name one with "
        "THEANO_FLAGS=base_compiledir=/path"
    )


def _delete(folder: Path, process: int) -> None:
    # A forked child ends before the process whose folder this is.
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)
