"""CIFAR-10's batches as people pickle them, read; what is none of them, refused, and never run."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
from support.data_files import images_and_labels, python2_batch, refusal, write_cifar10

import datasets
from datasets import cifar10, safe_pickle
from foundations.reading import printable

IMAGES, LABELS = images_and_labels(4)
BATCH = python2_batch(IMAGES, LABELS)


def read_pickled(folder, batch, protocol=pickle.HIGHEST_PROTOCOL):
    (folder / "batch").write_bytes(pickle.dumps(batch, protocol=protocol))
    images, labels = cifar10.read_batch(folder / "batch")
    assert (images == IMAGES).all() and images.dtype == np.uint8 and images.flags.c_contiguous
    assert labels.tolist() == LABELS.tolist() and labels.dtype == np.int64


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("key", [str, str.encode])
@pytest.mark.parametrize("order", "CF")
def test_batches_pickled_by_python_3(protocol, key, order, tmp_path):
    rows = np.asarray(IMAGES.reshape(4, -1), order=order)
    batch = {
        **{key("data"): rows, key("labels"): LABELS.tolist(), key("filenames"): ["a.png"] * 4},
        **{key("batch_label"): b"", key("mean"): 0.5, key("sizes"): np.array(["32", "32"])},
    }
    read_pickled(tmp_path, batch, protocol)


LABELS_AS = {
    "an array": LABELS,
    "bytes": LABELS.astype(np.uint8),
    "of the other byte order": LABELS.astype(">i4"),
    "floats": LABELS.astype(np.float32),
    "numpy's numbers in a list": list(LABELS),
    "a column": LABELS[:, None],
    "one-hot": np.eye(10, dtype=bool)[LABELS],
    "signs": np.eye(10)[LABELS] * 2 - 1,
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("case", LABELS_AS)
def test_labels_in_the_usual_ways(case, protocol, tmp_path):
    read_pickled(tmp_path, {"data": IMAGES.reshape(4, -1), "labels": LABELS_AS[case]}, protocol)


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_images_in_the_usual_ways(protocol, tmp_path):
    for data in (IMAGES, IMAGES.transpose(0, 2, 3, 1), IMAGES.reshape(4, -1).astype(int)):
        read_pickled(tmp_path, {b"data": data, b"labels": LABELS}, protocol)


@pytest.mark.parametrize("protocol", [0, 1, 2, 5])
def test_batches_of_either_numpy(protocol, tmp_path):
    """The modules' names are all that differs between what numpy 1 and numpy 2 write."""
    content = pickle.dumps({"data": IMAGES.reshape(4, -1), "labels": list(LABELS)}, protocol)
    if protocol == 5:
        # Frames only say what may be read ahead.
        content = content[:2] + content[11:]
    for module in ("multiarray", "numeric"):
        names = [f"numpy.core.{module}", f"numpy._core.{module}"]
        for old, new in (names, names[::-1]):
            other = content
            for form in ("c{}\n", "\x8c{length}{}"):
                made = [form.format(n, length=chr(len(n))).encode("latin1") for n in (old, new)]
                other = other.replace(*made)
            (tmp_path / "batch").write_bytes(other)
            images, labels = cifar10.read_batch(tmp_path / "batch")
            assert (images == IMAGES).all() and labels.tolist() == LABELS.tolist()


class WithAxes:
    """Pickles as numpy 2.3 and later pickle `array`, whose axes are in another order in memory."""

    def __init__(self, array, axes):
        self.stored, self.axes = array.transpose(np.argsort(axes)), axes

    def __reduce__(self):
        frombuffer = np.zeros(1, np.uint8).__reduce_ex__(5)[0]
        content = bytearray(np.ascontiguousarray(self.stored))
        return frombuffer, (content, np.dtype("u1"), self.stored.shape, "K", self.axes)


