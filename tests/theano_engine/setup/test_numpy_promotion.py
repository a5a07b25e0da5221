"""Every Python's Theano infers what it inferred with numpy 1.26, of which the record was made."""

from __future__ import annotations

import json

import pytest
from support import promotion


@pytest.mark.slow
def test_dtypes_constants_filters_and_values():
    record = json.loads(promotion.RECORD.read_text(encoding="utf-8"))
    found = dict(promotion.cases())
    assert found.keys() == record.keys()
    for name, outcomes in record.items():
        assert found[name] == outcomes, name
