"""Labels of a teacher: what they are, what they depend on, and what is no teacher."""

from __future__ import annotations

import json

import numpy as np
import pytest

import datasets
from datasets import teacher as teachers
from datasets.labelled_sets import LabelledSets

SIZE = {"count": 1200, "dimensions": 30, "classes": 5}
TEACHERS = ((), (7,), (16, 8))


def load(**changed):
    parameters = {**SIZE, "seed": 0, "label_seed": 0, "teacher": [16, 8], **changed}
    return datasets.load("patterns", **parameters)


def told_by_hand(weights, pattern):
    """The class of one pattern, in Python's whole numbers."""
    *hidden, last = [layer.astype(int).tolist() for layer in weights]
    signs = [int(value) for value in pattern]
    for layer in hidden:
        sums = [sum(s * row[unit] for s, row in zip(signs, layer)) for unit in range(len(layer[0]))]
        signs = [1 if total >= 0 else -1 for total in sums]
    sums = [sum(s * row[unit] for s, row in zip(signs, last)) for unit in range(len(last[0]))]
    return int(sums[0] >= 0) if len(sums) == 1 else sums.index(max(sums))


@pytest.mark.parametrize("hidden", TEACHERS)
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_every_set_has_the_labels_of_one_network(hidden, classes):
    data = load(teacher=list(hidden), classes=classes, label_seed=6)
    layers = teachers.layers(SIZE["dimensions"], hidden, classes)
    assert [units for _, units in layers] == [*hidden, 1 if classes == 2 else classes]
    weights = teachers.draw_weights(layers, 6)
    assert [layer.shape for layer in weights] == layers
    assert all(set(np.unique(layer)) == {-1, 1} for layer in weights)
    patterns = data.images.reshape(len(data.images), -1)
    chosen = np.concatenate([getattr(data, name)[:70] for name in datasets.SETS])
    expected = [told_by_hand(weights, pattern) for pattern in patterns[chosen]]
    assert data.labels[chosen].tolist() == expected
    if not hidden:
        # What ties is among what was compared.
        sums = patterns[chosen] @ weights[0]
        best = sums.max(axis=1, keepdims=True) if classes > 2 else np.zeros_like(sums)
        assert ((sums == best).sum(axis=1) > (classes > 2)).any()


def test_each_layer_of_each_seed_is_drawn_by_itself():
    layers = [(40, 40)] * 3
    drawn = [layer for seed in range(3) for layer in teachers.draw_weights(layers, seed)]
    for number, one in enumerate(drawn):
        assert abs(one.mean()) < 6 / 40
        for other in drawn[:number]:
            assert abs((one * other).mean()) < 6 / 40


def test_the_label_seed_draws_the_teacher_alone():
    first, other = load(), load(label_seed=3)
    assert np.array_equal(first.images, other.images)
    assert (first.labels != other.labels).mean() > 0.3
    plain = load(teacher=None)
    assert np.array_equal(first.images, plain.images)
    assert (first.labels != plain.labels).mean() > 0.3
    # Other patterns, the same rule.
    again = load(seed=1)
    assert not np.array_equal(first.images, again.images)
    weights = teachers.draw_weights(teachers.layers(30, (16, 8), 5), 0)
    patterns = again.images.reshape(len(again.images), -1)
    assert np.array_equal(again.labels, teachers.labels_of(weights, patterns))


def test_fewer_are_the_first_of_more():
    more, fewer = load(), load(count=999)
    for name in datasets.SETS:
        n = len(getattr(fewer, name))
        labels = [of.labels[getattr(of, name)][:n] for of in (fewer, more)]
        assert np.array_equal(*labels)


def test_a_teacher_is_part_of_the_data_set():
    prints = [load(teacher=of).fingerprint() for of in (None, [], [16], [8, 16], [16, 8])]
    assert len(set(prints)) == 5
    assert load(seed=1, label_seed=2).fingerprint() == prints[-1]
    assert LabelledSets.of(load()).fingerprint == prints[-1]
    # Ready for JSON, and made from it again; without a teacher as before there were any.
    parameters = json.loads(json.dumps(load().parameters))
    assert parameters["teacher"] == [16, 8]
    assert np.array_equal(datasets.load("patterns", **parameters).labels, load().labels)
    assert "teacher" not in load(teacher=None).parameters


@pytest.mark.parametrize(
    "teacher", ["16", 16, [0], [-1], [2.5], ["3"], [True], [2**16], {"a": 1}, [2**16 - 1] * 9]
)
def test_what_is_no_teacher(teacher):
    with pytest.raises(datasets.DataError, match="--teacher") as caught:
        datasets.source("patterns", **SIZE, seed=0, label_seed=0, teacher=teacher)
    assert "\n" not in str(caught.value)
