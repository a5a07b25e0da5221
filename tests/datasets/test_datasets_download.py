"""Downloads from a real HTTP server: whole and verified, or nothing at all."""

from __future__ import annotations

import hashlib
import http.server
import io
import os
import tarfile
import threading

import pytest
from support.data_files import CIFAR10_FILES, python2_batch, write_cifar10, write_svhn
from support.project import PROJECT, run_script

import datasets
from datasets import cifar10, download, locate, svhn

ARCHIVE = "cifar-10-python.tar.gz"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        content, announced = self.server.files.get(self.path, (None, 0))
        self.server.asked.append(self.path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(announced))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, tuple[bytes, int]] = {}
        self.asked: list[str] = []
        self.address = f"http://127.0.0.1:{self.server_port}/files"

    def offer(self, name, content, announced=None):
        """Serve `content`, under a header that announces `announced` bytes; returns its MD5."""
        self.files[f"/files/{name}"] = content, len(content) if announced is None else announced
        return hashlib.md5(content).hexdigest()


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
    monkeypatch.setattr(cifar10, "MD5", server.offer(ARCHIVE, packed(batches)))
    data = datasets.load_cifar10()
    assert len(data.images) == 46 and server.asked == [f"/files/{ARCHIVE}"]
    assert "100%" in capsys.readouterr().err
    there = everything(tmp_path / "data")
    assert there == sorted(f"cifar-10-batches-py/{n}" for n in (*CIFAR10_FILES, "cifar10.h5"))
    assert datasets.load_cifar10().fingerprint() == data.fingerprint()
    assert len(server.asked) == 1


def test_svhn_without_extra_into_the_users_folder(server, tmp_path, monkeypatch):
    write_svhn(tmp_path / "source", extra=10)
    sums = {}
    for path in sorted((tmp_path / "source").iterdir()):
        sums[path.name] = server.offer(path.name, path.read_bytes())
    del sums[svhn.EXTRA]
    monkeypatch.setattr(svhn, "MD5", sums)
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setenv("BINARYNET_DATA", str(own))
    assert len(datasets.load_svhn().images) == 52
    assert everything(own) == ["svhn/svhn.h5", "svhn/test_32x32.mat", "svhn/train_32x32.mat"]
    assert sorted(server.asked) == ["/files/test_32x32.mat", "/files/train_32x32.mat"]
    assert not (tmp_path / "data").exists()


def test_an_unfinished_download_goes_on(server, tmp_path, monkeypatch):
    write_svhn(tmp_path / "source")
    names = ("train_32x32.mat", "test_32x32.mat")
    content = {name: (tmp_path / "source" / name).read_bytes() for name in names}
    monkeypatch.setattr(svhn, "MD5", {n: server.offer(n, content[n]) for n in names})
    del server.files["/files/test_32x32.mat"]
    assert "test_32x32.mat" in refusal(datasets.load_svhn)
    assert everything(tmp_path / "data") == ["svhn/train_32x32.mat"]
    server.offer(names[1], content[names[1]])
    server.asked.clear()
    assert len(datasets.load_svhn().images) == 52
    assert server.asked == ["/files/test_32x32.mat"]


def test_wrong_content_cut_off_and_absent(server, batches, tmp_path, monkeypatch):
    whole = packed(batches)
    monkeypatch.setattr(cifar10, "MD5", hashlib.md5(whole).hexdigest())
    flipped = whole[:-1] + bytes([whole[-1] ^ 1])
    for content, announced in ((flipped, None), (whole[:5000], len(whole)), (b"", None)):
        server.offer(ARCHIVE, content, announced)
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


def test_an_archive_that_the_user_fetched_is_used_and_kept(server, batches, tmp_path, monkeypatch):
    whole = packed(batches)
    monkeypatch.setattr(cifar10, "MD5", hashlib.md5(whole).hexdigest())
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
    monkeypatch.setattr(cifar10, "MD5", server.offer(ARCHIVE, packed(batches)))
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
    monkeypatch.setattr(cifar10, "MD5", server.offer(ARCHIVE, content))
    assert len(datasets.load_cifar10().images) == 46
    new = set(everything(tmp_path)) - set(before)
    assert new == {f"data/{folder}/{name}" for name in (*CIFAR10_FILES, "cifar10.h5")}


def test_damaged_and_incomplete_archives(batches, tmp_path):
    whole = packed(batches)
    members = {f"cifar-10-batches-py/{name}": name for name in CIFAR10_FILES}
    fewer = {path: content for path, content in batches.items() if "test_batch" not in path}
    for content in (whole[:-3000], whole[:40], b"", b"text" * 100, packed(fewer)):
        (tmp_path / "archive").write_bytes(content)
        said = refusal(lambda: download.unpack(tmp_path / "archive", tmp_path / "out", members))
        assert str(tmp_path / "archive") in said
        assert sorted(os.listdir(tmp_path)) == ["archive", "source"]


def test_a_script_says_it_in_one_line(server, tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    server.offer(ARCHIVE, b"not what the checksum says")
    process = run_script("cifar10_random_labels.py", cwd=tmp_path, BINARYNET_DATA=str(own))
    assert process.returncode == 2
    # What precedes it is the progress bar.
    last = process.stderr.strip().splitlines()[-1]
    assert ARCHIVE in last and "md5" in last.lower(), process.stderr
    assert not everything(own) and os.listdir(tmp_path) == ["own"]
    assert not (PROJECT / "datasets" / "data" / ARCHIVE).exists()
