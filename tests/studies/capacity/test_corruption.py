"""Errors against the truth under corruption: counted out by hand, and of trained cells."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.project import PROJECT

from foundations.errors import UserError
from memorization.report.runs import MeasuredRun
from memorization.sweep import grid, kept, together
from memorization.sweep.cells import planned, script_of
from studies.capacity import corruption
from studies.capacity.corruption_runs import (
    EXPERIMENT,
    Condition,
    Twin,
    at_training_error,
    clean_error,
    clean_test_error,
    condition_of,
    difference_interval,
    read,
    share_interval,
    steps_to_fit,
)
from training_loop import metrics

COMMAND = (sys.executable, "-m", "studies.capacity.corruption")
CELLS = PROJECT / "studies" / "capacity" / "cells" / "corruption.txt"
BINARY, FLOAT = Twin("binary", "binary"), Twin("float", "relu")


def run_of(seed=0, twin=BINARY, replaced=0.5, errors=((0.9, 0.9), (0.0, 0.4)), processor="one"):
    """A run of two epochs or more, `errors` its training errors and clean test errors."""
    rows = []
    for epoch, (training, test) in enumerate(errors, start=1):
        row = {metrics.EPOCH: epoch, metrics.error("training"): training}
        row |= {metrics.error("test"): test}
        if replaced:
            row |= {metrics.error("test"): 0.9, metrics.clean_error("test"): test}
            row |= {"corrupted_as_given": 1 - training, "corrupted_as_true": training / 2}
        rows.append(row)
    options = {"seed": seed, "corruption": replaced, "epochs": len(rows), "network": "cnn"}
    options |= {"weights": twin.weights, "activations": twin.activations, "batch_size": 25}
    record = {
        "experiment": EXPERIMENT,
        "options": options,
        "data": {"training": 110, "test": 800},
        "environments": [{"environment": {"processor": processor}}],
    }
    return MeasuredRun(Path(f"seed-{seed}"), record, rows)


def test_between_the_epochs_the_error_is_on_the_line():
    rows = run_of(errors=((0.9, 0.8), (0.6, 0.7), (0.2, 0.5), (0.3, 0.9), (0.1, 0.6))).rows
    told = {level: at_training_error(rows, level, clean_error) for level in (0.5, 0.2)}
    # A quarter of the way from 0.6 to 0.2; at the end of it, and not where it is passed again.
    assert told == {0.5: pytest.approx(0.65), 0.2: pytest.approx(0.5)}
    assert at_training_error(rows, 0.15, clean_error) == pytest.approx(0.675)
    # Never so low; before the first epoch, which nobody has seen.
    assert at_training_error(rows, 0.05, clean_error) is None
    assert at_training_error(rows, 0.9, clean_error) is None


def test_where_no_label_was_replaced_there_is_one_error():
    assert clean_test_error(run_of(replaced=0.0)) == 0.4
    assert clean_test_error(run_of()) == 0.4
    assert condition_of(run_of(replaced=0.0)) == Condition(0.0, 110, BINARY)
    # One that does not tell its corrupted images is another part's, and one that goes on is none.
    other, half_done = run_of(), run_of()
    for row in other.rows:
        del row["corrupted_as_given"]
    half_done.options["epochs"] = 7
    assert condition_of(other) is None and condition_of(half_done) is None


def test_steps_are_whole_epochs_with_their_last_partial_batch():
    # 110 images are five batches of 25.
    assert steps_to_fit(run_of(errors=((0.9, 0.9), (0.02, 0.5), (0.01, 0.5), (0.0, 0.4)))) == 15
    assert steps_to_fit(run_of(errors=((0.9, 0.9), (0.02, 0.5)))) is None


def test_the_interval_holds_seeds_and_images():
    values = [0.50, 0.51, 0.52, 0.53, 0.54]
    seeds = share_interval(values)
    # 2.776 standard errors of 0.0158 / sqrt(5).
    assert seeds.mean == pytest.approx(0.52)
    assert seeds.high - seeds.mean == pytest.approx(0.01963, abs=1e-5)
    both = share_interval(values, images=800)
    # 1.96 of sqrt(0.52 * 0.48 / 800) = 0.03462, in the squares' sum.
    assert both.high - both.mean == pytest.approx(math.hypot(0.01963, 0.03462), abs=1e-5)
    assert both.mean - both.low == pytest.approx(both.high - both.mean)
    # Seeds that agree are no more certain of the images than one.
    assert share_interval([0.5] * 5, 800).high == pytest.approx(0.5 + 0.03465, abs=1e-5)
    assert share_interval([0.0, 0.0], 800).low == 0 == share_interval([0.0, 0.0], 800).high
    assert share_interval([0.01, 0.0, 0.0, 0.0]).low == 0
    assert share_interval([0.4]).text() == "40.0 (one seed)"


def test_the_interval_covers_the_expected_error():
    """Of seeds that err on shared images at rates of their own, drawn anew many times."""
    state = np.random.RandomState(5)
    covered, by_seeds_alone = 0, 0
    for _ in range(300):
        # Most of what decides an error is the image's, the rest the seed's and chance.
        images = state.normal(size=200) * math.sqrt(0.84)
        seeds = state.normal(size=(5, 1)) * 0.1
        noise = state.normal(size=(5, 200)) * math.sqrt(0.15)
        errors = list((images + seeds + noise > 0).mean(axis=1))
        of, alone = share_interval(errors, 200), share_interval(errors)
        covered += of.low <= 0.5 <= of.high
        by_seeds_alone += alone.low <= 0.5 <= alone.high
    assert covered >= 0.95 * 300 and by_seeds_alone < 0.9 * 300


def test_a_difference_is_paired_by_seed():
    one, other = [0.6, 0.5, 0.7], [0.5, 0.4, 0.6]
    of = difference_interval(one, other, 800)
    # The seeds' differences are one number: what is left are the images', of both.
    half = 1.959964 * math.sqrt((0.6 * 0.4 + 0.5 * 0.5) / 800)
    assert (of.mean, of.high - of.mean) == (pytest.approx(0.1), pytest.approx(half))
    assert difference_interval([0.6], [0.5], 800).text(signed=True) == "+10.0 (one seed)"


def both_twins(processor="one", later=0.4):
    return {
        Condition(0.5, 110, BINARY): {seed: run_of(seed) for seed in range(3)},
        Condition(0.5, 110, Twin("float", "binary")): {
            seed: run_of(
                seed,
                Twin("float", "binary"),
                errors=((0.9, 0.9), (0.0, later + 0.1)),
                processor=processor,
            )
            for seed in range(3)
        },
    }


def test_the_tables():
    (*_, binary, _) = corruption.errors_table(both_twins()).splitlines()
    cells = [cell.strip() for cell in binary.strip("|").split("|")]
    assert cells[:3] == ["0.5", "110", "binary weights, binary activations"]
    assert cells[3] == "0.0 (0.0 to 0.0)" and cells[4].startswith("40.0 (36.6 to 43.4)")
    # From 0.9 to 0.4, four ninths of the way.
    assert cells[5].startswith(f"{100 * (0.9 - 0.5 * 0.4 / 0.9):.1f} (")
    assert cells[8:] == ["100.0 (100.0 to 100.0)", "0.0 (0.0 to 0.0)", "25.0 (25.0 to 25.0)", "10"]
    # 4.9 are 1.96 of sqrt((0.4 * 0.6 + 0.5 * 0.5) / 800).
    (*_, line) = corruption.differences_table(both_twins()).splitlines()
    assert "| float - binary weights, binary activations | +10.0 (+5.1 to +14.9) |" in line


def test_no_pair_of_two_processors():
    with pytest.raises(ValueError, match="of seed 0 were run on another and one; run either again"):
        corruption.differences_table(both_twins("another"))
    alone = dict([both_twins().popitem()])
    with pytest.raises(ValueError, match="none of its cells"):
        corruption.differences_table(alone)


def test_seeds_that_do_not_come_so_far_are_counted():
    of = {0: run_of(0), 1: run_of(1, errors=((0.9, 0.9), (0.3, 0.4)))}
    (*_, line) = corruption.errors_table({Condition(0.5, 110, BINARY): of}).splitlines()
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[7] == "1 of 2 seeds" and cells[11] == "1 of 2 seeds, median 10"


@pytest.mark.exhaustive
def test_small_cells_are_trained_kept_found_and_drawn(tmp_path):
    (axes, _) = grid.read_axes(CELLS)
    axes = {**axes, "train-size": ("60",), "epochs": ("3",), "weights": ("binary",)}
    replaced = {"corruption": ("1",), "activations": ("binary", "relu"), "seed": ("0", "1")}
    true = {"corruption": ("0",), "activations": ("relu",), "seed": ("0",)}
    extra = ("--synthetic", "--width", "0.0625", "--batch-size", "20", "--no-figures", "--quiet")
    script = script_of(EXPERIMENT)
    cells = planned([script], [{**axes, **replaced}, {**axes, **true}], extra, tmp_path / "runs")
    assert len(cells) == 5
    for cell in cells:
        assert together.run([cell]) is None, cell.log.read_text(encoding="utf-8")
    told = draw(tmp_path / "runs", tmp_path / "c.png")
    lines = told.splitlines()
    assert len([line for line in lines if line.startswith("| 1 | 60 | ")]) == 2 + 1
    kept.keep(cells, tmp_path / "kept")
    assert draw(tmp_path / "kept", tmp_path / "k.svg") == told
    assert max(path.stat().st_size for path in (tmp_path / "kept").rglob("*.xz")) < 10_000
    # From labels and predictions: what is memorised of those that are corrupted.
    (cell,) = (
        c
        for c in cells
        if c.options.corruption == 1 and c.options.seed == 0 and c.options.activations == "binary"
    )
    with np.load(cell.folder / "labels.npz") as labels:
        wrong = (labels["training_labels"] != labels["training_true_labels"]).sum()
    run = cell.measured()
    memorised = run.last("corrupted_as_given") * wrong
    assert memorised == pytest.approx(round(memorised)) and 0 <= memorised <= wrong

    # A second run of a seed, trained otherwise, is refused.
    others = planned([script], [{**axes, **true, "epochs": ("2",)}], extra, tmp_path / "more")
    assert together.run(others) is None
    with pytest.raises(UserError, match="a second run of seed 0"):
        read([tmp_path / "runs", tmp_path / "more"])


def draw(place, picture):
    """What the command says of the runs at `place`."""
    done = subprocess.run(
        [*COMMAND, str(place), "--output", str(picture)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert picture.stat().st_size > 10_000
    return done.stdout
