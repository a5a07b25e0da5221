"""A run's figures: drawn by the scripts, drawn again by figures.py, and what is in them."""

from __future__ import annotations

import json
import re
import shutil
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from matplotlib.image import imread
from support.project import run_command, run_script
from support.runs import SHORT

from foundations.errors import UserError
from memorization.report import figures, measured
from memorization.report import style as plotting
from memorization.run import folder as run_folder
from training_loop import metrics

KINDS = ("curves", "class_errors", "measured")
FORMATS = ("png", "svg", "pdf")
DRAWN = {"labels.png", *(f"{kind}.{ending}" for kind in KINDS for ending in FORMATS)}
SVG = "{http://www.w3.org/2000/svg}"


def texts(path):
    """Every piece of text of an SVG file, as text rather than as outlines."""
    return ["".join(e.itertext()).strip() for e in ElementTree.parse(path).iter(f"{SVG}text")]


def drawn_again(folder):
    return {path.name for path in figures.main([str(folder)])}


def lengthened(short_run, folder, epochs):
    """A copy of `run` whose metrics go on for `epochs` epochs."""
    shutil.copytree(short_run, folder)
    header, line = (short_run / "metrics.csv").read_text().splitlines()
    rest = line.partition(",")[2]
    lines = [header, *(f"{epoch},{rest}" for epoch in range(1, epochs + 1))]
    (folder / "metrics.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.slow
def test_a_run_of_one_epoch_has_its_figures(short_run):
    assert {path.name for path in short_run.iterdir()} >= DRAWN
    for path in short_run.glob("*.png"):
        pixels = imread(path)
        assert min(pixels.shape[:2]) > 400
        assert len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 20, path


@pytest.mark.slow
def test_what_was_measured_is_drawn(short_run):
    (row,) = run_folder.load_metrics(short_run / "metrics.csv")
    assert "memorised bits" in texts(short_run / "measured.svg")
    layers = {metrics.of_layer("sign_flips_last", n): 0.1 * n for n in (1, 2)}
    row = {**row, **layers, "corrupted_as_given": 0.5, "corrupted_as_true": 0.1}
    assert measured.panels(row) == {
        "corrupted labels": {
            "corrupted_as_given": "corrupted as given",
            "corrupted_as_true": "corrupted as true",
        },
        "memorised bits": {"memorised_bits": "memorised bits"},
        "sign flips last, by layer": dict(zip(layers, "12")),
    }
    for path in short_run.glob("*.pdf"):
        assert path.read_bytes().startswith(b"%PDF-")


@pytest.mark.slow
def test_text_in_vector_figures_is_text(short_run):
    curves = texts(short_run / "curves.svg")
    assert {"training", "validation", "test", "chance", "loss", "learning rate"} <= set(curves)
    (row,) = run_folder.load_metrics(short_run / "metrics.csv")
    shown = texts(short_run / "class_errors.svg")
    for name in ("training", "test"):
        for label in range(10):
            assert f"{100 * row[f'{name}_error_class_{label}']:.0f}%" in shown


def test_coordinates_are_short_and_text_is_whole(tmp_path):
    with plotting.drawing(3, 2) as figure:
        axes = figure.subplots()
        axes.plot([0, 1 / 3, 1], [0, 1 / 7, 1])
        axes.set_title("0.0001234")
        plotting.save(figure, tmp_path / "lines", ("svg",))
    assert "0.0001234" in texts(tmp_path / "lines.svg")
    paths = [e.get("d") for e in ElementTree.parse(tmp_path / "lines.svg").iter(f"{SVG}path")]
    assert any(re.search(r"\d\.\d\d ", path) for path in paths)
    assert not any(re.search(r"\.\d{3}", path) for path in paths)


def test_series_differ_without_colour():
    looks = {(str(style.linestyle), style.marker) for style in plotting.STYLES}
    assert len({line for line, _ in looks}) == len({marker for _, marker in looks}) == 8


@pytest.mark.exhaustive
def test_labels_that_are_not_true_are_framed(short_run, tmp_path):
    """The frames' colour is there as often as labels differ, and gone where none does."""
    frame = np.array([0xD5, 0x5E, 0x00]) / 255

    def framed(folder):
        pixels = imread(folder / "labels.png")[..., :3]
        return int((np.abs(pixels - frame).max(axis=2) < 0.01).sum())

    with np.load(short_run / "labels.npz") as stored:
        corrupted = stored["training_labels"] != stored["training_true_labels"]
    assert 0 < corrupted[:40].sum() < 40
    done = run_script("cifar10_random_labels.py", *SHORT, "--corruption", "0", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert framed(short_run) > 5000
    assert framed(tmp_path / "results" / "cifar10_random_labels" / "run") == 0


@pytest.mark.slow
def test_drawing_again_gives_the_same_vector_figure(short_run, tmp_path):
    copy = shutil.copytree(short_run, tmp_path / short_run.parent.name / short_run.name)
    (copy / "curves.svg").unlink()
    assert drawn_again(copy) == DRAWN
    assert (copy / "curves.svg").read_bytes() == (short_run / "curves.svg").read_bytes()


@pytest.mark.slow
def test_history_of_images_is_drawn_where_it_was_measured(short_run, tmp_path):
    folder = lengthened(short_run, tmp_path / "long", 120)
    first = np.arange(130) - 9
    np.savez(
        folder / "image_history.npz", first_learnt_epoch=first, forgetting_count=first.clip(0) % 7
    )
    assert drawn_again(folder) == DRAWN | {f"image_history.{ending}" for ending in FORMATS}
    assert "10 of 130 were never learnt" in texts(folder / "image_history.svg")
    assert "17 of 120 learnt were never forgotten" in texts(folder / "image_history.svg")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("run.json", "{", "run.json"),
        ("metrics.csv", "epoch,learning_rate\n1\n", "metrics.csv"),
        ("labels.npz", "not an archive", "labels.npz"),
        ("image_history.npz", "not an archive", "image_history.npz"),
    ],
)
def test_what_cannot_be_read_is_named(short_run, tmp_path, name, content, named):
    copy = shutil.copytree(short_run, tmp_path / "broken")
    (copy / name).write_text(content)
    with pytest.raises(UserError, match=rf"{re.escape(named)}: "):
        drawn_again(copy)


@pytest.mark.exhaustive
def test_another_data_set_is_refused(short_run, tmp_path):
    copy = shutil.copytree(short_run, tmp_path / "other")
    record = json.loads((copy / "run.json").read_text())
    record["data"]["fingerprint"] = "0" * 64
    (copy / "run.json").write_text(json.dumps(record))
    done = run_command("figures", copy, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("python -m memorization figures: error: ")
    assert "not the one that this run trained on" in done.stderr
    assert len(done.stderr.splitlines()) == 1
