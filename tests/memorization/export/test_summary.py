"""`python -m memorization summary`: what a trained network is made of."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support.project import check_one_line, run_command

pytestmark = pytest.mark.slow


def cells(line):
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_summary_of_a_run(short_run, tmp_path):
    done = run_command("summary", short_run, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    heading, *layers, total = map(cells, done.stdout.splitlines())
    assert heading == ["layer", "shape", "binary", "real", "bits", "multiply-adds", "positive"]
    assert len(layers) == 9
    # 8 filters of 3 x 3 x 3 over 32 x 32 pixels; for each a bias and four numbers of batch norm.
    assert layers[0][:-1] == ["1 convolution", "8 x 32 x 32", "216", "40", "1,496", "221,184"]
    assert layers[5][1] == "32 x 4 x 4" and layers[8][:2] == ["9 dense", "10"]
    counts = json.loads((short_run / "run.json").read_text())["parameter_counts"]
    assert total[1] == f"{sum(counts['binary'].values()):,}"
    assert total[2] == f"{sum(counts['real'].values()):,}"
    with np.load(short_run / "model_parameters.npz") as saved:
        weights = [saved[name] for name in saved.files if saved[name].ndim > 1]
    shares = [f"{100 * np.mean(W >= 0):.2f}%" for W in weights]
    assert [line[-1] for line in layers] == shares
    assert run_command("summary", short_run / "model_parameters.npz", cwd=tmp_path).stdout == (
        done.stdout
    )


def test_no_run_is_told_in_a_line(short_run, tmp_path):
    alone = tmp_path / "alone.npz"
    alone.write_bytes((short_run / "model_parameters.npz").read_bytes())
    check_one_line(run_command("summary", alone, cwd=tmp_path), alone, "run.json")
    check_one_line(run_command("summary", tmp_path, cwd=tmp_path), tmp_path, "run.json")
    (tmp_path / "run.json").write_bytes((short_run / "run.json").read_bytes())
    np.savez(alone, *[np.zeros((2, 2), np.float32)] * 3)
    check_one_line(run_command("summary", alone, cwd=tmp_path), alone, "6 convolutions")
