"""Where data files are looked for, and what is said where they are not."""

from __future__ import annotations

import shutil

import pytest
from support.data_files import CIFAR10_FILES, write_cifar10, write_svhn

import datasets
from datasets import locate


@pytest.fixture(autouse=True)
def roots(tmp_path, monkeypatch):
    """Empty folders for $BINARYNET_DATA, $PYLEARN2_DATA_PATH and `datasets/data/`."""
    folders = {name: tmp_path / name for name in ("own", "pylearn2", "default")}
    for folder in folders.values():
        folder.mkdir()
    monkeypatch.setenv("BINARYNET_DATA", str(folders["own"]))
    monkeypatch.setenv("PYLEARN2_DATA_PATH", str(folders["pylearn2"]))
    monkeypatch.setattr(locate, "DEFAULT_ROOT", folders["default"])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    # Whatever would be downloaded all the same comes from nowhere.
    monkeypatch.setenv("BINARYNET_MIRROR", "http://127.0.0.1:9/")
    return folders


def test_order_of_the_folders(roots, tmp_path):
    counts = {"default": 1, "pylearn2": 2, "own": 3, "named": 4}
    for name, count in counts.items():
        write_cifar10(tmp_path / name, rows=(count,) * 6)
        given = {"data_dir": str(tmp_path / "named")} if name == "named" else {}
        assert len(datasets.load_cifar10(**given, download=False).images) == 6 * count


@pytest.mark.parametrize("root", ["own", "pylearn2", "default", "named"])
@pytest.mark.parametrize(
    ("cifar10", "svhn"),
    [
        ("cifar-10-batches-py", "svhn"),
        ("cifar10/cifar-10-batches-py", "SVHN/format2"),
        (".", "."),
    ],
)
def test_layouts(root, cifar10, svhn, tmp_path):
    write_cifar10(tmp_path / root / cifar10)
    write_svhn(tmp_path / root / svhn)
    named = str(tmp_path / "named") if root == "named" else None
    assert len(datasets.load_cifar10(named, download=False).images) == 46
    assert len(datasets.load_svhn(named, download=False).images) == 52


def test_each_data_set_may_have_its_own_root(roots):
    write_cifar10(roots["own"])
    write_svhn(roots["pylearn2"] / "SVHN" / "format2")
    assert datasets.load_cifar10(download=False).name == "cifar10"
    assert datasets.load_svhn(download=False).name == "svhn"


def message(load, *arguments, **options):
    with pytest.raises(datasets.DataError) as caught:
        load(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_nothing_anywhere(roots):
    said = message(datasets.load_cifar10, download=False)
    assert "CIFAR-10" in said and str(roots["own"]) in said


def test_a_named_folder_is_never_downloaded_into(tmp_path):
    said = message(datasets.load_svhn, str(tmp_path))
    assert str(tmp_path) in said and "train_32x32.mat" in said and "SVHN/format2" in said
    assert "no such folder" in message(datasets.load_svhn, str(tmp_path / "missing"))
    assert not (tmp_path / "missing").exists() and not (tmp_path / "svhn").exists()


def test_a_misspelt_variable(roots, monkeypatch):
    write_cifar10(roots["default"])
    monkeypatch.setenv("BINARYNET_DATA", str(roots["own"] / "typo"))
    said = message(datasets.load_cifar10)
    assert "$BINARYNET_DATA" in said and "typo" in said


@pytest.mark.parametrize("root", ["own", "pylearn2", "named"])
def test_a_part_of_the_files(root, tmp_path):
    folder = tmp_path / root / "cifar-10-batches-py"
    write_cifar10(folder)
    (folder / CIFAR10_FILES[3]).unlink()
    named = str(tmp_path / "named") if root == "named" else None
    assert str(folder / CIFAR10_FILES[3]) in message(datasets.load_cifar10, named)
    # All of them elsewhere in the same folder will do.
    shutil.copytree(folder, tmp_path / root / "cifar10" / "cifar-10-batches-py")
    write_cifar10(tmp_path / root / "cifar10" / "cifar-10-batches-py")
    assert len(datasets.load_cifar10(named, download=False).images) == 46
