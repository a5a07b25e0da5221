"""Planted labels: a network of the teacher's shape and weights has no error, in all three sets."""

from __future__ import annotations

import numpy as np
import pytest

import datasets
from datasets import SETS, teacher
from memorization import functions, networks
from memorization.architecture import Architecture
from memorization.sweep import grid
from memorization.sweep.cells import planned, script_of
from training_loop.evaluation import evaluate


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize("hidden, classes", [((), 2), ((12,), 10), ((16, 16), 10)])
def test_a_student_of_the_teachers_weights_has_no_error(hidden, classes, norm):
    data = datasets.load(
        "patterns",
        **{"count": 700, "dimensions": 16, "classes": classes},
        **{"seed": 2, "label_seed": 5, "teacher": list(hidden)},
    )
    # Batch norm as it begins, and a bias of 0, change no sum.
    shape = Architecture(
        hidden, kind="mlp", norm=norm, image_shape=data.form.image_shape, n_classes=classes
    )
    student = networks.build(shape, seed=1)
    test = functions.build_test(student, functions.shared_pool(data.images))

    def errors():
        sets = [getattr(data, name) for name in SETS]
        return [evaluate(test, numbers, data.labels[numbers], 500).error for numbers in sets]

    assert min(errors()) > 0.1
    weights = teacher.draw_weights(teacher.layers(16, hidden, classes), 5)
    for layer, signs in zip(networks.binarized_layers(student), weights, strict=True):
        layer.W.set_value(signs)
    assert errors() == [0, 0, 0]
    # With one input's weights turned it is another function.
    (first, *_) = networks.binarized_layers(student)
    first.W.set_value(np.concatenate([-weights[0][:1], weights[0][1:]]))
    assert min(errors()) > 0


def test_a_sweep_varies_the_teacher(tmp_path):
    extra = ("--data", "patterns", "--patterns", "9", "4", "--network", "mlp", "--corruption", "0")
    axes = grid.axes_of(["teacher=no,none,8 4"])
    cells = planned([script_of("svhn_random_labels")], [axes], extra, tmp_path)
    assert [cell.options.teacher for cell in cells] == [None, (), (8, 4)]
    assert len({cell.folder for cell in cells}) == 3
    assert [cell.options.data_parameters.get("teacher") for cell in cells] == [None, [], [8, 4]]
