"""Each measure against cases worked out by hand; --measure and --tensorboard through a kill."""

from __future__ import annotations

import math
import re
import struct
import sys

import numpy as np
import pytest
from support.project import run_script
from support.runs import SCRIPT, WITH_FIGURES, assert_same_run, run_and_leave_a_copy

from datasets.labelled_sets import LabelledSet
from foundations.errors import UserError
from foundations.streams import Purpose, random_state
from memorization.measures import columns as measures
from memorization.measures.corrupted import corruption_measures
from memorization.measures.critical import find_critical
from memorization.measures.held import HeldArray
from memorization.measures.image_history import ImageHistory, load_history
from memorization.run import folder as run_folder
from memorization.run.trackers import tensorboard as event_files
from training_loop import metrics
from training_loop.evaluation import Evaluation

NINE_LAYERS = (*WITH_FIGURES, "--hidden", *["16"] * 8)
MEASURE = ("--measure", "--batch-statistics", "--tensorboard", "--corruption", "0.5")


def labelled(given, true):
    given, true = np.array(given), np.array(true)
    return LabelledSet(np.arange(len(given)), given, true, np.ones(len(given), bool))


def evaluated(predictions, labels):
    return Evaluation(np.zeros(len(labels)), np.array(predictions), np.array(labels))


def test_errors_on_the_two_parts():
    given, true = [1, 1, 2, 3, 4, 5], [1, 0, 0, 3, 0, 0]
    # Right, as true, as given, wrong, neither, as given.
    columns = corruption_measures(evaluated([1, 0, 2, 9, 9, 5], given), labelled(given, true))
    assert columns == {
        "training_error_corrupted": 0.5,
        "training_error_uncorrupted": 0.5,
        "corrupted_as_given": 0.5,
        "corrupted_as_true": 0.25,
    }


def test_a_part_without_images_has_no_error():
    columns = corruption_measures(evaluated([1, 0], [1, 1]), labelled([1, 1], [1, 1]))
    assert columns["training_error_uncorrupted"] == 0.5
    assert math.isnan(columns["training_error_corrupted"])
    assert math.isnan(columns["corrupted_as_true"])


def test_first_learnt_and_forgotten(tmp_path):
    history = ImageHistory(4)
    #                 image: 0      1      2      3 (left out of the pass, as in a partial batch)
    right_by_epoch = [[False, True, False], [True, False, False], [False, True, False]]
    columns = [
        history.update(epoch, np.array(right)) for epoch, right in enumerate(right_by_epoch, 1)
    ]
    history.save(tmp_path / "image_history.npz")
    stored = load_history(tmp_path / "image_history.npz")
    assert stored.first_learnt_epoch.tolist() == [2, 1, 0, 0]
    assert stored.forgetting_count.tolist() == [1, 1, 0, 0]
    assert [column["training_ever_learnt"] for column in columns] == [1 / 3, 2 / 3, 2 / 3]
    assert [column["training_forgotten"] for column in columns] == [0, 1 / 3, 1 / 3]


def test_sign_flips():
    first = HeldArray(np.array([[0.5, -0.5, 0.0], [1.0, -1.0, -0.1]]))
    second = HeldArray(np.full(9, -0.5))
    flips = measures.SignFlips([first, second])
    # 0 counts as -1, so that going below it is no flip.
    first.set_value(np.array([[-0.5, -0.9, -0.2], [1.0, 1.0, -0.1]]))
    once = flips.update()
    assert once["sign_flips_last_layer_1"] == once["sign_flips_start_layer_1"] == 2 / 6
    first.set_value(np.array([[0.5, -0.9, -0.2], [1.0, 1.0, -0.1]]))
    second.set_value(np.full(9, 0.5))
    assert flips.update() == {
        "sign_flips_last_layer_1": 1 / 6,
        "sign_flips_last_layer_2": 1.0,
        "sign_flips_start_layer_1": 1 / 6,
        "sign_flips_start_layer_2": 1.0,
    }


@pytest.fixture(scope="module")
def network():
    """A narrow network, its measuring functions and what it predicts of float32 images."""
    from binary_net import lasagne
    from memorization import networks
    from memorization.architecture import WIDTHS, Architecture
    from memorization.measures import functions as measure_functions
    from theano_engine import theano

    output = networks.build(Architecture(WIDTHS["svhn"]).scaled(0.0625), seed=3)
    functions = measure_functions.build_measuring_functions(output)
    images = theano.tensor.tensor4()
    outputs = lasagne.layers.get_output(output, images, deterministic=True)
    return output, functions, theano.function([images], outputs.argmax(axis=1))


def batch_norms(output):
    from binary_net import lasagne

    return [layer for layer in lasagne.layers.get_all_layers(output) if hasattr(layer, "inv_std")]


@pytest.fixture
def images():
    return np.random.RandomState(1).uniform(-1, 1, (130, 3, 32, 32)).astype(np.float32)


