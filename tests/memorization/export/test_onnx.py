"""Networks as ONNX, checked by its checker and run in onnxruntime."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from support.project import check_one_line, run_command
from support.trained import ARCHITECTURES, images_of, network_of, parameters, trained

from memorization.export import inference, onnx_check, onnx_file, twin
from memorization.export.first_layer import float_thresholds, near_thresholds
from memorization.export.folding import fold
from memorization.export.model import affine, is_high
from memorization.export.network import layers_of
from memorization.export.onnx_session import OnnxNetwork

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def apart(name):
    """The network `name` without a first layer that ties."""
    architecture = ARCHITECTURES[name]
    arrays = parameters(architecture)
    # Its bias, or beta where it has none.
    arrays[1] = arrays[1] + np.random.RandomState(3).uniform(0.1, 0.4, arrays[1].shape)
    return replace(trained(name), layers=layers_of(architecture, arrays, name))


@pytest.mark.parametrize("tying", [False, True])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_scores_and_classes_are_equal_but_within_rounding_of_a_threshold(name, tying, tmp_path):
    network = trained(name) if tying else apart(name)
    images = images_of(ARCHITECTURES[name])
    onnx_file.save(network, tmp_path / "network.onnx")
    model = onnx.load(tmp_path / "network.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert {node.domain for node in model.graph.node} == {""}
    scores, classes = OnnxNetwork(tmp_path / "network.onnx").run(images)
    folded = fold(network)
    expected, near = inference.scores(folded, images), near_thresholds(folded, images)
    assert np.allclose(scores[~near], expected[~near], rtol=1e-6, atol=1e-4)
    assert np.array_equal(classes[~near], inference.predicted_classes(expected)[~near])
    assert tying or np.count_nonzero(~near) > 10
    named = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(named["class_names"]) == list(network.class_names)


@pytest.mark.parametrize("name", ["cnn", "sigmoid", "mlp"])
def test_a_first_threshold_is_where_the_norm_turns(name):
    layer = fold(trained(name)).layers[0]
    threshold, flipped = float_thresholds(layer)
    turning = np.isfinite(threshold)
    assert turning.sum() > len(turning) // 2
    parts = [values[turning] for values in layer.affine]
    at, below = threshold[turning], np.nextafter(threshold[turning], np.float32(-np.inf))
    assert np.array_equal(is_high(affine(at, *parts)), ~flipped[turning])
    assert np.array_equal(is_high(affine(below, *parts)), flipped[turning])


@pytest.mark.parametrize(
    ("weights", "activations"),
    [("float", "hard"), ("float", "relu"), ("binary", "hard"), ("binary", "relu")],
)
@pytest.mark.parametrize("name", ["cnn", "two classes"])
def test_float_twins(name, weights, activations, tmp_path):
    architecture = replace(ARCHITECTURES[name], weights=weights, activations=activations)
    network = network_of(architecture)
    onnx_file.save(network, tmp_path / "network.onnx")
    images = images_of(architecture, 12)
    scores, classes = OnnxNetwork(tmp_path / "network.onnx").run(images)
    expected = twin.scores(network, images)
    assert np.allclose(scores, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    assert np.array_equal(classes, inference.predicted_classes(expected))
    told = onnx_check.compare(network, tmp_path / "network.onnx", images)
    assert "12 of 12 images have the same class" in told


def test_a_run_with_its_images(short_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(short_run, run)
    np.save(tmp_path / "images.npy", images_of(ARCHITECTURES["cnn"], 20))
    done = run_command("export", run, "--to", "onnx", "--check", "images.npy", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    agreeing = int(last.split(": ")[1].split(" of 20 images agree")[0])
    near = int(last.split("onnxruntime; ")[1].split()[0])
    assert agreeing + near == 20 and agreeing > 0
    record = json.loads((run / "run.json").read_text())
    model = onnx.load(run / "model_parameters.onnx")
    assert json.loads({e.key: e.value for e in model.metadata_props}["record"]) == record


def test_images_that_cannot_be_checked(short_run, tmp_path):
    np.save(tmp_path / "floats.npy", np.zeros((2, 3, 32, 32), np.float32))
    run = ("export", short_run, "--output", "network.out")
    done = run_command(*run, "--to", "onnx", "--check", "floats.npy", cwd=tmp_path)
    check_one_line(done, "floats.npy", "uint8")
    done = run_command(*run, "--to", "packed", "--check", "floats.npy", cwd=tmp_path)
    assert done.returncode == 2 and "--check is for --to onnx" in done.stderr
    assert not (tmp_path / "network.out").exists()


def test_predict_takes_an_exported_file(tmp_path):
    network = apart("no bias")
    onnx_file.save(network, tmp_path / "network.onnx")
    images = images_of(network.architecture, 4)
    np.save(tmp_path / "images.npy", images)
    names = [str(n) for n in OnnxNetwork(tmp_path / "network.onnx").run(images)[1]]
    told = run_command("predict", "network.onnx", "images.npy", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    classes = [network.class_names[int(n)] for n in names]
    assert [line.split("  ")[1].strip() for line in told.stdout.splitlines()[1:]] == classes


@pytest.mark.parametrize("damage", ["cut", "text", "another"])
def test_other_onnx_files_are_refused_in_a_line(damage, tmp_path):
    path = tmp_path / "network.onnx"
    onnx_file.save(apart("mlp"), path)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-40])
    elif damage == "text":
        path.write_text("no protocol buffer \x1b[2J")
    else:
        model = onnx.load(path)
        del model.metadata_props[:]
        onnx.save(model, path)
    np.save(tmp_path / "images.npy", images_of(ARCHITECTURES["mlp"], 2))
    done = run_command("predict", "network.onnx", "images.npy", cwd=tmp_path)
    check_one_line(done, "network.onnx", "--to onnx")
