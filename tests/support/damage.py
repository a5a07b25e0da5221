"""Damaged files: cut off, or with a few bytes changed."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

import datasets


@st.composite
def damages(draw):
    """Functions that cut a file off or change a few of its bytes, most of them near its ends."""
    if draw(st.booleans()):
        share = draw(st.floats(0, 1, exclude_max=True))
        return lambda whole: whole[: int(share * len(whole))]
    near = st.integers(0, 400)
    places = st.one_of(near, near.map(lambda n: ~n), st.integers(0, 1 << 20))
    changes = draw(st.lists(st.tuples(places, st.integers(1, 255)), min_size=1, max_size=6))

    def change(whole):
        damaged = bytearray(whole)
        for place, difference in changes:
            damaged[place % len(damaged)] ^= difference
        return bytes(damaged)

    return change


def read_damaged(read, content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(content)
        try:
            images, labels = read(path)
        except datasets.DataError as error:
            assert str(path) in str(error) and "\n" not in str(error)
        else:
            assert images.dtype == np.uint8 and images.shape[1:] == (3, 32, 32)
            assert labels.dtype == np.int64 and len(labels) == len(images) > 0
            assert labels.min() >= 0 and labels.max() <= 9
