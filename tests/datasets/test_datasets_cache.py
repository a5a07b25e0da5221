"""The HDF5 cache: used when it fits, made anew when it does not, never in the way."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.data_files import images_and_labels

import datasets
from datasets import cache

FORM = datasets.Form((3, 32, 32), tuple("0123456789"))


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """Two source files in a folder of their own; the user's cache folder is `tmp_path/user`."""
    monkeypatch.delenv("BINARYNET_CACHE")
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
    check_same(cache.cached("set", FORM, sources, parsing), parsing.pool)
    assert parsing.calls == calls


def cache_of(folder):
    """The one cache in the user's cache folder `folder`."""
    (path,) = (folder / "binarynet").iterdir()
    return path


def test_parsed_once_and_kept_away_from_the_data(sources, tmp_path):
    parsing = Parsing()
    for _ in range(3):
        check_parsed(sources, parsing, calls=1)
    assert sorted(os.listdir(sources[0].parent)) == ["first", "second"]
    path = cache_of(tmp_path / "user")
    with h5py.File(path, "r") as file:
        assert file["images"].dtype == np.uint8 and file["images"].shape == (6, 3, 32, 32)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_variable_names_another_place(sources, tmp_path, monkeypatch):
    monkeypatch.setenv("BINARYNET_CACHE", str(tmp_path / "named"))
    parsing = Parsing()
    check_parsed(sources, parsing, calls=1)
    check_parsed(sources, parsing, calls=1)
    assert len(os.listdir(tmp_path / "named")) == 1 and not (tmp_path / "user").exists()


def test_data_in_two_folders_have_two_caches(sources, tmp_path):
    other = shutil.copytree(sources[0].parent, tmp_path / "other")
    first, second = Parsing(), Parsing(seed=1)
    check_parsed(sources, first, calls=1)
    check_parsed([other / "first", other / "second"], second, calls=1)
    check_parsed(sources, first, calls=1)


def test_made_anew_for_other_sources(sources):
    cache.cached("set", FORM, sources, Parsing())
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
    cache.cached("set", FORM, sources, Parsing())
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
    "pipe": lambda path: os.mkfifo(path),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_foreign_files_in_its_place_are_replaced(case, sources, tmp_path):
    cache.cached("set", FORM, sources, Parsing())
    path = cache_of(tmp_path / "user")
    path.unlink()
    FOREIGN[case](path)
    parsing = Parsing()
    check_parsed(sources, parsing, calls=1)
    check_parsed(sources, parsing, calls=1)


def external(file, pool, elsewhere):
    elsewhere.write_bytes(bytes(pool.images.nbytes))
    places = [(str(elsewhere), 0, h5py.h5f.UNLIMITED)]
    file.create_dataset("images", shape=pool.images.shape, dtype="u1", external=places)


def linked(make):
    def forge(file, pool, elsewhere):
        with h5py.File(elsewhere, "w") as other:
            other["images"] = pool.images
        file["here"] = pool.images
        file["images"] = make(elsewhere)

    return forge


def virtual(file, pool, elsewhere):
    with h5py.File(elsewhere, "w") as other:
        other["images"] = pool.images
    layout = h5py.VirtualLayout(pool.images.shape, "u1")
    layout[:] = h5py.VirtualSource(str(elsewhere), "images", shape=pool.images.shape)
    file.create_virtual_dataset("images", layout)


def references(file, pool, elsewhere):
    file["there"] = pool.images
    file.create_dataset("images", data=[file["there"].ref] * 6, dtype=h5py.ref_dtype)


def enormous(file, pool, elsewhere):
    file.create_dataset("images", shape=(10**12, 3, 32, 32), dtype="u1")


def stored(**changed):
    def forge(file, pool, elsewhere):
        for name, array in {**pool._asdict(), **changed}.items():
            if array is not None:
                file[name] = array

    return forge


def packed(file, pool, elsewhere):
    file.create_dataset("images", data=pool.images, chunks=(1, 3, 32, 32), compression="gzip")


IMAGES, LABELS = images_and_labels(6)
FORGED = {
    "a group": lambda file, pool, elsewhere: file.create_group("images"),
    "external storage": external,
    "soft link": linked(lambda elsewhere: h5py.SoftLink("/here")),
    "external link": linked(lambda elsewhere: h5py.ExternalLink(str(elsewhere), "/images")),
    "virtual": virtual,
    "references": references,
    "enormous": enormous,
    "compressed": packed,
    "nothing": stored(images=None, labels=None, counts=None),
    "empty": stored(images=h5py.Empty("u1")),
    "no images": stored(images=IMAGES[:0], labels=LABELS[:0], counts=np.array([0, 0])),
    "floats": stored(images=IMAGES.astype(np.float32)),
    "other images": stored(images=np.zeros((6, 3, 32, 31), np.uint8)),
    "flat images": stored(images=np.zeros(6, np.uint8)),
    "labels of 99": stored(labels=LABELS + 99),
    "negative labels": stored(labels=LABELS - 5),
    "labels as bytes": stored(labels=LABELS.astype(np.uint8)),
    "more labels": stored(labels=np.zeros(7, np.int64)),
    "columns of labels": stored(labels=LABELS[:, None]),
    "counts beyond": stored(counts=np.array([10**12, 3])),
    "counts that overflow": stored(counts=np.array([2**63 - 1, 2**63 - 1, 8])),
    "negative counts": stored(counts=np.array([9, -3])),
    "fewer counted": stored(counts=np.array([3, 2])),
    "counts as text": stored(counts=np.array([b"4", b"2"])),
}


