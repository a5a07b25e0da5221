"""Functions are made without a search for cycles, and what is left of many of them is found."""

from __future__ import annotations

import gc
import subprocess
import sys

import numpy as np
import pytest
from support.project import PROJECT

from theano_engine import T, theano
from theano_engine.setup import collector


def make(operations=50):
    made = T.fvector()
    result = made
    for number in range(operations):
        result = T.tanh(result * np.float32(number + 1))
    return theano.function([made], result)


def graphs():
    return sum(type(each) is theano.gof.FunctionGraph for each in gc.get_objects())


@pytest.fixture
def searches():
    """The generations that were searched, one by one."""
    seen = []

    def note(phase, about):
        if phase == "start":
            seen.append(about["generation"])

    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)


def test_no_search_while_a_function_is_made(searches, monkeypatch):
    during = []
    original = theano.gof.FunctionGraph.replace

    def replace(*arguments, **options):
        during.append((gc.isenabled(), len(searches)))
        return original(*arguments, **options)

    monkeypatch.setattr("theano.gof.FunctionGraph.replace", replace)
    make()
    enabled, counts = zip(*during, strict=True)
    assert not any(enabled) and len(set(counts)) == 1
    assert gc.isenabled()


def test_what_many_functions_leave_is_found():
    searched = 2 * collector.RESTS_TO_A_SEARCH
    for _ in range(searched):
        make(5)
    gc.collect()
    before = graphs()
    for _ in range(searched):
        make(5)
        assert graphs() < before + 10 * collector.RESTS_TO_A_SEARCH
    gc.collect()
    assert graphs() == before


@pytest.mark.parametrize("enabled", [True, False])
def test_what_the_user_set_stands(enabled):
    was = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        make(1)
        assert gc.isenabled() == enabled
        with pytest.raises(theano.gof.MissingInputError):
            theano.function([], T.fvector() + 1)
        assert gc.isenabled() == enabled
    finally:
        (gc.enable if was else gc.disable)()


def test_what_the_user_froze_stays_frozen():
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        make(1)
        assert frozen * 0.9 < gc.get_freeze_count() <= frozen
    finally:
        gc.unfreeze()


A_CYCLE = """
import sys
sys.path.insert(0, sys.argv.pop())
from memorization.command_line import run_command

class Cycle:
    def __init__(self):
        self.itself = self

    def __del__(self):
        print("found")

def main():
    Cycle()
    print("done")

run_command(main)
"""


@pytest.mark.slow
def test_a_command_ends_without_a_search():
    done = subprocess.run(
        [sys.executable, "-c", A_CYCLE, str(PROJECT)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "done\n"
