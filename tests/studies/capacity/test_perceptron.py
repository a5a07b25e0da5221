"""Part 2 of the study: what counts as solved, and small cells trained, kept, found and drawn."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.project import PROJECT

from memorization.run.folder import METRICS_FILE, load_metrics, save_metrics
from memorization.sweep import kept, together
from memorization.sweep.cells import planned, script_of
from studies.capacity.perceptron import Trial, after, half_of, is_threshold, table
from training_loop import metrics

COMMAND = (sys.executable, "-m", "studies.capacity.perceptron")
EXTRA = (
    *("--data", "patterns", "--classes", "2", "--network", "mlp", "--norm", "none", "--bias", "no"),
    *("--save-every", "1000", "--no-figures", "--quiet"),
)


def trials(rule, epochs, solved, inputs=501, steady=True):
    """A trial for each load of `solved` and each seed of its epochs."""
    return [
        Trial(rule, inputs, round(load * inputs), epochs, seed, at, steady)
        for load, of_seeds in solved.items()
        for seed, at in enumerate(of_seeds)
    ]


def test_only_steady_runs_are_looked_at_before_their_end():
    long = {0.3: [7, 100, 101, None]}
    stood = after(trials("sbpi", 1000, long), 100)
    assert [(t.epochs, t.solved) for t in stood] == [(100, 7), (100, 100), (100, None), (100, None)]
    falling = trials("adam", 1000, long, steady=False)
    assert after(falling, 100) == []
    assert after(falling, 1000) == falling
    # A run of those epochs and a longer one are one trial.
    both = [*trials("bop", 100, {0.3: [7]}), *trials("bop", 1000, {0.3: [7]})]
    assert after(both, 100) == trials("bop", 100, {0.3: [7]})


def test_seeds_that_a_load_lacks_are_left_out_of_the_half():
    whole = {0.3: [1, 1, 1, 1], 0.5: [1, None, 1, None], 0.7: [None] * 4}
    found = half_of(trials("adam", 100, whole))
    assert found.load == pytest.approx(0.5, abs=2e-3)
    fewer = {**whole, 0.3: [1, 1]}
    assert half_of(trials("adam", 100, fewer)) == half_of(
        trials("adam", 100, {load: of[:2] for load, of in whole.items()})
    )
    assert half_of(trials("adam", 100, {0.3: [1, 1]})) is None
    assert half_of([]) is None


def test_a_threshold_stays_within_its_interval():
    def half(*counts):
        loads = (0.3, 0.4, 0.5, 0.6, 0.7)
        solved = {x: [1] * n + [None] * (20 - n) for x, n in zip(loads, counts)}
        return half_of(trials("adam", 100, solved))

    still, moved = half(20, 15, 10, 5, 0), half(20, 20, 20, 18, 0)
    assert is_threshold(still, still)
    assert not is_threshold(still, moved)
    beyond = half(20, 20, 20, 20, 20)
    assert not is_threshold(beyond, beyond) and not is_threshold(None, still)


def test_the_table_counts_and_censors():
    solved = {0.3: [5, 9, 12, 30], 0.5: [40, None, 700, None], 0.7: [None] * 4}
    lines = table([*trials("sbpi", 1000, solved)], 100)
    short = lines.index(next(line for line in lines if "100 epochs: half" in line))
    assert lines[short + 1 : short + 4] == [
        "    0.299 a weight: 4 of 4 solved, half of the seeds by 9",
        "    0.499 a weight: 1 of 4 solved, half of the seeds never",
        "    0.701 a weight: 0 of 4 solved, half of the seeds never",
    ]
    assert "    0.499 a weight: 2 of 4 solved, half of the seeds by 700" in lines
    assert lines[-1].startswith("sbpi, 501 weights: ")


@pytest.mark.exhaustive
def test_small_cells_are_trained_kept_found_and_drawn(tmp_path):
    grid = {
        "patterns": ("8 21", "40 21"),
        **{"optimizer": ("sbpi",), "margin": ("2.0",), "batch-size": ("1",), "epochs": ("101",)},
        "seed": ("0", "1"),
    }
    cells = planned([script_of("svhn_random_labels")], [grid], EXTRA, tmp_path)
    for group in together.grouped(cells, together=True):
        assert together.run(group) is None, group[0].log.read_text(encoding="utf-8")
    drawn = draw(tmp_path, "runs.png")
    # 8 patterns of 21 are few, and 40 more than binary weights can store.
    assert "0.381 a weight: 2 of 2 solved" in drawn and "1.905 a weight: 0 of 2 solved" in drawn
    kept.keep(cells, tmp_path / "kept")
    # Whatever epochs are left out, when a seed was solved is the same.
    assert draw(tmp_path / "kept", "kept.png") == drawn
    check_first_without_error(cells[0], tmp_path)


def check_first_without_error(cell, place):
    """Whichever epoch of the run is the first without error, it is kept."""
    sheet = cell.folder / METRICS_FILE
    rows = load_metrics(sheet)
    for first in (None, 1, *range(91, 102)):
        for row in rows:
            row[metrics.error("training")] = 0.0 if row[metrics.EPOCH] == first else 0.25
        save_metrics(sheet, rows)
        kept.keep([cell], place / f"first-{first}")
        (run,) = kept.runs_kept(place / f"first-{first}")
        assert run.epochs_to(0.0) == first and len(run.rows) < len(rows)


def draw(place, picture):
    """What the drawing command says of the runs at `place`."""
    path = place.parent / picture
    done = subprocess.run(
        [*COMMAND, str(place), "--epochs", "3", "--output", str(path)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert path.read_bytes().startswith(b"\x89PNG")
    return done.stdout
