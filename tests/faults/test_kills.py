"""One run killed at many random moments, some of them in the middle of a save.

KILLS=200 python -m pytest tests/faults/test_kills.py kills more often than the default.
"""

from __future__ import annotations

import json
import os

import pytest
from support.killed_run import SCRIPT
from support.project import PROJECT, run_script
from support.runs import SEED, assert_same_run

pytestmark = pytest.mark.exhaustive


KILLS = int(os.environ.get("KILLS", "30"))


def test_a_run_killed_again_and_again(tmp_path):
    # One thread, since threads of OpenMP would not survive the forks.
    done = run_script(
        PROJECT / "tests" / "support" / "killed_run.py",
        *(tmp_path, KILLS, SEED),
        cwd=tmp_path,
        PYTHONPATH=f"{PROJECT}{os.pathsep}{PROJECT / 'tests'}",
        OMP_NUM_THREADS="1",
        OPENBLAS_NUM_THREADS="1",
    )
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout.splitlines()[-1])
    print(counts)
    assert counts["killed"] > KILLS / 4
    assert counts["stopped"] > 0
    killed, undisturbed = (tmp_path / name / SCRIPT / "run" for name in ("killed", "undisturbed"))
    assert_same_run(killed, undisturbed)
    assert not list(killed.glob(".*"))
    assert {path.name for path in killed.iterdir()} == {path.name for path in undisturbed.iterdir()}
