"""The searches that are kept: each network tried again, and how they are run, kept and told."""

from __future__ import annotations

import json

import numpy as np
import pytest

from foundations.errors import UserError
from studies.capacity import exact, exact_runs, page
from studies.capacity.capacity import Shape, bound_per_weight
from studies.capacity.results import Stored, Trained, read_all
from studies.capacity.tables import name_of

KEPT = exact_runs.load()
PLANNED = [Shape(inputs, hidden, 1) for inputs, hidden, _ in exact_runs.NETWORKS]


def unit(text):
    signs, threshold = text.split(" >= ")
    return exact.Unit(tuple(1 if sign == "+" else -1 for sign in signs), int(threshold))


@pytest.mark.parametrize("of", KEPT, ids=lambda of: f"{of.inputs}-{of.hidden}-{of.seed}")
def test_a_kept_network_labels_so_many_patterns_and_not_one_more(of):
    network = [[unit(text) for text in units] for units in of.network]
    shape = [(len(units[0].weights), len(units)) for units in network]
    assert shape == [tuple(layer) for layer in of.shape.layers]
    patterns, labels = exact.random_patterns(of.largest + 1, of.inputs, of.seed)
    right = exact.classes_told(network, patterns) == labels
    assert right[:-1].all() and not right[-1]


def test_what_is_kept_is_of_the_plan_and_once():
    every = {(inputs, hidden, seed) for inputs, hidden, s in exact_runs.NETWORKS for seed in s}
    kept = [(of.inputs, of.hidden, of.seed) for of in KEPT]
    assert len(set(kept)) == len(kept) and set(kept) <= every
    assert set(exact_runs.missing(KEPT)) == every - set(kept)


def test_searches_are_kept_as_they_end_and_not_searched_again(tmp_path, monkeypatch, capsys):
    pytest.importorskip("ortools", reason="the extra study is not installed")
    place = tmp_path / "exact.json"
    monkeypatch.setattr(exact_runs, "NETWORKS", ((4, (), (0, 1)), (3, (2,), (0,))))
    command = ["--kept", str(place), "--threads", "1"]
    exact_runs.main(command)
    first = place.read_text()
    assert capsys.readouterr().out.count("then unsat") == 3
    exact_runs.main(command)
    assert capsys.readouterr().out == "" and place.read_text() == first
    place.write_text(json.dumps(json.loads(first)[:2]))
    exact_runs.main(command)
    assert capsys.readouterr().out.startswith("3-2-1, seed 0")
    before, after = json.loads(first), exact_runs.load(place)
    assert [of.largest for of in after] == [of["largest"] for of in before]
    table = exact_runs.told({}, place)
    assert "Not searched" not in table
    assert "| 4-1 | 4 | 2 |" in table and "| 3-2-1 | 8 | 1 |" in table
    # Of 3 inputs there are 8 patterns: one comes twice with two labels before a ninth.
    assert after[2].largest < 9 and after[2].why and "a pattern with two labels: 1" in table


def test_a_search_without_an_end_is_at_least_what_it_found(tmp_path):
    path = tmp_path / "exact.json"
    search = exact_runs.Searched(9, (), 0, 7, "unsolved", "", 2.0, 2.0, "a processor", ())
    path.write_text(json.dumps([search.__dict__]))
    assert "| at least 7.0 (7 to 7) | at least 0.78 |" in exact_runs.told({}, path)


def test_what_training_labels_stands_beside(tmp_path):
    path, shape = tmp_path / "exact.json", Shape(9, (), 1)
    search = exact_runs.Searched(9, (), 0, 7, "unsat", "", 2.0, 9.0, "a processor", ())
    path.write_text(json.dumps([search.__dict__]))
    errors = {
        n: dict(enumerate(of)) for n, of in ((2, [0] * 5), (3, [0, 0, 0, 1, 1]), (4, [1] * 5))
    }
    line, _, left = exact_runs.told({shape: Stored(errors=errors)}, path).splitlines()[2:]
    assert line.endswith("| none has one more: 1 | 3 |")
    assert left == f"Not searched yet: {', '.join(map(name_of, PLANNED))}."


def test_the_cells_of_searched_networks_are_told_apart_from_part_1():
    found = read_all([page.HERE / "kept"])
    own = found[Trained(own_labels=True)]
    assert own.keys() <= set(PLANNED) and not set(PLANNED) & found[Trained()].keys()


WHOLE = {"inputs": 4, "hidden": [], "seed": 0, "largest": 1, "answer": "unsat", "why": ""}
WHOLE |= {"seconds": 1.0, "limit": 9.0, "processor": "one", "network": []}
DAMAGED = [[{**WHOLE, "network": [1]}], [{**WHOLE, "hidden": ["2"]}], [{"inputs": 4}], [1], {}]


@pytest.mark.parametrize("text", [*map(json.dumps, DAMAGED), "[", "\x00"])
def test_a_damaged_file_is_refused_in_a_line_that_names_it(tmp_path, text):
    path = tmp_path / "exact.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"exact\.json: no searches of the study"):
        exact_runs.load(path)


def test_what_a_small_network_can_store():
    """A perceptron of N inputs: its weights, and N + 2 places of its threshold."""
    assert np.isclose(bound_per_weight(Shape(16, (), 1)), (16 + np.log2(18)) / 16)
