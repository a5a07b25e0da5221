"""Runs of one perceptron that differ in their seeds, side by side in one compiled function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from memorization import rehearsal
from memorization.run.folder import place_of
from memorization.run.record import RUN_FILE

MOST_SEEDS = 100


def train(run: Callable[[Sequence[str]], Any], arguments: Sequence[Sequence[str]]) -> list[Path]:
    """Train the runs of the script's `main` `run` with each of `arguments`; their folders.

    Raises what `together.run_together` raises, and SystemExit after a script's own line.
    """
    prepared = [rehearsal.run_of(run, _going_on(run, list(words))) for words in arguments]
    # Late, since it imports Theano.
    from memorization.replicas import together

    return together.run_together(prepared)


def _going_on(run: Callable[[Sequence[str]], Any], words: list[str]) -> list[str]:
    """`words`, in which --resume stands only where there is a run to go on with."""
    if "--resume" not in words:
        return words
    words.remove("--resume")
    begun = (place_of(rehearsal.options_of(run, words)) / RUN_FILE).exists()
    return [*words, "--resume"] if begun else words
