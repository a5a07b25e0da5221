"""One purpose, one stream: no two share one, and what is drawn for one says nothing of another."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from support.project import PROJECT  # noqa: F401 - puts the project on the path

import datasets
from datasets import SETS
from foundations.streams import MRG_MODULI, Purpose, mrg_seed, random_state
from memorization.measures import columns as measures
from training_loop import loop

# How many streams a purpose may have within one run: sets, epochs, layers.
SETS_LAYERS_EPOCHS = 12


def test_no_two_streams_are_the_same():
    starts = {
        (purpose, seed, first, second): random_state(purpose, seed, first, second)
        .randint(0, 2**32, 4, np.uint64)
        .tobytes()
        for purpose in Purpose
        for seed in range(50)
        for first in range(SETS_LAYERS_EPOCHS)
        for second in range(2)
    }
    assert len(set(starts.values())) == len(starts) == len(Purpose) * 50 * SETS_LAYERS_EPOCHS * 2


def test_no_two_seeds_of_theanos_generator_are_the_same():
    seeds = [
        mrg_seed(purpose, seed, layer)
        for purpose in (Purpose.STOCHASTIC_WEIGHTS, Purpose.DROPOUT)
        for seed in range(50)
        for layer in range(SETS_LAYERS_EPOCHS)
    ]
    for half, modulus in ((slice(3), MRG_MODULI[0]), (slice(3, 6), MRG_MODULI[1])):
        assert len({seed[half] for seed in seeds}) == len(seeds)
        assert all(0 < word < modulus for seed in seeds for word in seed[half])


@pytest.mark.parametrize("words", [(-1,), (2**32,), (0, -1), (0, 0, 2**32)])
def test_what_names_no_stream(words):
    for make in (random_state, mrg_seed):
        with pytest.raises(ValueError, match="from 0 to 4294967295"):
            make(Purpose.LABELS, *words)


def drawn_for(n, seed, corruption):
    """All that a run of n images draws: masks of the sets, orders of ten epochs, samples."""
    labels = np.arange(n) % 10
    masks = []
    for number in range(len(SETS)):
        stream = random_state(Purpose.LABELS, seed, number)
        masks.append(datasets.randomize_labels(labels, corruption, stream)[1])
    orders = [loop.shuffled(n, seed, epoch) for epoch in range(10)]
    streams = {
        measures.SATURATION_IMAGES: [random_state(Purpose.SATURATION_SAMPLE, seed)],
        measures.CRITICAL_IMAGES: [
            random_state(Purpose.CRITICAL_SAMPLE, seed, number) for number in range(2)
        ],
    }
    samples = [
        measures.drawn(np.arange(n), count, stream)
        for count, several in streams.items()
        for stream in several
    ]
    return masks, orders, samples


# Six standard deviations: among all that is compared here chance reaches them once in a million.
BOUND = 6


@pytest.mark.parametrize("n", [1800, 45_000, 73_257])
@pytest.mark.parametrize("corruption", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("seed", [0, 1, 77])
def test_which_labels_are_replaced_says_nothing_of_order_and_samples(n, corruption, seed):
    masks, orders, samples = drawn_for(n, seed, corruption)
    spread = np.sqrt(corruption * (1 - corruption))
    for mask in masks:
        share = mask.mean()
        for order in orders:
            for size in (50, n // 10, n // 2):
                head = mask[order[:size]].mean()
                assert abs(head - share) < BOUND * spread / np.sqrt(size)
            place = np.empty(n)
            place[order] = np.arange(n)
            assert abs(np.corrcoef(mask, place)[0, 1]) < BOUND / np.sqrt(n)
        for sample in samples:
            assert abs(mask[sample].mean() - share) < BOUND * spread / np.sqrt(len(sample))
    for mask, other in combinations(masks, 2):
        assert abs(np.corrcoef(mask, other)[0, 1]) < BOUND / np.sqrt(n)
    for order, other in combinations(orders, 2):
        assert abs(np.corrcoef(order, other)[0, 1]) < BOUND / np.sqrt(n)


def test_labels_are_uniform_over_seeds():
    """Of every image, over seeds: each class as often as the others."""
    seeds, images = 500, 200
    drawn = np.array(
        [
            datasets.randomize_labels(
                np.zeros(images, int), 1.0, random_state(Purpose.LABELS, seed)
            )[0]
            for seed in range(seeds)
        ]
    )
    counts = np.apply_along_axis(np.bincount, 0, drawn, minlength=10)
    assert counts.shape == (10, images)
    assert abs(counts.sum(axis=1) - seeds * images / 10).max() < BOUND * np.sqrt(
        seeds * images * 0.09
    )
    chi_squared = ((counts - seeds / 10) ** 2 / (seeds / 10)).sum(axis=0)
    # Of 9 degrees of freedom each: mean 9, variance 18.
    assert abs(chi_squared.mean() - 9) < BOUND * np.sqrt(18 / images)
    assert chi_squared.max() < 45


@pytest.mark.parametrize("seed", [0, 1, 77])
def test_the_order_of_pixels_says_nothing_of_other_orders(seed):
    """All of 1024 places, which a permutation of one stream would put into one order."""
    n = 32 * 32
    orders = [
        random_state(Purpose.SHUFFLED_PIXELS, seed).permutation(n),
        random_state(Purpose.RANDOM_PIXELS, seed).permutation(n),
        random_state(Purpose.LABELS, seed).permutation(n),
        random_state(Purpose.PATTERNS, seed).permutation(n),
        *(loop.shuffled(n, seed, epoch) for epoch in range(3)),
    ]
    for order, other in combinations(orders, 2):
        assert abs(np.corrcoef(order, other)[0, 1]) < BOUND / np.sqrt(n)


def test_successive_seeds_replace_other_labels():
    masks = [
        datasets.randomize_labels(np.zeros(2000, int), 0.5, random_state(Purpose.LABELS, seed))[1]
        for seed in range(20)
    ]
    for mask, other in combinations(masks, 2):
        assert abs(np.corrcoef(mask, other)[0, 1]) < BOUND / np.sqrt(2000)
