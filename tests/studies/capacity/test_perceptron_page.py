"""Part 2 as the page of results tells it: whole rules alone, and which are not."""

from __future__ import annotations

import pytest

from studies.capacity import perceptron_page
from studies.capacity.page import HERE
from studies.capacity.perceptron import Trial
from studies.capacity.perceptron_cells import SIZES, loads


def trials(rule, inputs, lengths=(200, 2000), seeds=20, steady=False):
    """Solved at epoch 7, but by no seed of the largest load, and by half of those of the middle."""
    largest, middle = loads(rule, inputs)[-1], loads(rule, inputs)[2]
    return [
        Trial(
            rule,
            inputs,
            round(load * inputs),
            epochs,
            seed,
            None if load == largest or (load == middle and seed % 2) else 7,
            steady,
        )
        for load in loads(rule, inputs)
        for epochs in lengths
        for seed in range(seeds)
    ]


def test_whole_is_what_has_all_loads_seeds_and_lengths():
    assert list(perceptron_page.whole(trials("adam", 251))) == [("adam", 251)]
    # A rule without a learning rate is trained for the longer time alone.
    assert list(perceptron_page.whole(trials("bop", 501, (2000,), steady=True))) == [("bop", 501)]
    for lacking in (
        trials("adam", 251)[:-1],
        trials("adam", 251, (2000,)),
        trials("adam", 251, seeds=19),
        [trial for trial in trials("adam", 251) if trial.patterns != 125],
        trials("stochastic", 251),
    ):
        assert perceptron_page.whole(lacking) == {}


def test_the_table_counts_the_seeds_of_each_load_and_what_is_missing_is_named():
    found = perceptron_page.whole([*trials("sgd", 1001), *trials("adam", 251)])
    lines = perceptron_page.table(found).splitlines()[2:]
    counts = "0.38: 20; 0.44: 20; 0.50: 10; 0.56: 20; 0.62: 0"
    assert [line.split(" | ")[:4] for line in lines] == [
        ["| adam", "251", "200", counts],
        ["| adam", "251", "2,000", counts],
        ["| sgd", "1,001", "200", counts],
        ["| sgd", "1,001", "2,000", counts],
    ]
    told = perceptron_page.missing(found)
    assert "adam at 501 and 1,001 weights; sgd at 251 and 501 weights; bop at 251" in told
    assert told.endswith("stochastic at 501 weights.")
    rules = ("adam", "sgd", "bop", "sbpi")
    assert not perceptron_page.missing(
        [("stochastic", 501), *((r, n) for r in rules for n in SIZES)]
    )


def test_the_cells_that_are_kept(tmp_path):
    told = perceptron_page.told([HERE / "kept"], tmp_path / "perceptron")
    assert "| adam | 251 | 200 | 0.38: 20; 0.44: 20; 0.50: 19; 0.56: 8; 0.62: 0 | 0.549 [" in told
    assert (tmp_path / "perceptron.svg").stat().st_size > 1000
    with pytest.raises(ValueError, match="no rule"):
        perceptron_page.told([tmp_path], tmp_path / "nothing")
    assert not (tmp_path / "nothing.svg").exists()
