"""--data: another data set than the script's own."""

from __future__ import annotations

import json

import pytest
from support.project import check_one_line, run_script

pytestmark = pytest.mark.slow

NARROW = ("--width", "0.0625", "--epochs", "1", "--train-size", "60", "--quiet", "--no-figures")


@pytest.mark.exhaustive
def test_cifar10_through_the_network_for_svhn(tmp_path, data_dir):
    script = ("svhn_random_labels.py", *NARROW, "--name", "one")
    command = (*script, "--data", "cifar10")
    done = run_script(*command, cwd=tmp_path, BINARYNET_DATA=str(data_dir))
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.rglob("run.json")
    record = json.loads(path.read_text())
    assert record["data"]["name"] == "cifar10" and record["data"]["class_names"][0] == "airplane"
    assert record["network"]["widths"][:2] == [4, 4]
    own = (*script, "--data", "svhn", "--data-dir", str(data_dir), "--resume", str(path.parent))
    refused = run_script(*own, cwd=tmp_path)
    check_one_line(refused, "--data svhn contradicts", "cifar10")


def test_data_that_nobody_knows(tmp_path):
    done = run_script("svhn_random_labels.py", *NARROW, "--data", "mnist", cwd=tmp_path)
    check_one_line(done, "--data", "mnist", "cifar10", "svhn")
    assert not list(tmp_path.iterdir())
