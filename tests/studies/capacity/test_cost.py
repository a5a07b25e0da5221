"""What the cells kept say of their time: seeds that trained together count once."""

from __future__ import annotations

import json
import lzma
import shutil
from datetime import datetime

import pytest
from support.project import PROJECT

from studies.capacity import cost

KEPT = PROJECT / "studies" / "capacity" / "kept"
TOGETHER = "weights-binary_activations-binary_hidden-none_patterns-9+32_*"


def test_seeds_that_trained_together_count_once(tmp_path):
    place = tmp_path / "svhn_random_labels"
    place.mkdir()
    began, ended = [], []
    for path in sorted((KEPT / place.name).glob(TOGETHER)):
        shutil.copy(path, place)
        record = json.loads(lzma.decompress(path.read_bytes()))["record"]
        (process,) = [of for of in record["processes"] if of["ended"]]
        began.append(datetime.fromisoformat(process["began"]))
        ended.append(datetime.fromisoformat(process["ended"]))
    hours = (max(ended) - min(began)).total_seconds() / 3600
    assert cost.told([tmp_path]) == (
        f"5 runs of 1 cells, trained within {hours:.2f} hours of one thread each, beside other "
        f"work, on {record['environments'][-1]['environment']['processor']}."
    )


def test_spans():
    # Two that overlap, one within them, one apart.
    assert cost._covered([(0, 10), (5, 20), (6, 7), (30, 31.5)]) == 21.5


def test_nothing_there(tmp_path):
    with pytest.raises(ValueError, match="none of its cells"):
        cost.told([tmp_path])
