"""The streams of networks and of whole runs: layers, dropout, stochastic weights, --label-seed."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support.project import check_one_line, run_script

from binary_net import lasagne
from memorization import networks
from memorization.architecture import WIDTHS, Architecture

pytestmark = pytest.mark.slow


NARROW = 0.0625
SCRIPT = "cifar10_random_labels"
OPTIONS = ("--synthetic", "--width", str(NARROW), "--epochs", "1", "--train-size", "100")
OPTIONS += ("--name", "run", "--no-figures")


def build(seed=0, **more):
    return networks.build(Architecture(WIDTHS["svhn"], **more).scaled(NARROW), seed)


def weights(network):
    return [W.get_value() for W in lasagne.layers.get_all_params(network, binary=True)]


def states(network):
    """Where the random generators of a network's layers begin."""
    generators = [vars(layer).get("_srng") for layer in lasagne.layers.get_all_layers(network)]
    return [tuple(map(int, generator.rstate)) for generator in generators if generator]


def test_every_layer_of_every_seed_draws_from_a_stream_of_its_own():
    found = [state for seed in range(3) for state in states(build(seed, dropout=(0.5, 0.5)))]
    assert len(set(found)) == len(found) == 3 * (9 + 2)
    starts = [W.ravel()[:8].tobytes() for seed in range(3) for W in weights(build(seed))]
    assert len(set(starts)) == len(starts) == 3 * 9


def test_dropout_and_lasagnes_own_generator_leave_the_weights_alone():
    plain = weights(build())
    lasagne.random.set_rng(np.random.RandomState(3))
    expected = np.random.RandomState(3).uniform()
    for W, other in zip(plain, weights(build(dropout=(0.5, 0.5))), strict=True):
        assert np.array_equal(W, other)
    assert lasagne.random.get_rng().uniform() == expected


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for name, more in {
        "0": (),
        "1": ("--seed", "1"),
        "1 of 0": ("--seed", "1", "--label-seed", "0"),
    }.items():
        done = run_script(
            f"{SCRIPT}.py", *OPTIONS, *more, "--quiet", "--results-dir", name, cwd=folder
        )
        assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.exhaustive
def test_the_label_seed_draws_labels_and_nothing_else(runs):
    labels, parameters = {}, {}
    for name in ("0", "1", "1 of 0"):
        with np.load(runs / name / SCRIPT / "run" / "labels.npz") as stored:
            labels[name] = {key: stored[key].tolist() for key in stored.files}
        with np.load(runs / name / SCRIPT / "run" / "model_parameters.npz") as stored:
            parameters[name] = stored["arr_1"].tolist()
    assert labels["1 of 0"] == labels["0"] != labels["1"]
    assert parameters["1 of 0"] != parameters["0"]


@pytest.mark.exhaustive
def test_a_run_of_before_is_refused_by_name_but_read(runs):
    run = runs / "0" / SCRIPT / "run"
    record = json.loads((run / "run.json").read_text())
    del record["format"], record["options"]["label_seed"]
    (run / "run.json").write_text(json.dumps(record))
    with np.load(run / "labels.npz") as stored:
        arrays = {key.replace("replaced", "corrupted"): stored[key] for key in stored.files}
    np.savez(run / "labels.npz", **arrays)
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    resumed = run_script(
        f"{SCRIPT}.py", *OPTIONS, "--results-dir", "0", "--resume", "--epochs", "2", cwd=runs
    )
    check_one_line(resumed, str(run.relative_to(runs)), "earlier version", "random stream")
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