@pytest.mark.parametrize("axes", [(0, 2, 3, 1), (0, 3, 1, 2), (3, 2, 1, 0)])
def test_images_with_axes_in_another_order(axes, tmp_path):
    read_pickled(tmp_path, {"data": WithAxes(IMAGES, axes), "labels": LABELS})


NAMES = ["kot", "pies", "ryba", "ślimak", "\x1b[2J", "a\nb", "", "x" * 5000, "$x$", "=1+1"]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("kind", [str, str.encode])
def test_batches_meta_names_the_classes(kind, protocol, tmp_path):
    write_cifar10(tmp_path)
    assert datasets.load_cifar10(str(tmp_path)).form.class_names[6] == "frog"
    content = {kind("label_names"): [kind(name) for name in NAMES], kind("num_vis"): 3072}
    (tmp_path / "batches.meta").write_bytes(pickle.dumps(content, protocol=protocol))
    for _ in range(2):
        names = datasets.load_cifar10(str(tmp_path)).form.class_names
        assert names == tuple(map(printable, NAMES))
        assert all(len(name) <= 200 and name.isprintable() for name in names)


BAD_NAMES = {
    "nine": pickle.dumps({"label_names": NAMES[:9]}),
    "none": pickle.dumps({"names": NAMES}),
    "a number": pickle.dumps({"label_names": [*NAMES[:9], 9]}),
    "a text": pickle.dumps({"label_names": "0123456789"}),
    "cut off": pickle.dumps({"label_names": NAMES})[:40],
    "empty": b"",
    "a call": b"cos\nsystem\n(S'touch ran'\ntR.",
}


