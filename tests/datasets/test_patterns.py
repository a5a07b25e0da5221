"""Random patterns: what they are, and that every part of them has a stream of its own."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

import datasets
from datasets.labelled_sets import LabelledSets

SIZE = {"count": 3000, "dimensions": 40, "classes": 7}


def load(**changed):
    return datasets.load("patterns", **{**SIZE, "seed": 0, "label_seed": 0, **changed})


def patterns_of(data, name):
    return data.images[getattr(data, name)].reshape(-1, data.form.image_shape[-1])


def test_signs_and_labels_are_uniform():
    data = load()
    assert data.images.dtype == np.float32 and data.form.image_shape == (1, 1, 40)
    assert data.form.n_classes == 7 and data.form.chance_error == pytest.approx(6 / 7)
    sizes = [len(getattr(data, name)) for name in datasets.SETS]
    assert sizes == [3000, 1000, 1000]
    assert sorted(np.concatenate([getattr(data, n) for n in datasets.SETS])) == list(range(5000))
    for name, size in zip(datasets.SETS, sizes):
        signs = patterns_of(data, name).astype(float)
        assert set(np.unique(signs)) == {-1, 1}
        assert abs(signs.mean(axis=0)).max() < 6 / np.sqrt(size)
        between = signs.T @ signs / size - np.eye(40)
        assert abs(between).max() < 6 / np.sqrt(size)
        counts = np.bincount(data.labels[getattr(data, name)], minlength=7)
        assert abs(counts - size / 7).max() < 6 * np.sqrt(size * 6 / 49)


def test_no_two_parts_share_a_stream():
    first, other = load(), load(seed=1, label_seed=1)
    parts = [patterns_of(of, name)[:1000] for of in (first, other) for name in datasets.SETS]
    for one, another in combinations(parts, 2):
        assert abs((one * another).mean()) < 6 / np.sqrt(one.size)
    labels = [of.labels[getattr(of, n)][:1000] for of in (first, other) for n in datasets.SETS]
    for one, another in combinations(labels, 2):
        assert abs((one == another).mean() - 1 / 7) < 6 * np.sqrt(6 / 49 / 1000)
    for signs, given in zip(parts, labels):
        for label in range(7):
            chosen = signs[given == label]
            assert abs(chosen.mean(axis=0)).max() < 6 / np.sqrt(len(chosen))


def test_the_label_seed_draws_labels_alone():
    first, other = load(), load(label_seed=3)
    assert np.array_equal(first.images, other.images)
    assert not np.array_equal(first.labels, other.labels)


def test_fewer_are_the_first_of_more():
    more = load()
    for count in (1, 999, 1000, 1001, 2500):
        fewer = load(count=count)
        for name in datasets.SETS:
            n = len(getattr(fewer, name))
            assert np.array_equal(patterns_of(fewer, name), patterns_of(more, name)[:n])
            labels = [of.labels[getattr(of, name)][:n] for of in (fewer, more)]
            assert np.array_equal(*labels)


def test_seeds_are_repetitions_of_one_data_set():
    fingerprint = load().fingerprint()
    assert load(seed=1, label_seed=2).fingerprint() == fingerprint
    others = [load(**{name: value + 1}).fingerprint() for name, value in SIZE.items()]
    assert len({fingerprint, *others}) == 4
    assert LabelledSets.of(load()).fingerprint == fingerprint


@pytest.mark.parametrize(
    "wrong",
    [
        *({"count": 0}, {"count": 10**12}, {"count": 2.5}, {"count": "3"}, {"count": True}),
        *({"dimensions": 0}, {"dimensions": 2**16}, {"classes": 1}, {"classes": 10**6}),
        *(
            {"seed": -1},
            {"label_seed": 2**32},
            {"seed": None},
            {"count": 10**9, "dimensions": 9999},
        ),
        *({"\x1b[2J": 1}, {"name": "svhn"}),
    ],
)
def test_what_there_can_be_no_patterns_of(wrong):
    with pytest.raises(datasets.DataError) as caught:
        datasets.source("patterns", **{**SIZE, "seed": 0, "label_seed": 0, **wrong})
    assert "\x1b" not in str(caught.value) and "\n" not in str(caught.value)


def test_a_data_set_of_files_has_no_parameters():
    with pytest.raises(datasets.DataError, match="svhn"):
        datasets.source("svhn", count=3)
    with pytest.raises(datasets.DataError, match="patterns"):
        datasets.source("patterns", count=3)
