"""docs/performance.md and its chart are what benchmarks/render.py makes of the recorded figures."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from xml.etree import ElementTree

import pytest
from support.project import PROJECT, copy_sources

pytestmark = pytest.mark.slow

DOCUMENT = "docs/performance.md"


def test_the_page_is_of_the_recorded_figures(tmp_path):
    copy_sources(tmp_path)
    shutil.copytree(PROJECT / "docs", tmp_path / "docs", dirs_exist_ok=True)
    (tmp_path / "docs" / "performance.svg").unlink()
    command = [sys.executable, "benchmarks/render.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / DOCUMENT).read_bytes() == (PROJECT / DOCUMENT).read_bytes()
    drawn = [*ElementTree.parse(tmp_path / "docs" / "performance.svg").iter()]
    words = [element.text.strip() for element in drawn if (element.text or "").strip()]
    machines = json.loads((PROJECT / "docs" / "performance.json").read_text(encoding="utf-8"))
    newest = machines[list(machines)[-1]]
    ratios = {key: value["ratios"] for key, value in newest.items() if "ratios" in value}
    drawn_kinds = ("step", "testing", "epoch", "evaluation")
    shown = [
        ratio
        for key, of in ratios.items()
        for ratio in list(of.values())[1:]
        if key.split()[0] in drawn_kinds
    ]
    assert words.count("noise") == shown.count(None)
    for side in list(ratios["step cifar10"])[1:]:
        assert f"than {side}" in words
