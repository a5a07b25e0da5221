"""The cells of part 2: what tunes the rules, which setting is frozen, what is then trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundations.errors import UserError
from memorization.report.runs import MeasuredRun
from memorization.sweep import grid
from memorization.sweep.cells import planned, script_of
from studies.capacity import perceptron_cells as cells
from studies.capacity.define import CELLS
from studies.capacity.perceptron import TUNING_SEEDS, trial_of
from training_loop import metrics

EXTRA = ("--data", "patterns", "--classes", "2", "--network", "mlp", "--norm", "none", "--bias")
EXTRA = (*EXTRA, "no")
STOCHASTIC = "svhn_stochastic_sigmoid_random_labels"
FROZEN = {rule: settings[1] for rule, settings in cells.GRIDS.items()}


def options_of(lines, place, script="svhn_random_labels"):
    """The options of every cell of `lines` for one seed, as the script reads them."""
    path = place / "cells.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    axes = [{**of, "seed": ("100",)} for of in grid.read_axes(path)]
    return [cell.options for cell in planned([script_of(script)], axes, EXTRA, place)]


def tuning_runs(place, outcome):
    """A run of every tuning cell and seed; `outcome(rule, options)` tells epoch and last error."""
    found = []
    for name, lines in cells.tuning_files().items():
        stochastic = "stochastic" in name
        for options in options_of(lines, place, STOCHASTIC if stochastic else "svhn_random_labels"):
            rule = "stochastic" if stochastic else options.optimizer
            solved, last = outcome(rule, options)
            rows = [
                {metrics.EPOCH: epoch, metrics.error("training"): 0.0 if epoch == solved else last}
                for epoch in range(1, options.epochs + 1)
            ]
            for seed in TUNING_SEEDS:
                record = {"options": {**options.recorded(), "seed": seed}}
                record["network"] = {"stochastic": stochastic}
                found.append(MeasuredRun(Path(f"{rule}-{len(found)}"), record, rows))
    return found


def test_the_files_are_what_their_rule_says():
    for name, lines in cells.tuning_files().items():
        written = (CELLS / name).read_text(encoding="utf-8").splitlines()
        assert [line for line in written if not line.startswith("#")] == lines, name


def test_the_cells_of_the_study(tmp_path):
    files = cells.files(FROZEN)
    found = options_of(files["perceptron.txt"], tmp_path)
    for options in found:
        n, inputs = options.patterns
        assert n % options.batch_size == 0 and 0.37 < n / inputs < 0.81
        assert options.epochs == 2000 or options.optimizer in ("adam", "sgd")
        rule = dict(FROZEN[options.optimizer].options)
        assert options.margin == pytest.approx(
            FROZEN[options.optimizer].margin * inputs**0.5, abs=0.005
        )
        assert "lr-start" not in rule or options.lr_start == float(rule["lr-start"])
    both = {(o.optimizer, o.patterns, o.epochs) for o in found}
    assert len(found) == len(both) == (2 + 2 + 1 + 1) * 3 * 5
    drawn = options_of(files["perceptron-stochastic.txt"], tmp_path, STOCHASTIC)
    assert {o.patterns[1] for o in drawn} == {501} and len(drawn) == 2 * 5


def test_the_setting_that_solves_most_is_frozen(tmp_path):
    wanted = {rule: settings[-2] for rule, settings in cells.GRIDS.items()}

    def outcome(rule, options):
        best = options.margin == float(wanted[rule].margin_of(501)) and all(
            str(getattr(options, name.replace("-", "_"))) == str(type_of(value))
            for name, value in wanted[rule].options
        )
        # Of SBPI none is solved, but one is nearest to it.
        solved = None if rule == "sbpi" else 50
        return (solved, 0.01) if best else (None, 0.1)

    runs = tuning_runs(tmp_path, outcome)
    assert all(trial_of(run) is not None for run in runs)
    scored = cells.scores(runs)
    assert cells.frozen(scored) == wanted
    assert scored["sgd"][wanted["sgd"]] == cells.Score(10, pytest.approx(0.01))
    assert scored["sbpi"][wanted["sbpi"]] == cells.Score(0, pytest.approx(0.01))
    with pytest.raises(UserError, match="9 of 10 tuning runs"):
        cells.scores(runs[1:])


def type_of(value):
    try:
        return float(value)
    except ValueError:
        return value


def test_settings_that_solve_as_much_go_by_error_then_by_place(tmp_path):
    found = cells.scores(tuning_runs(tmp_path, lambda rule, options: (3, 0.2)))
    assert cells.frozen(found) == {rule: settings[0] for rule, settings in cells.GRIDS.items()}


def test_without_its_runs_nothing_is_frozen(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        cells.main(["--output", str(tmp_path), str(tmp_path)])
    assert ended.value.code == 2
    assert "0 of 10 tuning runs" in capsys.readouterr().err.splitlines()[-1]
    assert not any(tmp_path.iterdir())
