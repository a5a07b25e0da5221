"""Where Theano's compiled modules lie: in a folder that nobody but the user can write to.

Theano unpickles and loads whatever it finds in its cache, so that the cache's owner, and everybody
who may write to it, runs code as the user.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from foundations.trust import UntrustedError, check_folder, check_own, check_way, is_closed
from theano_engine.setup.errors import SetupError
from theano_engine.setup.notices import notice


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
    except UntrustedError as reason:
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

    Raises OSError where it cannot be made or written to, UntrustedError where others may write;
    with `private` also where others may read.
    """
    folder = Path(os.path.abspath(folder))
    # Below a file there is no folder, whoever may write to the file.
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir():
        raise NotADirectoryError(20, os.strerror(20), str(existing))
    # What is in the folder is run, so that no mode of a folder above may have to keep others out.
    check_folder(folder, missing_ok=True, trust_closed=False)
    for missing in reversed([folder, *folder.parents]):
        if not missing.exists():
            missing.mkdir(mode=0o700, exist_ok=True)
    check_folder(folder, trust_closed=False)
    if private and folder.lstat().st_mode & 0o7777 != 0o700:
        raise UntrustedError(f"others have access to {folder}")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise PermissionError(13, os.strerror(13), str(folder))
    closed = is_closed(folder.stat())
    for entry in _entries(folder):
        check_own(entry.path, entry.stat(follow_symlinks=False), out_of_reach=closed)
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


def _for_this_process() -> Path:
    for parent in (tempfile.gettempdir(), "/tmp", "/var/tmp"):
        try:
            check_way(Path(parent), os.stat(parent))
            folder = Path(tempfile.mkdtemp(prefix="theano-", dir=parent))
        except (OSError, UntrustedError):
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
