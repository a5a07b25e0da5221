"""--data FILE.npz through a run's life: trained, killed, resumed, evaluated, drawn, reported."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from support.project import check_one_line, run_command, run_script
from support.runs import PARAMETERS, assert_same_run, metrics, run_and_leave_a_copy, run_in

pytestmark = pytest.mark.exhaustive


def seven_classes(path):
    state = np.random.RandomState(7)
    labels = state.randint(0, 7, size=150)
    # Each class has a stripe of its own, so that there is something to learn.
    images = state.randint(0, 80, size=(150, 28, 28))
    images[np.arange(150), 4 * labels] += 170
    names = np.array([*"abcdef", "a name <b>&amp; too long for anything"])
    np.savez(path, images=images.astype(np.uint8), labels=labels, class_names=names)


def a_hundred_classes(path):
    state = np.random.RandomState(100)
    images = state.uniform(-1, 1, size=(220, 3, 9, 20)).astype(np.float32)
    labels = np.arange(220) % 100
    tested = {"test_images": images[200:], "test_labels": labels[200:]}
    np.savez(path, images=images[:200], labels=labels[:200], **tested)


CASES = {
    "svhn_random_labels": (
        seven_classes,
        120,
        ("--network", "mlp", "--hidden", "40", "20", "--corruption", "0.5", "--measure"),
    ),
    "cifar10_stochastic_sigmoid_random_labels": (a_hundred_classes, 180, ("--width", "0.03")),
}


@pytest.mark.parametrize("script", CASES)
def test_own_data_through_a_runs_life(script, tmp_path):
    make, training, more = CASES[script]
    make(tmp_path / "mine.npz")
    command = (
        *(f"{script}.py", "--data", "../mine.npz", "--batch-size", "10"),
        *("--epochs", "12", "--lr-fin", "1e-4", "--quiet", *more),
    )
    (tmp_path / "whole").mkdir()
    run_and_leave_a_copy(command, tmp_path / "whole", tmp_path / "killed")
    whole = run_in(tmp_path / "whole")
    record = json.loads((whole / "run.json").read_text())
    # The file's stem, and the first digits of its data's fingerprint.
    named = f"seed-0_data-mine-{record['data']['source_fingerprint'][:8]}_"
    assert whole.name.startswith(named)

    moved = tmp_path / "moved" / "mine.npz"
    moved.parent.mkdir()
    (tmp_path / "mine.npz").rename(moved)
    # Where it lies decides nothing.
    resuming = [str(moved) if word == "../mine.npz" else word for word in command]
    done = run_script(*resuming, "--resume", "--no-figures", cwd=tmp_path / "killed")
    assert done.returncode == 0, done.stderr
    assert_same_run(run_in(tmp_path / "killed"), whole)

    params = str(whole / f"{PARAMETERS[script]}.npz")
    evaluation = ("svhn_evaluation_random_labels.py", "--params", params)
    check_one_line(run_script(*evaluation, cwd=tmp_path), "mine.npz", "--data-dir")
    done = run_script(*evaluation, "--data-dir", "moved", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f": {training} images" in done.stdout
    if "stochastic" not in script:
        error = 100 * float(metrics(whole)[-1]["training_error"])
        assert f"training_error = {error:.2f}%" in done.stdout

    moved.rename(tmp_path / "mine.npz")
    before = (whole / "labels.png").read_bytes()
    done = run_command("figures", str(whole), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (whole / "labels.png").read_bytes() == before
    done = run_command("report", "whole", "--output", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with open(tmp_path / "out" / "report.csv", encoding="utf-8", newline="") as stream:
        assert [line["experiment"] for line in csv.DictReader(stream)] == [script]

    # Other data under the same name are other data.
    (a_hundred_classes if make is seven_classes else seven_classes)(tmp_path / "mine.npz")
    done = run_script(*evaluation, cwd=tmp_path)
    check_one_line(done, "mine is not the one that this run trained on")
