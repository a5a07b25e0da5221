"""--batch-statistics: the training error under each batch's own statistics, beside the other."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from support.project import check_one_line, run_command, run_script
from support.runs import run_in

from binary_net import lasagne
from datasets.labelled_sets import LabelledSet
from foundations.errors import UserError
from memorization import functions, networks
from memorization.architecture import Architecture
from memorization.measures.batch_statistics import BatchStatistics
from memorization.measures.functions import build_batch_statistics_test
from training_loop import metrics
from training_loop.evaluation import Evaluation

RUN = (
    *("--data", "patterns", "--patterns", "60", "12", "--classes", "3", "--network", "mlp"),
    *("--hidden", "9", "--epochs", "4", "--batch-size", "25", "--quiet"),
)


def build(norm="batch"):
    shape = Architecture((7, 5), kind="mlp", norm=norm, image_shape=(1, 1, 8), n_classes=3)
    return networks.build(shape, seed=4)


def told_by_hand(network, images):
    """The classes that the network of each batch's statistics tells of one batch, in float64."""
    values = images.reshape(len(images), -1).astype(np.float64)
    for layer in lasagne.layers.get_all_layers(network)[1:]:
        if hasattr(layer, "W"):
            values = values @ np.where(layer.W.get_value() > 0, 1, -1) + layer.b.get_value()
        elif hasattr(layer, "inv_std"):
            deviation = np.sqrt(values.var(axis=0) + layer.epsilon)
            scaled = (values - values.mean(axis=0)) / deviation * layer.gamma.get_value()
            values = scaled + layer.beta.get_value()
        else:
            values = np.where(values >= 0, 1, -1)
    return values.argmax(axis=1)


@pytest.mark.slow
def test_batches_in_order_by_their_own_statistics_and_stored_ones_stay():
    state = np.random.RandomState(2)
    network = build()
    stored = {}
    for layer in lasagne.layers.get_all_layers(network):
        for name in ("beta", "gamma", "mean", "inv_std") if hasattr(layer, "inv_std") else ():
            parameter = getattr(layer, name)
            # Far from what any batch has.
            value = state.uniform(0.2, 2, parameter.get_value().shape).astype(np.float32)
            parameter.set_value(value)
            stored[parameter] = value
    images = state.choice([-1.0, 1.0], (90, 1, 1, 8)).astype(np.float32)
    pool = functions.shared_pool(images)
    plain = functions.build_test(network, pool)
    assert functions.pool_of(plain) is pool
    test = build_batch_statistics_test(network, pool, functions.DETERMINISTIC)
    # Not as they lie in the pool, and a last batch that is smaller.
    numbers = state.permutation(90)[:80]
    labels = state.randint(0, 3, 80)
    replaced = np.zeros(80, bool)
    observer = BatchStatistics(test, LabelledSet(numbers, labels, labels, replaced), 30)
    # The test pass has left ten out.
    numbers, labels = numbers[:70], labels[:70]
    batches = [numbers[start : start + 30] for start in (0, 30, 60)]
    told = np.concatenate([told_by_hand(network, images[batch]) for batch in batches])
    visited = Evaluation(np.zeros(70), labels, labels)
    columns = observer.measure(1, {"training": visited})
    assert columns == {metrics.BATCH_STATISTICS_ERROR: float(np.mean(told != labels))}
    _, stored_told = plain(numbers, labels)
    assert (stored_told != told).mean() > 0.1
    for parameter, value in stored.items():
        assert np.array_equal(parameter.get_value(), value)


def test_a_network_without_batch_norm_has_no_statistics():
    pool = functions.shared_pool(np.ones((3, 1, 1, 8), np.float32))
    with pytest.raises(UserError, match="--batch-statistics"):
        build_batch_statistics_test(build("none"), pool, functions.DETERMINISTIC)


@pytest.mark.slow
def test_one_line_where_there_is_no_batch_norm(tmp_path):
    done = run_script(
        "cifar10_random_labels.py", *RUN, "--norm", "none", "--batch-statistics", cwd=tmp_path
    )
    check_one_line(done, "--batch-statistics", "--norm none")
    assert not list(tmp_path.iterdir())


@pytest.mark.exhaustive
def test_of_a_run(tmp_path):
    rows = {}
    for name, more in (("plain", ()), ("measured", ("--batch-statistics",))):
        folder = tmp_path / name
        folder.mkdir()
        done = run_script("cifar10_random_labels.py", *RUN, *more, cwd=folder)
        assert done.returncode == 0, done.stderr
        text = (run_in(folder) / "metrics.csv").read_text(encoding="utf-8")
        rows[name] = list(csv.DictReader(metrics.reproducible(text).splitlines()))
    for plain, measured in zip(rows["plain"], rows["measured"], strict=True):
        told = measured.pop(metrics.BATCH_STATISTICS_ERROR)
        assert measured == plain
        assert 0 <= float(told) <= 1
        # Wholly of 60 images.
        assert float(told) * 60 == pytest.approx(round(float(told) * 60))
    run = run_in(tmp_path / "measured")
    drawn = (run / "measured.svg").read_text(encoding="utf-8")
    assert "training error by statistics of batch norm" in drawn
    report = run_command("report", str(tmp_path / "measured"), "--output", "out", cwd=tmp_path)
    assert report.returncode == 0, report.stderr
    figure = (tmp_path / "out" / "measured.svg").read_text(encoding="utf-8")
    assert "training error batch statistics" in figure
