"""What is done to a data set is recorded by name, and replayed when a run is read back."""

from __future__ import annotations

import json

import numpy as np
import pytest

import datasets
from datasets.labelled_sets import LabelledSets
from datasets.transformations import TRANSFORMATIONS, replayed, transformed


@pytest.fixture(scope="module")
def data():
    return LabelledSets.of(datasets.load_synthetic("cifar10", n_train=100, n_test=20), 50)


RECIPE = (
    ("random labels", 3, {"fraction": 0.5, "sets": ["training", "test"]}),
    ("matched gaussian training images", 6, {}),
    ("shuffled pixels", 5, {}),
    ("random pixels", 5, {}),
    ("gaussian training images", 4, {"variance": 0.1}),
)


def after(data, recipe=RECIPE):
    for name, seed, parameters in recipe:
        data = transformed(data, name, seed, **parameters)
    return data


def assert_same(data, other):
    assert np.array_equal(data.images, other.images)
    for name in datasets.SETS:
        for kind in ("numbers", "labels", "true_labels", "replaced"):
            of, wanted = getattr(data, name), getattr(other, name)
            assert np.array_equal(getattr(of, kind), getattr(wanted, kind)), (name, kind)


def test_a_recorded_recipe_makes_the_same_again(data):
    made = after(data)
    again = replayed(data, json.loads(json.dumps(made.recorded())))
    assert_same(again, made)
    assert again.fingerprint == made.fingerprint != data.fingerprint
    assert made.training.replaced.sum() == 25 and not made.validation.replaced.any()
    assert {name for name, _, _ in RECIPE} == set(TRANSFORMATIONS)


def test_the_fingerprint_tells_recipes_apart_but_not_seeds(data):
    found = {after(data).fingerprint, after(data, RECIPE[:1]).fingerprint, data.fingerprint}
    assert len(found) == 3
    other_seeds = [(name, seed + 10, parameters) for name, seed, parameters in RECIPE]
    assert after(data, other_seeds).fingerprint == after(data).fingerprint
    less = ("random labels", 3, {"fraction": 0.25, "sets": ["training", "test"]})
    assert after(data, [less]).fingerprint not in found


@pytest.mark.parametrize(
    "step",
    [
        {"name": "sorted images", "seed": 0, "parameters": {}},
        {"name": "random labels", "seed": 0, "parameters": {"fraction": 2, "sets": ["test"]}},
        {"name": "random labels", "seed": 0, "parameters": {"fraction": 0.5, "sets": ["name"]}},
        {"name": "random labels", "seed": -1, "parameters": {"fraction": 0.5, "sets": ["test"]}},
        {"name": "gaussian training images", "seed": 0, "parameters": {"\x1b[2J": 1}},
        {"name": "random labels"},
        {"name": "shuffled pixels", "seed": 0, "parameters": {"order": [0, 1]}},
        {"name": "shuffled pixels", "seed": "0", "parameters": {}},
        "random labels",
        None,
    ],
)
def test_what_is_no_transformation_is_named(data, step):
    with pytest.raises(datasets.DataError, match="no transformation of a data set") as caught:
        replayed(data, [step])
    assert "\x1b" not in str(caught.value)
