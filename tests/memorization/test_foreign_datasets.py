"""Another package called datasets, Hugging Face's say, is named in a line."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from support.project import PROJECT

pytestmark = pytest.mark.slow


def test_another_package_of_the_name_is_named(tmp_path):
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "__init__.py").write_text("def load_dataset(name): ...\n")
    program = "import datasets, binary_net\nfrom memorization import experiment"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: another package called datasets was imported first (")
    assert str(tmp_path / "datasets") in last
