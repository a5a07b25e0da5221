"""The exact search, against every network there is of a tiny shape, and its command."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys

import numpy as np
import pytest
from support.project import PROJECT, check_one_line

from foundations.errors import UserError
from studies.capacity import exact
from studies.capacity.capacity import Shape

SHAPES = [(4, ()), (3, (2,)), (3, (2, 2))]
SEEDS = range(4)


def tables(inputs, hidden):
    """What every network of a shape tells of every pattern: (functions, 2 ** inputs) bool.

    Weights and thresholds are counted through, the output's first, with no use of which are alike.
    """
    patterns = np.array(list(itertools.product((-1, 1), repeat=inputs)))
    reached = {patterns.T.tobytes()}
    for fan_in, units in itertools.pairwise((inputs, *hidden, 1)):
        every = np.array(list(itertools.product((-1, 1), repeat=fan_in)))
        after = set()
        for rows in reached:
            values = np.frombuffer(rows, int).reshape(fan_in, -1)
            sums = every @ values
            thresholds = range(-fan_in - 1, fan_in + 2)
            of_unit = {np.where(s >= t, 1, -1).tobytes() for s in sums for t in thresholds}
            after.update(b"".join(chosen) for chosen in itertools.product(of_unit, repeat=units))
        reached = after
    return patterns, np.array([np.frombuffer(row, int) for row in reached]) > 0


@pytest.fixture(scope="module", params=SHAPES, ids=str)
def every_network(request):
    inputs, hidden = request.param
    return (Shape(inputs, hidden, 1), *tables(inputs, hidden))


def fits(told, patterns, given, labels):
    """Whether a row of `told` has the `labels` of the patterns `given`."""
    places = [int(np.flatnonzero((patterns == pattern).all(axis=1))[0]) for pattern in given]
    return bool((told[:, places] == labels.astype(bool)).all(axis=1).any())


def test_the_search_finds_what_counting_through_finds(every_network):
    pytest.importorskip("ortools")
    shape, patterns, told = every_network
    answers = set()
    for seed in SEEDS:
        given, labels = exact.random_patterns(12, shape.inputs, seed)
        sizes = [n for n in range(1, 13) if fits(told, patterns, given[:n], labels[:n])]
        n, answer = exact.largest(shape, seed, 600, threads=1)
        assert (n, answer.told) == (len(sizes), "unsat")
        assert sizes == list(range(1, n + 1))
        assert answer.network is not None
        assert np.array_equal(exact.classes_told(answer.network, given[:n]), labels[:n])
    # All patterns of a kind at once, whose labels contradict each other nowhere.
    for seed in range(12):
        labels = np.random.RandomState(seed).randint(0, 2, len(patterns))
        answer = exact.search(shape, patterns, labels, 600, threads=1)
        assert answer.told == ("sat" if fits(told, patterns, patterns, labels) else "unsat")
        assert not answer.why
        answers.add(answer.told)
    assert "unsat" in answers
    # What one of the networks tells, some network is found to tell.
    for row in told[:: max(1, len(told) // 30)]:
        answer = exact.search(shape, patterns, row.astype(int), 600, threads=1)
        assert np.array_equal(exact.classes_told(answer.network, patterns), row)


def test_a_network_by_hand():
    # Class 1 where exactly one of two inputs is +1.
    either, both = exact.Unit((1, 1), 0), exact.Unit((1, 1), 2)
    network = [[either, both], [exact.Unit((1, -1), 2)]]
    patterns = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]])
    assert exact.classes_told(network, patterns).tolist() == [0, 1, 1, 0]
    assert str(exact.Unit((1, -1), 2)) == "+- >= 2"


def test_patterns_that_come_twice_are_told():
    patterns = np.array([[1, 1], [1, -1], [1, 1], [1, -1]])
    assert exact.contradiction(patterns, np.array([0, 1, 0, 1])) == ""
    why = exact.contradiction(patterns, np.array([0, 1, 0, 0]))
    assert why == "patterns 2 and 4 are the same, and have two labels"


def command(*words):
    return subprocess.run(
        [sys.executable, "-m", "studies.capacity.exact", *words],
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--inputs", "4"), "--patterns --largest"),
        (("--inputs", "4", "--largest", "--patterns", "3"), "--patterns"),
        (("--inputs", "20", "--hidden", "8", "--largest"), "168 weights"),
        (("--inputs", "4", "--largest", "--classes", "3"), "two classes"),
        (("--inputs", "4", "--largest", "--hidden", "0"), "--hidden"),
        (("--inputs", "4", "--patterns", "99999"), "--patterns 99999"),
    ],
)
def test_one_line_for_what_is_not_searched(words, told):
    check_one_line(command(*words), told)


def test_one_line_without_the_solver(monkeypatch):
    monkeypatch.setitem(sys.modules, "ortools.sat.python", None)
    with pytest.raises(UserError, match="EXTRAS=study"):
        exact.search(Shape(3, (), 1), *exact.random_patterns(2, 3, 0), 600)


@pytest.mark.slow
def test_the_command_tells_a_network_that_labels_the_patterns():
    pytest.importorskip("ortools")
    done = command("--inputs", "7", "--hidden", "3", "--patterns", "9", "--threads", "1")
    assert done.returncode == 0, done.stderr
    first, *lines = done.stdout.splitlines()
    assert re.fullmatch(r"sat \([\d.]+ s\)", first)
    network = [[], []]
    for line in lines:
        layer, signs, threshold = re.fullmatch(
            r"layer (\d), unit \d: ([+-]+) >= (-?\d+)", line
        ).groups()
        weights = tuple(1 if sign == "+" else -1 for sign in signs)
        network[int(layer) - 1].append(exact.Unit(weights, int(threshold)))
    patterns, labels = exact.random_patterns(9, 7, 0)
    assert exact.classes_told(network, patterns).tolist() == labels.tolist()
    largest = command("--inputs", "3", "--largest", "--threads", "1")
    assert largest.returncode == 0, largest.stderr
    assert re.search(
        r"^at (\d+) unsat.*\nlargest: \d+ patterns, [\d.]+ a weight$", largest.stdout, re.M
    )
