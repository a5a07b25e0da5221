"""The kernels of a training step's other half under the sanitizers."""

from __future__ import annotations

import pytest
from support.sanitizers import THREADING, run_sanitized


@pytest.mark.parametrize("threading", sorted(THREADING))
def test_kernels_stay_within_bounds(tmp_path, threading):
    printed = run_sanitized("sanitize_gradient_kernels.cpp", tmp_path, *THREADING[threading])
    assert "agree" in printed
