"""The figures of a report: what is in them, and what their legends say."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest
from support.compared_runs import make_run
from support.project import run_command

SVG = "{http://www.w3.org/2000/svg}"
EXPERIMENT = "cifar10_random_labels"
pytestmark = pytest.mark.slow


def texts(path):
    return ["".join(e.itertext()).strip() for e in ElementTree.parse(path).iter(f"{SVG}text")]


@pytest.fixture(scope="module")
def written(short_run, tmp_path_factory):
    """The report on binary and float networks at three levels of corruption, two seeds each; one
    seed of the binary ones does not fit the random labels."""
    folder = tmp_path_factory.mktemp("figures")
    for number in range(12):
        weights = ("binary", "float")[number % 2]
        corruption, seed = (0.0, 0.5, 1.0)[number // 2 % 3], number // 6
        last = 30 if (weights, corruption, seed) == ("binary", 1.0, 1) else 0
        errors = [(50, 60, 60), (0 if corruption < 0.5 else 20, 60, 60), (last, 60, 40 + seed)]
        more = {"corruption": corruption, "weights": weights}
        activations = "binary" if weights == "binary" else "relu"
        place = folder / str(number) / EXPERIMENT
        make_run(short_run, place, errors, seed, activations=activations, **more)
    done = run_command("report", *sorted(folder.iterdir()), "--output", "out", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "out"


def test_binary_networks_beside_float_ones(written):
    shown = texts(written / "zhang_figure_1.svg")
    for title in ("binary networks", "float weights, relu activations"):
        assert shown.count(title) == 1
    for axis in ("(a) training steps", "(b) replaced labels", "(c) replaced labels"):
        assert shown.count(axis) == 2
    assert "error of 0%" in shown
    name = EXPERIMENT.replace("_", " ")
    # The same conditions are called the same in both columns, in one legend.
    assert shown.count(name) == 3
    told = [text for text in shown if text.startswith("corruption")]
    assert told == [f"corruption {level} (n = 2)" for level in ("0", "0.5", "1")]


def test_every_figure_is_there_for_screen_page_and_latex(written):
    for name in ("comparison", "zhang_figure_1"):
        for ending in ("png", "svg", "pdf"):
            assert (written / f"{name}.{ending}").stat().st_size > 1000
        assert f"({name}.svg)" in (written / "report.md").read_text()
        assert re.search(rf'<img id="{name}"', (written / "report.html").read_text("utf-8"))
    # Nothing was measured in these runs.
    assert not list(written.glob("measured.*"))


def test_legends_tell_how_many_seeds_a_band_has(written):
    shown = texts(written / "comparison.svg")
    assert shown.count("mean of n = 2 seeds") == 6


def test_what_was_measured_is_compared(short_run, tmp_path):
    for seed in (0, 1):
        place = tmp_path / str(seed) / EXPERIMENT
        make_run(short_run, place, [(50, 60, 60), (20, 60, 60)], seed)
        lines = (place / "metrics.csv").read_text().splitlines()
        added = ["corrupted_as_given,saturated_layer_1,saturated_layer_2", "0.25,0.5,0.75"]
        both = [f"{line},{added[number > 0]}" for number, line in enumerate(lines)]
        (place / "metrics.csv").write_text("\n".join(both) + "\n")
    done = run_command("report", "0", "1", "--output", "out", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    shown = texts(tmp_path / "out" / "measured.svg")
    assert {"corrupted as given", "saturated", "layer, after the last epoch"} <= set(shown)
