"""`python -m memorization predict`: classes and scores of images, and of files that are none."""

from __future__ import annotations

import csv
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image
from support.project import PROJECT, check_one_line, run_command
from support.trained import ARCHITECTURES, images_of, trained

from memorization.export import inference, packed
from memorization.export.folding import fold

pytestmark = pytest.mark.slow


def saved(folder, name):
    path = folder / f"{name}.h5"
    packed.save(path, fold(trained(name)))
    return path


@pytest.fixture(scope="module")
def colours(tmp_path_factory):
    """A packed network of 2017's form."""
    return saved(tmp_path_factory.mktemp("colours"), "cnn")


@pytest.fixture(scope="module")
def grey(tmp_path_factory):
    """A packed network for grey images of 28 x 28 and seven classes."""
    return saved(tmp_path_factory.mktemp("grey"), "sigmoid")


def rows(text):
    return list(csv.DictReader(text.splitlines()))


def scores(row):
    return [np.float32(value) for name, value in row.items() if name.startswith("score ")]


def test_pictures_arrays_and_folders(colours, tmp_path):
    images = images_of(ARCHITECTURES["cnn"], 5)
    folder = tmp_path / "images"
    folder.mkdir()
    Image.fromarray(np.moveaxis(images[2], 0, 2)).save(folder / "b.png")
    np.save(folder / "a.npy", images[:2])
    np.save(folder / "c.npy", inference.unit_range(images[3]))
    (folder / ".hidden.png").write_bytes(b"none")
    (folder / "notes.txt").write_text("none")
    done = run_command("predict", colours, folder, "--csv", "-", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = rows(done.stdout)
    names = [f"{folder}/{name}" for name in ("a.npy[0]", "a.npy[1]", "b.png", "c.npy")]
    assert [row["image"] for row in found] == names
    expected = inference.scores(packed.load(colours), images[:4])
    assert np.array_equal([scores(row) for row in found], expected)
    classes = [f"class {n}" for n in inference.predicted_classes(expected)]
    assert [row["class"] for row in found] == classes
    table = run_command("predict", colours, folder, cwd=tmp_path).stdout.splitlines()
    assert table[0].split()[:2] == ["image", "class"] and len(table) == 5
    done = run_command("predict", colours, folder, "--csv", tmp_path / "told.csv", cwd=tmp_path)
    assert done.stdout == "" and rows((tmp_path / "told.csv").read_text()) == found


def test_grey_pictures_and_jpeg(grey, colours, tmp_path):
    images = images_of(ARCHITECTURES["sigmoid"], 4)
    Image.fromarray(images[3, 0]).save(tmp_path / "grey.png")
    Image.fromarray(images[3, 0]).quantize(200).save(tmp_path / "palette.png")
    Image.fromarray(np.full((32, 32, 3), 90, np.uint8)).save(tmp_path / "flat.jpg")
    done = run_command("predict", grey, "grey.png", "palette.png", "--csv", "-", cwd=tmp_path)
    (row,) = rows(done.stdout)
    expected = inference.scores(packed.load(grey), images[3:])
    assert np.array_equal([scores(row)], expected)
    assert done.returncode == 2 and "palette.png" in done.stderr
    done = run_command("predict", colours, "flat.jpg", "--csv", "-", cwd=tmp_path)
    flat = np.full((1, 3, 32, 32), 90, np.uint8)
    (row,) = rows(done.stdout)
    assert np.array_equal([scores(row)], inference.scores(packed.load(colours), flat))


def chunk(kind, content):
    body = kind + content
    return len(content).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")


def bomb(path):
    """A PNG of a few bytes that claims 60,000 x 60,000 pixels."""
    sizes = (60_000).to_bytes(4, "big") * 2
    header = chunk(b"IHDR", sizes + bytes([8, 2, 0, 0, 0]))
    packed_rows = chunk(b"IDAT", zlib.compress(bytes(100_000)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + packed_rows + chunk(b"IEND", b""))


def test_what_cannot_be_taken_is_told_in_a_line_each(colours, tmp_path):
    random = np.random.RandomState(0)
    colour = random.randint(0, 256, (32, 32, 3)).astype(np.uint8)
    picture = Image.fromarray(colour)
    picture.save(tmp_path / "good.png")
    picture.convert("L").save(tmp_path / "grey.png")
    picture.convert("RGBA").save(tmp_path / "alpha.png")
    picture.convert("CMYK").save(tmp_path / "printing.jpg")
    Image.fromarray(colour.astype(np.uint16)[..., 0] * 256).save(tmp_path / "sixteen.png")
    turned = Image.fromarray(colour[::-1].copy())
    picture.save(tmp_path / "animated.png", save_all=True, append_images=[turned])
    picture.save(tmp_path / "moving.gif")
    Image.fromarray(colour[:20]).save(tmp_path / "small.png")
    content = (tmp_path / "good.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    (tmp_path / "empty.png").write_bytes(b"")
    # Colours of 16 bits, which Pillow reads as if they had 8.
    header = chunk(b"IHDR", (32).to_bytes(4, "big") * 2 + bytes([16, 2, 0, 0, 0]))
    deep = chunk(b"IDAT", zlib.compress(bytes(32 * (1 + 32 * 6))))
    (tmp_path / "deep.png").write_bytes(content[:8] + header + deep + chunk(b"IEND", b""))
    bomb(tmp_path / "bomb.png")
    np.save(tmp_path / "wrong.npy", colour)
    np.save(tmp_path / "double.npy", np.zeros((3, 32, 32)))
    np.save(tmp_path / "loud.npy", np.full((3, 32, 32), 2, np.float32))
    np.save(tmp_path / "objects.npy", np.array([{}], object), allow_pickle=True)
    (tmp_path / "none").mkdir()
    wrong = {
        **{"grey.png": "grey", "alpha.png": "transparency", "printing.jpg": "CMYK"},
        **{"sixteen.png": "16 bits", "deep.png": "16 bits", "animated.png": "animated"},
        **{"moving.gif": "no readable image", "small.png": "--resize", "cut.png": "truncated"},
        **{"empty.png": "no readable image", "bomb.png": "too many", "wrong.npy": "(32, 32, 3)"},
        **{"double.npy": "float64", "loud.npy": "from 2 to 2", "objects.npy": "objects"},
        **{"none": "no image in it", "gone.png": "no such file"},
    }
    done = run_command("predict", colours, *wrong, "good.png", "--csv", "-", cwd=tmp_path)
    assert done.returncode == 2
    assert [row["image"] for row in rows(done.stdout)] == ["good.png"]
    lines = done.stderr.splitlines()
    assert len(lines) == len(wrong), done.stderr
    for line, (name, told) in zip(lines, wrong.items()):
        assert f"error: {name}: " in line and told in line
    done = run_command("predict", colours, "small.png", "--resize", cwd=tmp_path)
    assert done.returncode == 0 and "small.png" in done.stdout
    done = run_command("predict", colours, "bomb.png", "--resize", cwd=tmp_path)
    check_one_line(done, "bomb.png", "too many")


def test_a_run_and_its_packed_file_say_the_same(short_run, tmp_path):
    image = images_of(ARCHITECTURES["cnn"], 3)
    np.save(tmp_path / "three.npy", image)
    exported = tmp_path / "exported.h5"
    done = run_command("export", short_run, "--to", "packed", "--output", exported, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = {
        run_command("predict", *network, "three.npy", cwd=tmp_path).stdout
        for network in (
            [exported],
            [exported, "--compiled"],
            [short_run],
            [short_run / "model_parameters.npz"],
        )
    }
    assert len(told) == 1 and told.pop().count("three.npy[") == 3


BLOCKED = """
import runpy, sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocked())
runpy.run_module("memorization", run_name="__main__", alter_sys=False)
"""


def test_a_packed_file_needs_numpy_and_h5py_alone(colours, tmp_path):
    np.save(tmp_path / "image.npy", images_of(ARCHITECTURES["cnn"])[2])
    others = ("theano", "lasagne", "scipy", "requests", "tqdm", "matplotlib", "six", "PIL", "torch")
    program = BLOCKED.format(blocked=set(others))
    done = subprocess.run(
        [sys.executable, "-c", program, "predict", str(colours), "image.npy"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "image.npy" in done.stdout
