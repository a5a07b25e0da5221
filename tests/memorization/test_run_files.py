"""The files of a run, damaged or forged: a line that names the file, and nothing done with it."""

from __future__ import annotations

import io
import json
import os
import pickle
import re
import shutil
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.project import PROJECT, check_one_line, run_command, run_script
from support.recorded_run import record_run

from foundations.errors import UserError
from memorization import parameter_files
from memorization.measures import image_history
from memorization.run import folder as run_folder
from memorization.run import state as checkpoint
from memorization.run.labels import load_labels
from memorization.run.record import load_record
from memorization.sweep.record import recorded_options
from training_loop.progress import Progress

SCRIPT = "cifar10_random_labels"
ARGUMENTS = ("--synthetic", "--width", "0.0625", "--epochs", "1", "--train-size", "130")
ARGUMENTS += ("--corruption", "0.5", "--name", "run")
# At least as many images as the data set of the run has.
POOL = 10_000
READERS = {
    "state.npz": checkpoint.read_progress,
    "labels.npz": lambda path: load_labels(path.parent, POOL, 10),
    "model_parameters.npz": parameter_files.read_parameters,
    "image_history.npz": image_history.load_history,
    "run.json": lambda path: load_record(path.parent),
    "metrics.csv": run_folder.load_metrics,
    "sweep.json": recorded_options,
}
ARCHIVES = [name for name in READERS if name.endswith(".npz")]


class Small:
    """A shared variable of few bytes, so that every one of them can be damaged."""

    def __init__(self, value):
        self.value = value

    def get_value(self, borrow=False):
        return self.value

    def set_value(self, value):
        self.value = value


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of every file that a run is read from, by name; the archives have small arrays."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    record_run(folder, ARGUMENTS, {"a/W": Small(np.arange(6, dtype=np.float32))})
    few = {"first_learnt_epoch": np.arange(9), "forgetting_count": np.arange(9)}
    np.savez(folder / "image_history.npz", **few)
    (folder / "sweep.json").write_text('{"options": ["--epochs", "1"]}')
    return {name: (folder / name).read_bytes() for name in READERS}


def read(folder, name, content):
    """What the reader of `name` makes of `content`; None where it refuses, as it should."""
    path = Path(folder) / name
    path.write_bytes(content)
    try:
        return READERS[name](path)
    except UserError as error:
        assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
        assert path.read_bytes() == content
        return None


def plain(found):
    """Something to compare by ==, with the dtypes of arrays in a dict or list."""
    if isinstance(found, (dict, list)):
        pairs = found.items() if isinstance(found, dict) else enumerate(found)
        return {name: (array.dtype, array.tolist()) for name, array in pairs}
    return repr(found)


@pytest.mark.parametrize("name", READERS)
def test_truncated_or_empty(name, whole, tmp_path):
    content = whole[name]
    assert read(tmp_path, name, content) is not None
    assert read(tmp_path, name, b"") is None
    for length in {*range(1, len(content) - 2, len(content) // 60 + 1)}:
        cut = read(tmp_path, name, content[:length])
        # Only a text's last number can be cut short and still be a number.
        assert cut is None or (name == "metrics.csv" and length > len(content) - 20)


fuzzed = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.mark.parametrize("name", ARCHIVES)
@given(data=st.data())
@fuzzed
def test_a_flipped_bit_of_an_archive_changes_nothing_or_is_found(name, whole, tmp_path, data):
    content = bytearray(whole[name])
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= 1 << data.draw(st.integers(0, 7))
    found = read(tmp_path, name, bytes(content))
    if found is not None:
        assert plain(found) == plain(read(tmp_path, name, whole[name]))


@pytest.mark.parametrize("name", READERS)
@given(data=st.data())
@fuzzed
def test_replaced_bytes(name, whole, tmp_path, data):
    """Runs of random bytes anywhere: refused in one line, or read as something of the same kind."""
    content = whole[name]
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(len(content), start + 40)))
    noise = data.draw(st.binary(max_size=40))
    read(tmp_path, name, content[:start] + noise + content[end:])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@given(data=st.data())
@fuzzed
def test_records_with_values_of_another_kind(whole, tmp_path, data):
    record = json.loads(whole["run.json"])
    part = record[data.draw(st.sampled_from(["options", "network", "data"]))]
    within = data.draw(st.sampled_from([record, part]))
    within[data.draw(st.sampled_from(sorted(within)))] = data.draw(json_values)
    found = read(tmp_path, "run.json", json.dumps(record).encode())
    if found is not None:
        assert set(found) == set(record)
        assert all(isinstance(found[name], dict) for name in ("options", "network", "data"))


class RunsCode:
    def __reduce__(self):
        return os.mkdir, ("harm done",)


def archive(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return stream.getvalue()


def array_bytes(array, **how):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, **how)
    return stream.getvalue()


def header(text, version=1):
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text.encode()