@pytest.mark.parametrize("case", BAD_NAMES)
def test_names_of_classes_that_are_none(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_cifar10(tmp_path)
    (tmp_path / "batches.meta").write_bytes(BAD_NAMES[case])
    message = refusal(lambda _: datasets.load_cifar10(str(tmp_path)), tmp_path / "batches.meta")
    assert "label_names" in message and not (tmp_path / "ran").exists()


def batch(**changed):
    whole = {"data": IMAGES.reshape(4, -1), "labels": LABELS.tolist(), **changed}
    return pickle.dumps({k: v for k, v in whole.items() if v is not None}, protocol=2)


HUGE = BATCH.replace(b"J" + (4).to_bytes(4, "little"), b"J\xff\xff\xff\x7f", 1)
BAD_BATCHES = {
    "empty": (b"", "damaged"),
    "half": (BATCH[: len(BATCH) // 2], "damaged"),
    "text": (b"<html>404 Not Found</html>", "damaged"),
    "a list": (pickle.dumps([1, 2], protocol=2), "instead of a dict"),
    "no labels": (batch(labels=None), "'labels'"),
    "fine labels": (batch(labels=None, fine_labels=[1, 2, 3, 4]), "'labels'"),
    "wide rows": (batch(data=np.zeros((4, 3073), np.uint8)), "3072"),
    "one axis": (batch(data=np.zeros(3072, np.uint8)), "3072"),
    "floats": (batch(data=np.zeros((4, 3072))), "'data': float64"),
    "numbers too large": (batch(data=np.full((4, 3072), 256)), "256 to 256"),
    "negative numbers": (batch(data=np.full((4, 3072), -1, np.int8)), "-1 to -1"),
    "objects": (batch(data=np.full((4, 3072), None)), "something other than numbers"),
    "fields": (batch(data=np.zeros(4, [("a", "u1", 3072)])), "something other than numbers"),
    "times": (batch(labels=np.zeros(4, "datetime64[s]")), "something other than numbers"),
    "numbers as data": (batch(data=[1, 2, 3]), "3072"),
    "label 10": (batch(labels=[1, 2, 3, 10]), "0 to 9"),
    "label -1": (batch(labels=[1, 2, 3, -1]), "0 to 9"),
    "true as label": (batch(labels=[1, 2, 3, True]), "0 to 9"),
    "text as label": (batch(labels=["1", "2", "3", "4"]), "0 to 9"),
    "a list as label": (batch(labels=[[1], [2], [3], [4]]), "0 to 9"),
    "text as labels": (batch(labels="1234"), "'labels'"),
    "array with label 10": (batch(labels=np.array([1, 2, 3, 10])), "number 3 is 10"),
    "array with a half": (batch(labels=np.array([1, 2, 3, 0.5])), "number 3 is 0.5"),
    "array with a nan": (batch(labels=np.array([1, 2, 3, np.nan])), "number 3 is nan"),
    "array of truths": (batch(labels=np.ones(4, bool)), "bool"),
    "two marks in a row": (batch(labels=np.ones((4, 10))), "row 0"),
    "eleven classes": (batch(labels=np.eye(11)[:4]), "(n, 10)"),
    "few labels": (batch(labels=[1, 2, 3]), "4 of the one, 3 of the other"),
    "no rows": (batch(data=np.zeros((0, 3072), np.uint8), labels=[]), "0 images"),
    "huge header": (HUGE, "damaged"),
}


@pytest.mark.parametrize("case", BAD_BATCHES)
def test_bad_batches(case, tmp_path):
    content, reason = BAD_BATCHES[case]
    assert content != BATCH
    (tmp_path / "data_batch_1").write_bytes(content)
    assert reason in refusal(cifar10.read_batch, tmp_path / "data_batch_1")


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


# Each would leave the file `ran` behind when loaded by an unpickler that trusts it, or change what
# later readings use.
HOSTILE = {
    "system": pickle.dumps({"data": Call(os.system, "touch ran")}, protocol=2),
    "system, old style": b"(S'touch ran'\nios\nsystem\n.",
    "exec": pickle.dumps([Call(exec, "open('ran', 'w')")], protocol=4),
    "numpy's own": b"cnumpy.f2py.diagnose\nrun_command\n(S'touch ran'\ntR.",
    "numpy.load": b"cnumpy\nload\n(S'ran'\nNI01\ntR.",
    "dotted name": b"\x80\x04\x8c\x05numpy\x8c\x0bndarray.fill\x93.",
    "new object": b"\x80\x02cos\n_wrap_close\n)\x81.",
    "extension": b"\x80\x02\x82\x01.",
    "persistent": b"Pran\n.",
    "changing a function": b"\x80\x02cnumpy\ndtype\nN}U\x0c__defaults__)s\x86b.",
    "array of pointers": b"\x80\x02cnumpy\nndarray\n)R.",
    "object array": b"\x80\x02cnumpy\ndtype\nU\x01OK\x00K\x01\x87R.",
    "unhashably deep": b"\x80\x02}" + b")" + b"\x85" * 500_000 + b"K\x01s.",
    "endless bytes": b"\x80\x05}\x8c\x04data\x96" + (1 << 40).to_bytes(8, "little") + b"s.",
    "a buffer from nowhere": b"\x80\x05}\x8c\x04data\x97s.",
    "wide text": b"\x80\x02cnumpy\ndtype\nU\x0bU9999999999K\x00K\x01\x87R.",
    "raw memory": b"\x80\x02cnumpy\ndtype\nU\x04V999K\x00K\x01\x87R.",
    "numpy's frombuffer": b"\x80\x02cnumpy\nfrombuffer\nU\x02abU\x02u1\x86R.",
    "endless memo": b"\x80\x02}r\xff\xff\xff\xff(u.",
}


def test_a_trusting_unpickler_would_run_the_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pickle.loads(HOSTILE["system"])
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_pickles_run_nothing(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data_batch_1").write_bytes(HOSTILE[case])
    refusal(cifar10.read_batch, tmp_path / "data_batch_1")
    assert [path.name for path in tmp_path.iterdir()] == ["data_batch_1"]
    assert (safe_pickle.loads(BATCH)[b"data"] == IMAGES.reshape(4, -1)).all()
