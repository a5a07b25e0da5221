"""What other programs of the user's need of Theano does not change the experiments."""

from __future__ import annotations

import pytest
from support.project import run_script
from support.runs import reproducible_metrics, run_in

pytestmark = pytest.mark.exhaustive

RUN = (
    *("--synthetic", "--width", "0.0625", "--epochs", "1", "--train-size", "60", "--quiet"),
    "--no-figures",
)


def test_double_precision_for_other_programs(tmp_path):
    (tmp_path / ".theanorc").write_text("[global]\nfloatX = float64\n")
    metrics = []
    for name, more in {"plain": {}, "double": {"THEANORC": str(tmp_path / ".theanorc")}}.items():
        done = run_script(
            "svhn_random_labels_l2_regularization.py",
            *(*RUN, "--results-dir", name),
            cwd=tmp_path,
            **more,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        metrics.append(reproducible_metrics(run_in(tmp_path / name)))
    assert metrics[0] == metrics[1]
