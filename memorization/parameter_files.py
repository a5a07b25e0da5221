"""The original's `.npz` files of parameters, as they are read; no Theano."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from foundations import reading
from foundations.errors import UserError


def read_parameters(path: Path, option: str = "--params") -> list[np.ndarray]:
    """The arrays `arr_0`, `arr_1` ... of the `.npz` file that `option` named; never unpickles."""
    with reading.open_npz(
        path,
        "not a readable .npz of parameters",
        missing=f"no such file; {option} names saved parameters",
    ) as stored:
        names = [f"arr_{number}" for number in range(len(stored.files))]
        if not names or set(names) != set(stored.files):
            raise ValueError("its arrays are not arr_0, arr_1, ...")
        arrays = [stored[name] for name in names]
        for name, array in zip(names, arrays):
            if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
                raise ValueError(f"{name} holds {array.dtype}, not all of it finite numbers")
    return arrays


def widths_of(
    arrays: Sequence[np.ndarray], source: str, convolutions: int = 6, dense: int = 3
) -> list[int]:
    """The widths of the hidden layers of the network that saved `arrays`, read from their shapes.

    Raises UserError naming `source` unless it had so many convolutions and `dense` layers.
    """
    weights = [array for array in arrays if array.ndim > 1]
    kinds = [4] * convolutions + [2] * dense
    if [array.ndim for array in weights] != kinds or not all(W.size for W in weights):
        raise UserError(
            f"{source}: not the parameters of {convolutions} convolutions and {dense} dense layers"
        )
    return [W.shape[0] if W.ndim == 4 else W.shape[1] for W in weights[:-1]]
