"""The kernels under the address and undefined-behaviour sanitizers, driven by sanitize_*.cpp."""

from __future__ import annotations

import pytest
from support.project import PROJECT
from support.sanitizers import THREADING, run_sanitized

pytestmark = pytest.mark.exhaustive

SOURCES = sorted((PROJECT / "tests" / "theano_engine").glob("sanitize_*.cpp"))


@pytest.mark.parametrize("threading", sorted(THREADING))
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_kernels_stay_within_bounds(tmp_path, source, threading):
    assert "agree" in run_sanitized(source, tmp_path, *THREADING[threading])
