"""Nobody but the user has a hand in the folder of compiled modules, whose contents are run."""

from __future__ import annotations

import os
import pickle
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from support.project import PROJECT

pytestmark = pytest.mark.exhaustive

SHOW = "from theano_engine import theano; print(theano.config.base_compiledir)"
# The folder alone: what Theano makes of it takes seconds.
CHOOSE = """
import sys
from theano_engine.setup import cache_folder
folder = cache_folder.choose(sys.argv[1] if len(sys.argv) > 1 else None)
print(folder, oct(folder.stat().st_mode & 0o7777), sep="\\n")
"""
OTHER = 12345


def start(program, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=PROJECT,
        env={**os.environ, "THEANO_FLAGS": "", **{k: str(v) for k, v in environment.items()}},
        capture_output=True,
        text=True,
    )


def chosen(*arguments, **environment):
    """The folder that is taken, its mode then, and the lines on stderr."""
    done = start(CHOOSE, *arguments, **environment)
    assert done.returncode == 0, done.stderr
    folder, mode = done.stdout.splitlines()
    return Path(folder), mode, done.stderr.splitlines()


def make_open(folder):
    folder.mkdir(parents=True)
    folder.chmod(0o777)


def make_open_to_the_group(folder):
    folder.mkdir(parents=True)
    folder.chmod(0o775)


def make_in_open_folder(folder):
    folder.mkdir(parents=True)
    folder.parent.chmod(0o777)


def make_open_inside(folder):
    (folder / "compiledir_x" / "tmpabcd").mkdir(parents=True)
    (folder / "compiledir_x" / "tmpabcd").chmod(0o777)


def make_link_through_open_folder(folder):
    folder.parent.mkdir(parents=True)
    (folder.parent / "real").mkdir()
    (folder.parent / "open").mkdir()
    (folder.parent / "open" / "link").symlink_to(folder.parent / "real")
    (folder.parent / "open").chmod(0o777)
    folder.symlink_to("open/link")


OPEN = [
    make_open,
    make_open_to_the_group,
    make_in_open_folder,
    make_open_inside,
    make_link_through_open_folder,
]


@pytest.mark.parametrize("make", OPEN, ids=lambda make: make.__name__)
def test_a_folder_that_others_may_write_to_is_not_used(make, tmp_path):
    folder = tmp_path / "between" / "cache"
    make(folder)
    taken, mode, (told,) = chosen(folder)
    assert taken.parent != folder.parent and not taken.is_relative_to(folder)
    assert mode == "0o700"
    assert "others may write" in told
    # It was that process's own.
    assert not taken.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("whose", ["", "compiledir_x", "compiledir_x/tmpabcd/key.pkl", ".."])
def test_what_belongs_to_another_user_is_not_used(whose, tmp_path):
    folder = tmp_path / "between" / "cache"
    (folder / "compiledir_x" / "tmpabcd").mkdir(parents=True)
    (folder / "compiledir_x" / "tmpabcd" / "key.pkl").touch()
    os.chown(folder / whose, OTHER, OTHER)
    taken, _, (told,) = chosen(folder)
    assert not taken.is_relative_to(tmp_path / "between")
    assert f"number {OTHER}" in told


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_a_planted_cache_runs_no_code(tmp_path):
    """What another user may leave under a name that can be guessed."""
    (tmp_path / "home").write_text("no folder\n")
    shared, mark = tmp_path / "shared", tmp_path / "mark"
    shared.mkdir()
    shared.chmod(0o1777)
    planted = shared / f"theano-{os.getuid()}"
    name = subprocess.run(
        [sys.executable, "-c", "from theano_engine import theano; print(theano.config.compiledir)"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
    ).stdout.strip()
    entry = planted / Path(name).name / "tmpabcd"
    entry.mkdir(parents=True)

    class Evil:
        def __reduce__(self):
            return os.system, (f"id > {mark}",)

    (entry / "key.pkl").write_bytes(pickle.dumps(Evil(), 2))
    (entry / "m0123456789abcdef.so").touch()
    for path in [planted, *planted.rglob("*")]:
        os.chown(path, OTHER, OTHER)
    program = "from theano_engine import T; print(T.tanh(T.ones(3)).eval())"
    done = start(program, HOME=tmp_path / "home", TMPDIR=shared)
    assert done.returncode == 0, done.stderr
    assert not mark.exists()
    (told,) = done.stderr.splitlines()
    assert str(planted) in told


def test_without_a_home_the_cache_is_kept_in_the_temporary_folder(tmp_path):
    tmp_path.chmod(0o700)
    (tmp_path / "home").write_text("no folder\n")
    expected = tmp_path / f"theano-{os.getuid()}"
    for _ in range(2):
        assert chosen(HOME=tmp_path / "home", TMPDIR=tmp_path) == (expected, "0o700", [])
        assert stat.S_IMODE(expected.stat().st_mode) == 0o700
    expected.chmod(0o755)
    taken, _, (told,) = chosen(HOME=tmp_path / "home", TMPDIR=tmp_path)
    assert taken != expected and str(expected) in told


@pytest.mark.parametrize("name", ["new/cache", "with, comma", "with 'quote' and #", "übung"])
def test_a_folder_of_ones_own_is_used(name, tmp_path):
    folder = tmp_path / name
    assert chosen(folder) == (folder, "0o700", [])
    (tmp_path / "link").symlink_to(folder)
    taken, _, told = chosen(tmp_path / "link")
    assert (taken.resolve(), told) == (folder, [])


def test_links_in_a_circle_are_named(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    done = start(CHOOSE, tmp_path / "a")
    assert done.stderr.splitlines()[-1].count(str(tmp_path / "a")) == 1
    assert "SetupError" in done.stderr.splitlines()[-1]


def test_theano_is_told(tmp_path):
    folder = tmp_path / "it's, here #1"
    done = start(SHOW, THEANO_FLAGS=f'base_compiledir="{folder}"')
    assert done.stdout.strip() == str(folder), done.stderr
