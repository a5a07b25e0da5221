"""Every script on --device torch-cpu: one narrow epoch, one evaluation."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from test_scripts import NARROW, PARAMETERS, metrics

pytest.importorskip("torch", reason="PyTorch is not installed (optional extra [cuda])")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return tmp_path_factory.mktemp("results")


def run(script, *arguments):
    return importlib.import_module(script).main([*arguments, "--device", "torch-cpu"])


@pytest.mark.parametrize("script", PARAMETERS)
def test_a_narrow_epoch(script, results, data_dir):
    run(script, *NARROW, "--results-dir", str(results), "--data-dir", str(data_dir))
    (row,) = metrics(results / script)
    assert all(np.isfinite(float(row[f"{name}_loss"])) for name in ("training", "test"))
    with np.load(results / script / f"{PARAMETERS[script]}.npz") as stored:
        assert all(np.isfinite(stored[name]).all() for name in stored.files)
        assert len(stored.files) == 54


def test_the_evaluation(results, data_dir):
    script = "cifar10_random_labels"
    parameters = results / script / f"{PARAMETERS[script]}.npz"
    result = run(
        "svhn_evaluation_random_labels",
        *("--params", str(parameters), "--data-dir", str(data_dir)),
    )
    reported = float(metrics(results / script)[0]["training_error"])
    assert result.error == pytest.approx(reported)
