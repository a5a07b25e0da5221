"""Downloads from a real HTTP server: whole and verified, or nothing at all."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tarfile
import threading

import pytest
from support.data_files import CIFAR10_FILES, python2_batch, write_cifar10, write_svhn
from support.file_server import (
    Server,
    drips,
    drips_headers,
    pours,
    says_nothing,
    serves,
    serves_ranges,
)
from support.project import PROJECT, run_script

import datasets
from datasets import cifar10, download, locate, svhn, transfer

ARCHIVE = "cifar-10-python.tar.gz"
SVHN_FILES = ("train_32x32.mat", "test_32x32.mat")


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A server for $BINARYNET_MIRROR; `tmp_path/data`, not there yet, is `datasets/data/`."""
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setenv("BINARYNET_MIRROR", server.address)
    monkeypatch.delenv("BINARYNET_DATA", raising=False)
    monkeypatch.delenv("PYLEARN2_DATA_PATH", raising=False)
    monkeypatch.setattr(locate, "DEFAULT_ROOT", tmp_path / "data")
    yield server
    server.closing.set()
    server.shutdown()
    thread.join()
    server.server_close()


def packed(members):
    """A gzipped tar of `members`: bytes for a file, a TarInfo for anything else, by path."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for path, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                content.name = path
                tar.addfile(content)
            else:
                entry = tarfile.TarInfo(path)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def link(kind, target):
    entry = tarfile.TarInfo()
    entry.type, entry.linkname = kind, target
    return entry


@pytest.fixture
def batches(tmp_path):
    """The files of CIFAR-10 by their paths in the archive."""
    folder = tmp_path / "source"
    write_cifar10(folder)
    files = {f"cifar-10-batches-py/{name}": (folder / name).read_bytes() for name in CIFAR10_FILES}
    return {"cifar-10-batches-py/readme.html": b"<html></html>", **files}


def everything(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def refusal(load):
    with pytest.raises(datasets.DataError) as caught:
        load()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_cifar10(server, batches, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cifar10, "SOURCE", server.offer(ARCHIVE, packed(batches)))
    data = datasets.load_cifar10()
    assert len(data.images) == 46 and server.asked == [(f"/files/{ARCHIVE}", None)]
    assert "100%" in capsys.readouterr().err
    there = everything(tmp_path / "data")
    assert there == sorted(f"cifar-10-batches-py/{n}" for n in CIFAR10_FILES)
    assert datasets.load_cifar10().fingerprint() == data.fingerprint()
    assert len(server.asked) == 1


def offer_svhn(server, folder, monkeypatch):
    """Serve all files of `folder`; the two of the data set are to be downloaded."""
    sources = {path.name: server.offer(path.name, path.read_bytes()) for path in folder.iterdir()}
    monkeypatch.setattr(svhn, "SOURCES", tuple(sources[name] for name in SVHN_FILES))


def test_svhn_without_extra_into_the_users_folder(server, tmp_path, monkeypatch):
    write_svhn(tmp_path / "source", extra=10)
    offer_svhn(server, tmp_path / "source", monkeypatch)
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setenv("BINARYNET_DATA", str(own))
    assert len(datasets.load_svhn().images) == 52
    assert everything(own) == ["svhn/test_32x32.mat", "svhn/train_32x32.mat"]
    assert [path for path, _ in server.asked] == [f"/files/{name}" for name in SVHN_FILES]
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("variable", [None, "BINARYNET_DATA"])
def test_files_that_have_come_are_not_fetched_again(server, variable, tmp_path, monkeypatch):
    write_svhn(tmp_path / "source")
    offer_svhn(server, tmp_path / "source", monkeypatch)
    (tmp_path / "data").mkdir()
    if variable:
        monkeypatch.setenv(variable, str(tmp_path / "data"))
    offered = server.files.pop("/files/test_32x32.mat")
    assert "test_32x32.mat" in refusal(datasets.load_svhn)
    assert everything(tmp_path / "data") == ["svhn/.train_32x32.mat.part"]
    server.files["/files/test_32x32.mat"] = offered
    server.asked.clear()
    assert len(datasets.load_svhn().images) == 52
    assert server.asked == [("/files/test_32x32.mat", None)]
    assert "svhn/train_32x32.mat" in everything(tmp_path / "data")


def test_wrong_content_and_absent(server, batches, tmp_path, monkeypatch):
    whole = packed(batches)
    monkeypatch.setattr(cifar10, "SOURCE", server.offer(ARCHIVE, whole))
    flipped = whole[:-1] + bytes([whole[-1] ^ 1])
    for content in (flipped, whole[:5000], b""):
        server.files[f"/files/{ARCHIVE}"] = serves(content)
        said = refusal(datasets.load_cifar10)
        assert ARCHIVE in said and str(tmp_path / "data") in said
        assert not (tmp_path / "data").exists()
    server.files.clear()
    assert "404" in refusal(datasets.load_cifar10)
    monkeypatch.setenv("BINARYNET_MIRROR", "nonsense://nowhere")
    assert "nonsense://nowhere" in refusal(datasets.load_cifar10)
    monkeypatch.setattr(locate, "DEFAULT_ROOT", tmp_path / "source" / "test_batch" / "data")
    refusal(datasets.load_cifar10)
    assert not (tmp_path / "data").exists()


PART = f".{ARCHIVE}.part"


def test_a_transfer_that_breaks_off_goes_on_from_there(server, batches, tmp_path, monkeypatch):
    whole = packed(batches)
    third = len(whole) // 3 + 1
    monkeypatch.setattr(
        cifar10, "SOURCE", server.offer(ARCHIVE, whole, serves_ranges(whole, third))
    )
    assert len(datasets.load_cifar10().images) == 46
    ranges = [asked for _, asked in server.asked]
    assert ranges == [None, f"bytes={third}-", f"bytes={2 * third}-"]
    assert PART not in everything(tmp_path / "data")


def test_an_attempt_goes_on_where_the_last_one_ended(server, batches, tmp_path, monkeypatch):
    whole = packed(batches)
    monkeypatch.setattr(cifar10, "SOURCE", server.offer(ARCHIVE, whole))
    # A server that knows no ranges: the second connection brings nothing new.
    server.files[f"/files/{ARCHIVE}"] = serves(whole[:5000], len(whole))
    assert f"kept in {PART}" in refusal(datasets.load_cifar10)
    assert (tmp_path / "data" / PART).read_bytes() == whole[:5000]
    server.files[f"/files/{ARCHIVE}"] = serves_ranges(whole, len(whole))
    server.asked.clear()
    assert len(datasets.load_cifar10().images) == 46
    assert [asked for _, asked in server.asked] == ["bytes=5000-"]


WRONG_BEGINNINGS = {
    "of another file": lambda whole: bytes(5000),
    "as long as the file": lambda whole: bytes(len(whole)),
    "longer than the file": lambda whole: whole + b"x",
}


@pytest.mark.parametrize("case", WRONG_BEGINNINGS)
def test_a_wrong_beginning_is_thrown_away(case, server, batches, tmp_path, monkeypatch):
    whole = packed(batches)
    answer = serves_ranges(whole, len(whole))
    monkeypatch.setattr(cifar10, "SOURCE", server.offer(ARCHIVE, whole, answer))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / PART).write_bytes(WRONG_BEGINNINGS[case](whole))
    assert len(datasets.load_cifar10().images) == 46
    assert PART not in everything(tmp_path / "data")


def test_a_link_in_the_place_of_a_beginning_is_not_followed(server, batches, tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "SOURCE", server.offer(ARCHIVE, packed(batches)))
    (tmp_path / "data").mkdir()
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "data" / PART).symlink_to(tmp_path / "precious")
    assert len(datasets.load_cifar10().images) == 46
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_range_that_was_not_asked_for_is_refused(server, batches, tmp_path, monkeypatch):
    whole = packed(batches)
    monkeypatch.setattr(cifar10, "SOURCE", server.offer(ARCHIVE, whole))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / PART).write_bytes(whole[:5000])

    def answer(request):
        request.answer(206, 10, Content_Range=f"bytes 10-19/{len(whole)}")
        request.wfile.write(whole[10:20])

    server.files[f"/files/{ARCHIVE}"] = answer
    assert "from byte 5000 on" in refusal(datasets.load_cifar10)
    assert (tmp_path / "data" / PART).read_bytes() == whole[:5000]


def test_more_than_the_file_is_not_taken(server, batches, tmp_path, monkeypatch):
    whole = packed(batches)
    monkeypatch.setattr(cifar10, "SOURCE", server.offer(ARCHIVE, whole))
    server.files[f"/files/{ARCHIVE}"] = serves(b"", 818_000_000)
    assert "818,000,000" in refusal(datasets.load_cifar10)
    server.files[f"/files/{ARCHIVE}"] = pours
    assert "MD5" in refusal(datasets.load_cifar10)
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
@pytest.mark.parametrize("answer", [drips, drips_headers, says_nothing])
def test_a_server_that_is_too_slow_is_not_waited_for(
    answer, server, batches, tmp_path, monkeypatch
):
    monkeypatch.setattr(transfer, "WINDOW_SECONDS", 0.5)
    monkeypatch.setattr(cifar10, "SOURCE", server.offer(ARCHIVE, packed(batches), answer))
    assert "too slow" in refusal(datasets.load_cifar10)
    there = everything(tmp_path / "data") if (tmp_path / "data").exists() else []
    assert there == ([PART] if answer is drips else [])


@pytest.mark.slow
def test_a_transfer_has_a_limit_of_time(server, batches, monkeypatch):
    # A server as fast as you like, whose file never ends.
    whole = packed(batches)
    monkeypatch.setattr(transfer, "MOST_SECONDS", 0.5)
    source = server.offer(ARCHIVE, whole, drips)._replace(size=1 << 40)
    monkeypatch.setattr(transfer, "LEAST_RATE", 0)
    monkeypatch.setattr(cifar10, "SOURCE", source)
    assert "hours" in refusal(datasets.load_cifar10)


def test_text_of_a_server_reaches_the_terminal_as_text(server, batches, monkeypatch):
    monkeypatch.setattr(cifar10, "SOURCE", server.offer(ARCHIVE, packed(batches)))
    server.files[f"/files/{ARCHIVE}"] = lambda request: request.wfile.write(
        b"HTTP/1.1 500 \x1b]0;owned\x07" + b"x" * 5000 + b"\r\n\r\n"
    )
    said = refusal(datasets.load_cifar10)
    assert said.isprintable() and len(said) < 1000


DOWNLOAD = """
import sys
from datasets import cifar10, download, load_cifar10
address, md5, size = sys.argv[1:]
cifar10.SOURCE = download.Source(address, md5, int(size))
print(load_cifar10().fingerprint())
"""


def downloading(source, folder):
    return subprocess.Popen(
        [sys.executable, "-c", DOWNLOAD, *map(str, source)],
        env={**os.environ, "PYTHONPATH": str(PROJECT), "BINARYNET_DATA": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.exhaustive
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_a_killed_download_goes_on_and_leaves_nothing(number, server, batches, tmp_path):
    whole = packed(batches)
    waits = threading.Event()

    def answer(request):
        request.answer(200, len(whole))
        request.wfile.write(whole[:5000])
        waits.set()
        request.server.closing.wait()

    source = server.offer(ARCHIVE, whole, answer)
    own = tmp_path / "own"
    own.mkdir()
    process = downloading(source, own)
    assert waits.wait(120)
    while not (own / PART).is_file() or not (own / PART).stat().st_size:
        assert process.poll() is None
    process.send_signal(number)
    process.communicate(timeout=3600)
    assert everything(own) == [PART]
    server.files[f"/files/{ARCHIVE}"] = serves_ranges(whole, len(whole))
    assert downloading(source, own).wait(120) == 0
    assert server.asked[-1][1].startswith("bytes=")
    assert everything(own) == sorted(f"cifar-10-batches-py/{name}" for name in CIFAR10_FILES)


@pytest.mark.slow
def test_two_processes_download_one_file_once(server, batches, tmp_path):
    source = server.offer(ARCHIVE, packed(batches))
    processes = [downloading(source, tmp_path) for _ in range(2)]
    first, second = (process.communicate(timeout=3600)[0] for process in processes)
    assert [process.returncode for process in processes] == [0, 0] and first == second
    assert len(server.asked) == 1


def test_an_archive_that_the_user_fetched_is_used_and_kept(server, batches, tmp_path, monkeypatch):
    whole = packed(batches)
    monkeypatch.setattr(cifar10, "SOURCE", server.offer(ARCHIVE, whole))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / ARCHIVE).write_bytes(whole)
    assert len(datasets.load_cifar10().images) == 46
    assert not server.asked and (tmp_path / "data" / ARCHIVE).read_bytes() == whole


HOSTILE = {
    "link": ("test_batch", link(tarfile.SYMTYPE, "../../secret")),
    "absolute link": ("test_batch", link(tarfile.SYMTYPE, "/etc/passwd")),
    "hard link": ("data_batch_2", link(tarfile.LNKTYPE, "../secret")),
    "pipe": ("data_batch_1", link(tarfile.FIFOTYPE, "")),
    "device": ("data_batch_1", link(tarfile.CHRTYPE, "")),
    "folder": ("data_batch_1", link(tarfile.DIRTYPE, "")),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_links_in_an_archive_are_refused(case, server, batches, tmp_path, monkeypatch):
    name, entry = HOSTILE[case]
    (tmp_path / "secret").write_bytes(python2_batch(*datasets_of_one()))
    batches[f"cifar-10-batches-py/{name}"] = entry
    monkeypatch.setattr(cifar10, "SOURCE", server.offer(ARCHIVE, packed(batches)))
    assert f"{name} is not a regular file" in refusal(datasets.load_cifar10)
    assert everything(tmp_path / "data") == []


def datasets_of_one():
    data = datasets.load_synthetic(n_train=1, n_test=0)
    return data.images, data.labels


def test_paths_that_lead_out_of_an_archive_have_no_effect(server, batches, tmp_path, monkeypatch):
    folder = "cifar-10-batches-py"
    before = everything(tmp_path)
    outside = {
        "../evil": b"evil",
        f"{folder}/../../evil": b"evil",
        str(tmp_path / "evil"): b"evil",
        # A link first, then a file through it.
        f"{folder}/way": link(tarfile.SYMTYPE, str(tmp_path)),
        f"{folder}/way/evil": b"evil",
    }
    content = packed({**outside, **batches})
    monkeypatch.setattr(cifar10, "SOURCE", server.offer(ARCHIVE, content))
    assert len(datasets.load_cifar10().images) == 46
    new = set(everything(tmp_path)) - set(before)
    assert new == {f"data/{folder}/{name}" for name in CIFAR10_FILES}


def test_damaged_and_incomplete_archives(batches, tmp_path):
    whole = packed(batches)
    members = {f"cifar-10-batches-py/{name}": name for name in CIFAR10_FILES}
    fewer = {path: content for path, content in batches.items() if "test_batch" not in path}
    for content in (whole[:-3000], whole[:40], b"", b"text" * 100, packed(fewer)):
        (tmp_path / "archive").write_bytes(content)
        said = refusal(lambda: download.unpack(tmp_path / "archive", tmp_path / "out", members))
        assert str(tmp_path / "archive") in said
        assert sorted(os.listdir(tmp_path)) == ["archive", "source"]


@pytest.mark.slow
def test_a_script_says_it_in_one_line(server, tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    server.files[f"/files/{ARCHIVE}"] = serves(b"not what the checksum says")
    process = run_script("cifar10_random_labels.py", cwd=tmp_path, BINARYNET_DATA=str(own))
    assert process.returncode == 2
    # What precedes it is the progress bar.
    last = process.stderr.strip().splitlines()[-1]
    assert ARCHIVE in last and "MD5" in last, process.stderr
    assert not everything(own) and os.listdir(tmp_path) == ["own"]
    assert not (PROJECT / "datasets" / "data" / ARCHIVE).exists()
