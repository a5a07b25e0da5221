"""tools/same_bits.py names the script whose bits a change has changed, and no other."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.project import copy_sources

CHANGED, SAME = "cifar10_random_labels", "svhn_random_labels"


@pytest.mark.exhaustive
def test_a_planted_change_is_named(tmp_path):
    project = copy_sources(tmp_path / "project")
    (project / "tests" / "data").mkdir(parents=True)

    def same_bits(*options):
        command = [sys.executable, "tools/same_bits.py", "--only", CHANGED, SAME, *options]
        return subprocess.run(command, cwd=project, capture_output=True, text=True)

    unrecorded = same_bits()
    assert unrecorded.returncode == 1
    assert unrecorded.stderr.startswith("nothing recorded for ")
    assert same_bits("--record").returncode == 0
    script = project / f"{CHANGED}.py"
    before = script.read_text(encoding="utf-8")
    script.write_text(before.replace("lr_start=1e-3", "lr_start=2e-3"), encoding="utf-8")
    assert script.read_text(encoding="utf-8") != before
    compared = same_bits()
    assert compared.returncode == 1, compared.stderr
    assert compared.stdout.splitlines() == [
        f"{CHANGED}: metrics differ",
        f"{CHANGED}: parameters differ",
    ]