OBJECTS = array_bytes(np.array([RunsCode()], object), allow_pickle=True)
HOSTILE = {
    "a pickle": pickle.dumps(RunsCode()),
    "one array": array_bytes(np.zeros((2, 2), bool)),
    "no array": archive(),
    "a huge shape": header(
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1" + "0" * 15 + ",)}"
    ),
    "a huge header": header(" " * 30000, version=2),
    "a deep header": header("(" * 9000, version=1),
    "no header": b"\x93NUMPY",
    "objects": OBJECTS,
    "strings": array_bytes(np.array(["a"])),
    "complex numbers": array_bytes(np.array([1j])),
    "NaN": array_bytes(np.array([np.nan])),
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("name", ARCHIVES)
def test_hostile_archives(name, kind, whole, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = HOSTILE[kind]
    assert read(tmp_path, name, content) is None
    with zipfile.ZipFile(io.BytesIO(whole[name])) as file:
        names = [member.removesuffix(".npy") for member in file.namelist()]
        members = {stem: file.read(f"{stem}.npy") for stem in names}
    for stem in names:
        # Of the state, the values are read by `load` alone, below.
        if (name, stem) != ("state.npz", "a/W"):
            assert read(tmp_path, name, archive(**{**members, stem: content})) is None
    assert not (tmp_path / "harm done").exists()


def test_an_archive_that_claims_more_than_the_memory_holds(whole, tmp_path):
    content = bytearray(whole["labels.npz"])
    entry = content.find(b"PK\x01\x02")
    while entry >= 0:
        content[entry + 24 : entry + 28] = struct.pack("<I", 0xFFFFFFF0)
        entry = content.find(b"PK\x01\x02", entry + 1)
    (tmp_path / "labels.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"labels\.npz: .*claims to hold [\d,]{14} bytes"):
        load_labels(tmp_path, POOL, 10)


@pytest.mark.parametrize(
    "value",
    [np.zeros(5, np.float32), np.zeros(6), np.full(6, np.nan, np.float32), np.array(["a"] * 6)],
    ids=["shape", "dtype", "NaN", "strings"],
)
def test_values_of_a_state_that_do_not_fit(value, whole, tmp_path):
    path = tmp_path / "state.npz"
    progress = Progress()
    checkpoint.save(path, {"a/W": Small(value)}, progress)
    kept = Small(np.arange(6, dtype=np.float32))
    with pytest.raises(UserError, match=r"state\.npz: .*a/W"):
        checkpoint.load(path, {"a/W": kept})
    assert kept.value.tolist() == list(range(6))
    path.write_bytes(whole["state.npz"])
    for names in (["b/W"], ["a/W", "b/W"], []):
        with pytest.raises(UserError, match=r"state\.npz: .*[ab]/W"):
            checkpoint.load(path, dict.fromkeys(names, kept))
    checkpoint.load(path, {"a/W": kept})


@pytest.mark.parametrize(
    "changed",
    [
        {"batches": "1"},
        {"batches": -1},
        {"loss_sum": float("nan")},
        {"history": {}},
        {"history": [{"epoch": 1}]},
        {"history": [7]},
        {"unknown": 0},
    ],
    ids=str,
)
def test_progress_that_is_none(changed, whole, tmp_path):
    progress = {"history": [], "batches": 0, "loss_sum": 0.0, "more": {}, **changed}
    stored = array_bytes(np.frombuffer(json.dumps(progress).encode(), np.uint8))
    assert read(tmp_path, "state.npz", archive(progress=stored)) is None


@pytest.mark.parametrize(
    ("column", "value"),
    [("epoch", 2), ("training_error", 1.5), ("test_loss", float("inf")), ("test_error", "")],
)
def test_metrics_that_are_none(column, value, whole, tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_bytes(whole["metrics.csv"])
    (row,) = run_folder.load_metrics(path)
    run_folder.save_metrics(path, [{**row, column: value}])
    assert read(tmp_path, "metrics.csv", path.read_bytes()) is None


@pytest.mark.parametrize(
    ("array", "value"),
    [
        ("training_labels", 10),
        ("training_numbers", -1),
        ("test_numbers", POOL),
        ("validation_true_labels", 0.5),
        ("training_replaced", 1),
    ],
)
def test_labels_that_are_none(array, value, whole, tmp_path):
    with np.load(io.BytesIO(whole["labels.npz"])) as stored:
        arrays = dict(stored)
    stream = io.BytesIO()
    np.savez(stream, **{**arrays, array: np.full(len(arrays[array]), value)})
    assert read(tmp_path, "labels.npz", stream.getvalue()) is None
    stream = io.BytesIO()
    np.savez(stream, **{**arrays, array: arrays[array][1:]})
    assert read(tmp_path, "labels.npz", stream.getvalue()) is None


@pytest.mark.exhaustive
def test_scripts_end_in_one_line(short_run, tmp_path):
    """As a user meets them: exit code 2, the file named, and every file of the run as it was."""
    run = shutil.copytree(short_run, tmp_path / "results" / SCRIPT / "run")
    resume = (f"{SCRIPT}.py", *ARGUMENTS, "--resume")
    evaluate = ("svhn_evaluation_random_labels.py", "--params", str(run / "model_parameters.npz"))
    for name, content, command in [
        ("run.json", b"[" * 100000, resume),
        ("run.json", b"{}", ("figures", str(run))),
        ("state.npz", HOSTILE["a huge header"], resume),
        ("model_parameters.npz", archive(arr_0=HOSTILE["a huge header"]), evaluate),
        ("model_parameters.npz", archive(arr_0=OBJECTS), evaluate),
    ]:
        before = (run / name).read_bytes()
        (run / name).write_bytes(content)
        files = {path.name: path.read_bytes() for path in run.iterdir()}
        started = run_command if command[0] == "figures" else run_script
        check_one_line(started(*command, cwd=tmp_path), f"{run.name}/{name}: ")
        assert {path.name: path.read_bytes() for path in run.iterdir()} == files
        assert not (tmp_path / "harm done").exists()
        (run / name).write_bytes(before)


def test_nothing_is_unpickled_but_by_the_restricted_unpickler():
    sources = [path for path in PROJECT.rglob("*.py") if "tests" not in path.parts]
    sources = [path for path in sources if not any(part.startswith(".") for part in path.parts)]
    assert len(sources) > 40
    for path in sources:
        text = path.read_text(encoding="utf-8")
        assert "allow_pickle=True" not in text, path
        assert not re.search(r"(?<!safe_)pickle\.loads?\(", text), path