@pytest.mark.parametrize("case", FORGED)
def test_right_headers_are_not_enough(case, sources, tmp_path):
    parsing = Parsing()
    cache.cached("set", FORM, sources, parsing)
    path = cache_of(tmp_path / "user")
    with h5py.File(path, "w", userblock_size=512) as file:
        FORGED[case](file, parsing.pool, tmp_path / "elsewhere")
        for name, array in parsing.pool._asdict().items():
            if name not in file and case != "nothing":
                file[name] = array
    with open(path, "r+b") as stream:
        header = cache._header(cache._key(sources), stream)
        stream.seek(0)
        stream.write(header)
    check_parsed(sources, parsing, calls=2)
    check_parsed(sources, parsing, calls=2)


def open_to_the_group(path):
    path.chmod(0o770)


def moved_behind_a_link(path):
    # The link's own folder is one where anybody may put another in its place.
    (path.parent / "real").mkdir(mode=0o700)
    shutil.rmtree(path)
    way = path.parent / "way"
    way.mkdir()
    way.chmod(0o777)
    (way / "link").symlink_to(path.parent / "real")
    path.symlink_to(way / "link")


def of_another_user(path):
    os.chown(path, 12345, -1)


UNSAFE = {
    "open to its group": open_to_the_group,
    "below a folder open to all": lambda path: path.parent.chmod(0o777),
    "behind a link that others can replace": moved_behind_a_link,
    **({"of another user": of_another_user} if os.getuid() == 0 else {}),
}


@pytest.fixture
def reachable(monkeypatch):
    """The user's cache folder, in a place that others can enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        monkeypatch.setenv("XDG_CACHE_HOME", str(Path(folder) / "user"))
        yield Path(folder) / "user"


@pytest.mark.parametrize("case", UNSAFE)
def test_a_cache_that_others_can_write_to_is_not_used(case, sources, reachable):
    parsing = Parsing()
    check_parsed(sources, parsing, calls=1)
    reachable.chmod(0o755)
    check_parsed(sources, parsing, calls=1)
    UNSAFE[case](reachable / "binarynet")
    check_parsed(sources, parsing, calls=2)
    check_parsed(sources, parsing, calls=3)


def test_a_file_that_others_can_write_to_is_not_used(sources, tmp_path):
    parsing = Parsing()
    check_parsed(sources, parsing, calls=1)
    cache_of(tmp_path / "user").chmod(0o666)
    check_parsed(sources, parsing, calls=2)
    check_parsed(sources, parsing, calls=2)


def test_what_others_cannot_reach_may_be_open_to_them(sources, reachable):
    # As a home folder that is closed, and folders in it made under the umask 002.
    parsing = Parsing()
    check_parsed(sources, parsing, calls=1)
    reachable.chmod(0o775)
    reachable.parent.chmod(0o700)
    check_parsed(sources, parsing, calls=1)
    reachable.parent.chmod(0o755)
    check_parsed(sources, parsing, calls=2)


def test_what_a_killed_process_left_goes(sources, tmp_path):
    folder = tmp_path / "user" / "binarynet"
    folder.mkdir(parents=True, mode=0o700)
    (folder / ".set.h5.abc.part").write_bytes(b"half")
    check_parsed(sources, Parsing(), calls=1)
    assert cache_of(tmp_path / "user").suffix == ".h5"


@pytest.fixture(scope="module")
def whole():
    """A source, what it holds, its cache and the cache's bytes."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as environment:
        environment.setenv("BINARYNET_CACHE", str(Path(folder) / "cache"))
        source = Path(folder) / "source"
        source.write_text("source")
        parsing = Parsing()
        cache.cached("set", FORM, [source], parsing)
        (path,) = (Path(folder) / "cache").iterdir()
        yield source, parsing.pool, path, path.read_bytes()


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
    source, pool, path, content = whole
    damaged = bytearray(content)
    if isinstance(damage, float):
        del damaged[int(damage * len(content)) :]
    else:
        for place, difference in damage:
            damaged[place % len(damaged)] ^= difference
    path.write_bytes(damaged)
    parsing = Parsing()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("BINARYNET_CACHE", str(path.parent))
        check_same(cache.cached("set", FORM, [source], parsing), pool)
    assert parsing.calls == (damaged != content)


def test_no_place_for_a_cache(sources, tmp_path, monkeypatch):
    parsing = Parsing()
    monkeypatch.setenv("XDG_CACHE_HOME", str(sources[0]))
    check_parsed(sources, parsing, calls=1)
    check_parsed(sources, parsing, calls=2)
    # A relative path in the variable has to be ignored.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "user")
    check_parsed(sources, parsing, calls=3)
    # A folder that is marked read-only is left alone by the superuser as well.
    (tmp_path / "user" / "binarynet").mkdir(parents=True)
    (tmp_path / "user" / "binarynet").chmod(0o500)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    check_parsed(sources, parsing, calls=4)
    assert sorted(os.listdir(sources[0].parent)) == ["first", "second"]
    assert os.listdir(tmp_path / "user" / "binarynet") == []


def test_a_source_that_is_gone(sources):
    sources[1].unlink()
    with pytest.raises(datasets.DataError, match="second: cannot be read"):
        cache.cached("set", FORM, sources, Parsing())
