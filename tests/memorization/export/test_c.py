"""Networks as C99: compiled with every warning an error, run under sanitizers."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.project import check_one_line, run_command
from support.sanitizers import SANITIZERS
from support.trained import ARCHITECTURES, images_of, network_of, trained

from memorization.export import c_source, inference, twin
from memorization.export.folding import fold

pytestmark = pytest.mark.slow

STRICT = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion"]
# What compilers may do to floats where they are not told the standard.
COMPILERS = {
    "c99": ["gcc", "-std=c99", "-O1", *SANITIZERS],
    "contracting": ["gcc", "-std=gnu11", "-O3", "-march=native", "-ffp-contract=fast"],
}


def compiled(source, compiler):
    """The program that `source` is with its own main."""
    program = source.with_suffix("")

    command = [*compiler, *STRICT, "-DNETWORK_MAIN", str(source), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return program


def predictions(program, images):
    """Classes (n,), and scores (n, outputs) float32, that `program` prints of `images`."""
    done = subprocess.run([str(program)], input=images.tobytes(), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    lines = [line.split() for line in done.stdout.decode().splitlines()]
    classes = [int(words[0]) for words in lines]
    return classes, np.array([words[3:] for words in lines], np.float64).astype(np.float32)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_predictions_and_scores_are_equal_bit_for_bit(name, tmp_path):
    network, images = trained(name), images_of(ARCHITECTURES[name])
    expected = inference.scores(fold(network), images)
    c_source.save(network, tmp_path / "network.c")
    for compiler in ("c99", "contracting"):
        program = compiled(tmp_path / "network.c", COMPILERS[compiler])
        classes, scores = predictions(program, images)
        assert scores.tobytes() == expected.tobytes()
        assert classes == inference.predicted_classes(expected).tolist()


@pytest.mark.parametrize(
    ("weights", "activations"),
    [("float", "hard"), ("float", "relu"), ("float", "binary"), ("binary", "hard")],
)
@pytest.mark.parametrize("name", ["cnn", "two classes"])
def test_float_twins(name, weights, activations, tmp_path):
    architecture = replace(ARCHITECTURES[name], weights=weights, activations=activations)
    network = network_of(architecture)
    c_source.save(network, tmp_path / "network.c")
    images = images_of(architecture, 8)
    _, scores = predictions(compiled(tmp_path / "network.c", COMPILERS["c99"]), images)
    expected = twin.scores(network, images)
    assert len(np.unique(expected, axis=0)) > 3
    assert np.allclose(scores, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def test_a_run(short_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(short_run, run)
    done = run_command("export", run, "--to", "c", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    written = [run / f"model_parameters.{ending}" for ending in ("c", "h")]
    assert [line.split(":")[0] for line in done.stdout.splitlines()[:2]] == [*map(str, written)]
    images = images_of(ARCHITECTURES["cnn"], 5)
    np.save(tmp_path / "images.npy", images)
    told = run_command("predict", run, "images.npy", cwd=tmp_path).stdout.splitlines()[1:]
    done = subprocess.run(
        [compiled(written[0], COMPILERS["c99"])], input=images.tobytes(), capture_output=True
    )
    names = [line.split()[1] for line in done.stdout.decode().splitlines()]
    assert names == [line.split()[1] for line in told]


def test_names_that_c_would_take_for_something_else(tmp_path):
    names = ('a"b', "c\\d", "e??=f", "g\nh", "ü*/", "\ud800", "%s")
    network = replace(trained("mlp"), class_names=names, source=Path("x*/ int y; /*\\\n.npz"))
    c_source.save(network, tmp_path / "network.c")
    images = images_of(ARCHITECTURES["mlp"])
    program = compiled(tmp_path / "network.c", COMPILERS["c99"])
    done = subprocess.run([str(program)], input=images.tobytes(), capture_output=True)
    found = inference.predicted_classes(inference.scores(fold(network), images))
    for number in set(found.tolist()):
        encoded = names[number].encode("utf-8", "backslashreplace")
        assert b"%d %s " % (number, encoded) in done.stdout


def test_half_an_image_is_told(tmp_path):
    c_source.save(trained("mlp"), tmp_path / "network.c")
    program = compiled(tmp_path / "network.c", COMPILERS["c99"])
    done = subprocess.run([str(program)], input=bytes(30), capture_output=True)
    assert done.returncode == 2 and done.stderr == b"5 bytes are no whole image of 25\n"
    assert len(done.stdout.splitlines()) == 1


def test_a_file_that_c_could_not_include(short_run, tmp_path):
    for name in ("net work.c", 'net".c', "network.txt"):
        done = run_command("export", short_run, "--to", "c", "--output", name, cwd=tmp_path)
        check_one_line(done, "--output")
    assert list(tmp_path.iterdir()) == []
