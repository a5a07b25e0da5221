"""Several seeds in one function: each has the bits that it has alone, and goes on either way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from support.project import PROJECT, check_one_line, run_command, run_script
from support.runs import until

import svhn_random_labels
from memorization import replicas
from training_loop.metrics import read_csv, reproducible

pytestmark = pytest.mark.slow

SCRIPT = "svhn_random_labels"
PATTERNS = (
    *("--data", "patterns", "--patterns", "70", "12", "--corruption", "1", "--network", "mlp"),
    *("--epochs", "3", "--batch-size", "25", "--quiet", "--no-figures"),
)
# In the name of a run, which --name cannot give to several.
DEEP = ("--hidden", "9", "7", "--classes", "10")
OTHERWISE = (
    *(*DEEP, "--activations", "relu", "--label-seed", "7"),
    *("--norm", "frozen", "--keep", "best"),
)
# Whose draws are of a stream for each seed.
SBPI = ("--optimizer", "sbpi", "--norm", "none", "--bias", "no", "--batch-size", "1")


def runs(folder):
    """The runs below `folder` by their seed."""
    return {path.name.split("_")[0]: path for path in (folder / SCRIPT).iterdir()}


def arrays(path):
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files if name != "progress"}


def check_same(one, other):
    """Metrics, state and parameters of two runs are the same, bit by bit."""
    texts = [(run / "metrics.csv").read_text(encoding="utf-8") for run in (one, other)]
    assert reproducible(texts[0]) == reproducible(texts[1])
    for name in ("state.npz", "model_parameters_random_labels_svhn.npz", "labels.npz"):
        np.testing.assert_equal(arrays(one / name), arrays(other / name))


def train_both(folder, options, seeds):
    """The runs of `seeds`, trained together and each alone."""
    main = svhn_random_labels.main
    place = ("--results-dir", str(folder / "together"))
    replicas.train(main, [[*options, *place, f"--seed={seed}"] for seed in seeds])
    for seed in seeds:
        main([*options, "--results-dir", str(folder / "alone"), f"--seed={seed}"])
    return runs(folder / "together"), runs(folder / "alone")


@pytest.mark.parametrize(
    "options",
    [
        DEEP,
        ("--norm", "none", "--bias", "no", "--corruption", "0", "--teacher", "--margin", "2.5"),
        (*SBPI, "--margin", "3"),
        pytest.param((*DEEP, "--freeze-weights"), marks=pytest.mark.exhaustive),
        pytest.param(OTHERWISE, marks=pytest.mark.exhaustive),
    ],
    ids=" ".join,
)
def test_binary_weights_and_adam_have_the_bits_of_the_run_alone(options, tmp_path):
    together, alone = train_both(tmp_path, (*PATTERNS, *options), (3, 4))
    assert sorted(together) == sorted(alone) == ["seed-3", "seed-4"]
    for seed, run in together.items():
        assert {p.name for p in run.iterdir()} == {p.name for p in alone[seed].iterdir()}
        check_same(run, alone[seed])
    images = [arrays(run / "labels.npz")["training_labels"] for run in together.values()]
    assert ("--label-seed" in options) == np.array_equal(*images)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "options",
    [
        ("--weights", "float"),
        ("--weights", "float", "--activations", "relu"),
        ("--optimizer", "sgd"),
        ("--optimizer", "bop"),
    ],
    ids=" ".join,
)
def test_others_differ_by_roundings(options, tmp_path):
    together, alone = train_both(tmp_path, (*PATTERNS, *DEEP, *options), (0, 1))
    for seed, run in together.items():
        one, other = (
            read_csv((of / "metrics.csv").read_text(encoding="utf-8").splitlines())
            for of in (run, alone[seed])
        )
        assert len(one) == len(other) == 3
        for row, expected in zip(one, other):
            assert row["train_step_loss"] == pytest.approx(expected["train_step_loss"], rel=1e-5)


@pytest.mark.exhaustive
def test_replicas_stopped_by_a_signal_go_on_together_and_alone(tmp_path):
    options = (*PATTERNS, *DEEP)
    long = [word if word != "3" else "150" for word in options]
    command = [sys.executable, "-m", "memorization", "replicas", "--seeds", "0,1,2", "--"]
    process = subprocess.Popen(
        [*command, f"{SCRIPT}.py", *long, "--results-dir", "stopped"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    until(process, lambda: any((tmp_path / "stopped").glob("*/seed-2_*/metrics.csv")))
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=3600)[1]
    assert process.returncode == 128 + signal.SIGTERM, said
    assert said.strip().splitlines()[-1].count("go on with") == 1
    stopped = runs(tmp_path / "stopped" / "")
    alone = run_script(f"{SCRIPT}.py", "--resume", str(stopped["seed-1"]), "--quiet", cwd=tmp_path)
    assert alone.returncode == 0, alone.stderr
    words = (f"{SCRIPT}.py", *long, "--results-dir")
    on = run_command(
        "replicas", "--seeds", "0..2", "--", *words, "stopped", "--resume", cwd=tmp_path
    )
    assert on.returncode == 0, on.stderr
    whole = run_command("replicas", "--seeds", "0..2", "--", *words, "whole", cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    for seed, run in runs(tmp_path / "whole").items():
        check_same(run, stopped[seed])


@pytest.mark.parametrize(
    ("words", "mentioned"),
    [
        (("--", f"{SCRIPT}.py", "--synthetic"), "--network mlp"),
        (
            ("--", f"{SCRIPT}.py", *PATTERNS, "--hidden", "8", "8", "--dropout", ".5", ".5"),
            "--dropout",
        ),
        (("--", f"{SCRIPT}.py", *PATTERNS, "--measure"), "--measure"),
        (("--", f"{SCRIPT}.py", *PATTERNS, "--batch-statistics"), "--batch-statistics"),
        (("--", f"{SCRIPT}.py", *PATTERNS, "--seed", "3"), "--seed"),
        (("--", f"{SCRIPT}.py", *PATTERNS, "--name", "x"), "--name"),
        ((), "no script"),
        (("--", "nothing.py"), "nothing.py"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value[-2:]),
)
def test_what_cannot_be_several_is_refused_in_a_line(words, mentioned, tmp_path):
    done = run_command("replicas", "--seeds", "0..1", *words, cwd=tmp_path)
    check_one_line(done, mentioned)
    assert not any(tmp_path.iterdir())