@pytest.mark.slow
def test_saturation(network, images):
    output, functions, _ = network
    norms = batch_norms(output)[:-1]
    before = [layer.gamma.get_value() for layer in norms]
    constants = [0.0, 1.5, 1.0, -1.0, -1.1, 0.5, 2.0, 0.0]
    try:
        for layer, constant, gamma in zip(norms, constants, before):
            layer.gamma.set_value(0 * gamma)
            layer.beta.set_value(np.full_like(gamma, constant))
        # Every third unit of the last one alone.
        norms[-1].beta.set_value(np.where(np.arange(64) % 3, 0, 3).astype(np.float32))
        shares = measures.saturation(functions.count_saturated, images, functions.activations)
    finally:
        for layer, gamma in zip(norms, before):
            layer.gamma.set_value(gamma)
            layer.beta.set_value(0 * gamma)
    assert list(shares.values()) == [0, 1, 0, 0, 1, 0, 1, 22 / 64]


def noise():
    return random_state(Purpose.CRITICAL_NOISE, 1, 2)


@pytest.mark.slow
def test_critical_images(network, images):
    _, functions, predict = network
    step = functions.step_to_another_class
    centre = predict(images)
    shares = []
    for radius in (0.0, 1e-3, 0.3):
        critical, points = find_critical(step, images, noise(), radius)
        assert np.array_equal(predict(points) != centre, critical)
        assert np.abs(points - images).max() <= radius + 1e-6
        shares.append(critical.mean())
    assert shares[0] == 0
    assert 0 < shares[1] < shares[2]
    again, _ = find_critical(step, images, noise(), 0.3)
    assert np.array_equal(again, critical)


@pytest.mark.slow
def test_a_constant_network_has_no_critical_images(network, images):
    output, functions, _ = network
    last = batch_norms(output)[-1]
    before = last.gamma.get_value()
    try:
        last.gamma.set_value(0 * before)
        critical, _ = find_critical(functions.step_to_another_class, images, noise(), 0.5)
    finally:
        last.gamma.set_value(before)
    assert not critical.any()
    nothing, _ = find_critical(functions.step_to_another_class, images[:0], noise(), 0.5)
    assert nothing.shape == (0,)


def event_scalars(run):
    """(tag, step) of every value in a run's event files, in order; void ones left out."""
    from tensorboardX.proto import event_pb2

    scalars = []
    for path in sorted((run / event_files.FOLDER).iterdir(), key=lambda p: p.stat().st_mtime_ns):
        data = path.read_bytes()
        # A record: its length (8 bytes), a checksum (4), the event, a checksum (4).
        while len(data) >= 12:
            (length,) = struct.unpack("<Q", data[:8])
            if len(data) < 16 + length:
                break
            event = event_pb2.Event.FromString(data[12 : 12 + length])
            if event.session_log.status == event.session_log.START:
                scalars = [(tag, step) for tag, step in scalars if step < event.step]
            scalars += [(value.tag, event.step) for value in event.summary.value]
            data = data[16 + length :]
    return scalars


@pytest.mark.exhaustive
def test_measured_runs_survive_a_kill_and_train_alike(tmp_path):
    plain, measured, killed = (tmp_path / name for name in ("plain", "measured", "killed"))
    plain.mkdir()
    measured.mkdir()
    done = run_script(f"{SCRIPT}.py", *NINE_LAYERS, *MEASURE[3:], "--no-figures", cwd=plain)
    assert done.returncode == 0, done.stderr
    command = (f"{SCRIPT}.py", *NINE_LAYERS, *MEASURE)
    done = run_and_leave_a_copy(command, measured, killed, epochs=2)
    assert re.search(r"sign flips start by layer( +\d+\.\d%){5}\n( +\d+\.\d%){4}\n", done.stdout)
    assert re.search(r"critical sample ratio test +\d+\.\d%\n", done.stdout)
    again = run_script(f"{SCRIPT}.py", *NINE_LAYERS, *MEASURE, "--resume", cwd=killed)
    assert again.returncode == 0, again.stderr

    plain, measured, killed = (
        folder / "results" / SCRIPT / "run" for folder in (plain, measured, killed)
    )
    assert_same_run(killed, measured)
    with (
        np.load(killed / "image_history.npz") as one,
        np.load(measured / "image_history.npz") as other,
    ):
        for name in ("first_learnt_epoch", "forgetting_count"):
            assert np.array_equal(one[name], other[name])

    rows = run_folder.load_metrics(measured / "metrics.csv")
    for row, unmeasured in zip(rows, run_folder.load_metrics(plain / "metrics.csv")):
        # No epoch takes as long as another.
        for name in unmeasured.keys() - metrics.TIMINGS:
            assert row[name] == unmeasured[name], name
        added = {name: value for name, value in row.items() if name not in unmeasured}
        assert len(added) == 4 + 2 + 2 * 9 + 8 + 2 + 1
        assert all(0 <= value <= 1 for value in added.values())
    assert [row["training_ever_learnt"] for row in rows] == sorted(
        row["training_ever_learnt"] for row in rows
    )
    for run in (measured, killed):
        scalars = event_scalars(run)
        assert [step for name, step in scalars if name == "error/training"] == [1, 2, 3, 4]
        assert ("measures/sign_flips_start_layer_9", 4) in scalars
        assert ("class_error/3_training", 4) in scalars
        # Beside the metrics: options and record as text, the contact sheet as an image.
        told = {name.removesuffix("/text_summary") for name, _ in scalars}
        assert {"run/hyperparameters", "run/record", "run/labels"} <= told


def test_no_writer_of_event_files(monkeypatch):
    for name in event_files.WRITERS:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError, match="pip install tensorboardX"):
        event_files.check_installed()
