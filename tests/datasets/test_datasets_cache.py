"""The HDF5 cache: used when it fits, made anew when it does not, never in the way."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.data_files import images_and_labels, write_cifar10
from support.project import PROJECT

import datasets
from datasets import cache


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """Two source files in a folder of their own; the user's cache folder is `tmp_path/user`."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("first", "second"):
        (folder / name).write_text(name)
    return [folder / "first", folder / "second"]


class Parsing:
    """A parser that counts its calls."""

    def __init__(self, seed=0):
        self.calls = 0
        images, labels = images_and_labels(6, seed)
        self.pool = cache.Pool(images, labels, np.array([4, 2]))

    def __call__(self):
        self.calls += 1
        return self.pool


def check_same(pool, expected):
    for array, wanted in zip(pool, expected):
        assert array.dtype == wanted.dtype and np.array_equal(array, wanted)


def check_parsed(sources, parsing, calls):
    check_same(cache.cached("set", sources, parsing), parsing.pool)
    assert parsing.calls == calls


def test_parsed_once(sources):
    parsing = Parsing()
    for _ in range(3):
        check_parsed(sources, parsing, calls=1)
    assert sorted(os.listdir(sources[0].parent)) == ["first", "second", "set.h5"]
    with h5py.File(sources[0].parent / "set.h5", "r") as file:
        assert file["images"].dtype == np.uint8 and file["images"].shape == (6, 3, 32, 32)


def test_others_may_read_it(sources):
    cache.cached("set", sources, Parsing())
    mode = stat.S_IMODE((sources[0].parent / "set.h5").stat().st_mode)
    assert mode == stat.S_IMODE(sources[0].stat().st_mode)


def test_made_anew_for_other_sources(sources):
    cache.cached("set", sources, Parsing())
    sources[1].write_text("longer than before")
    check_parsed(sources, Parsing(seed=1), calls=1)
    # Another file of the same name, size and time of modification, as `cp -p` makes it.
    times = sources[0].stat()
    (sources[0].parent / "other").write_text("FIRST")
    os.utime(sources[0].parent / "other", ns=(times.st_atime_ns, times.st_mtime_ns))
    os.replace(sources[0].parent / "other", sources[0])
    check_parsed(sources, Parsing(seed=2), calls=1)
    check_parsed(sources[:1], Parsing(seed=3), calls=1)


def test_made_anew_for_another_version(sources, monkeypatch):
    cache.cached("set", sources, Parsing())
    monkeypatch.setattr(cache, "VERSION", cache.VERSION + 1)
    parsing = Parsing(seed=1)
    check_parsed(sources, parsing, calls=1)
    check_parsed(sources, parsing, calls=1)


FOREIGN = {
    "empty": lambda path: path.touch(),
    "text": lambda path: path.write_text("not a cache\n" * 100),
    "other HDF5": lambda path: h5py.File(path, "w").close(),
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "link to itself": lambda path: path.symlink_to(path),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_foreign_files_in_its_place_are_replaced(case, sources):
    FOREIGN[case](sources[0].parent / "set.h5")
    parsing = Parsing()
    check_parsed(sources, parsing, calls=1)
    check_parsed(sources, parsing, calls=1)


@pytest.fixture(scope="module")
def whole():
    """A folder with a source and its cache, and the cache's bytes."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        source.write_text("source")
        parsing = Parsing()
        cache.cached("set", [source], parsing)
        yield source, parsing.pool, (source.parent / "set.h5").read_bytes()


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.floats(0, 1, exclude_max=True),
        st.lists(
            st.tuples(st.one_of(st.integers(0, 4096), st.integers(0)), st.integers(1, 255)),
            min_size=1,
            max_size=5,
            unique_by=lambda change: change[0],
        ),
    )
)
def test_damage_is_noticed(whole, damage):
    source, pool, content = whole
    path = source.parent / "set.h5"
    damaged = bytearray(content)
    if isinstance(damage, float):
        del damaged[int(damage * len(content)) :]
    else:
        for place, difference in damage:
            damaged[place % len(damaged)] ^= difference
    path.write_bytes(damaged)
    parsing = Parsing()
    check_same(cache.cached("set", [source], parsing), pool)
    assert parsing.calls == (damaged != content)


def test_a_read_only_folder_is_left_alone(sources, tmp_path):
    folder = sources[0].parent
    folder.chmod(0o555)
    try:
        parsing = Parsing()
        check_parsed(sources, parsing, calls=1)
        check_parsed(sources, parsing, calls=1)
        assert sorted(os.listdir(folder)) == ["first", "second"]
        assert len(list((tmp_path / "user" / "binarynet").glob("*/set.h5"))) == 1
    finally:
        folder.chmod(0o755)


def test_no_place_for_a_cache(sources, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(sources[0]))
    folder = sources[0].parent
    folder.chmod(0o555)
    try:
        parsing = Parsing()
        check_parsed(sources, parsing, calls=1)
        check_parsed(sources, parsing, calls=2)
        # A relative path in the variable has to be ignored.
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("XDG_CACHE_HOME", "user")
        check_parsed(sources, parsing, calls=3)
    finally:
        folder.chmod(0o755)
    assert sorted(os.listdir(folder)) == ["first", "second"]
    assert not (tmp_path / "user").exists()


def test_a_source_that_is_gone(sources):
    sources[1].unlink()
    with pytest.raises(datasets.DataError, match="second: cannot be read"):
        cache.cached("set", sources, Parsing())


LOAD = "import datasets, sys; print(datasets.load_cifar10(sys.argv[1]).fingerprint())"


def python(program, *arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(PROJECT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process):
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    return output


def test_two_processes_building_one_cache(tmp_path):
    folder = tmp_path / "a folder with späces" / "cifar-10-batches-py"
    write_cifar10(folder, rows=(100,) * 6)
    # Both wait for the same end of input, to start together.
    program = "import sys; sys.stdin.read(); " + LOAD
    reader, writer = os.pipe()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, folder.parent],
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            stdin=reader,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    os.close(reader)
    os.close(writer)
    first, second = map(finished, processes)
    expected = datasets.load_cifar10(str(folder.parent)).fingerprint()
    assert first == second == expected + "\n"
    assert len([name for name in os.listdir(folder) if "h5" in name]) == 1


def test_no_space_left(tmp_path):
    folder = tmp_path / "data"
    write_cifar10(folder, rows=(100,) * 6)
    # Files of this process end after a megabyte, as they do on a disk that is full.
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)); "
    user = tmp_path / "user"
    output = finished(python(limited + LOAD, folder, XDG_CACHE_HOME=str(user)))
    assert not [name for name in os.listdir(folder) if "h5" in name]
    assert not [path for path in user.rglob("*") if path.is_file()]
    shutil.rmtree(user)
    assert finished(python(LOAD, folder, XDG_CACHE_HOME=str(user))) == output
    assert (folder / "cifar10.h5").is_file() and not user.exists()
