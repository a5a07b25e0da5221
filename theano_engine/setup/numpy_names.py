"""Names that Theano 1.0.5 asks numpy for, and that later numpys have taken away."""

from __future__ import annotations

import numpy as np

NUMPY_2 = int(np.__version__.partition(".")[0]) >= 2

# C code's NPY_RAVEL_AXIS (see include/theano_numpy2.h): numpy 2's word for "over all axes".
_RAVEL_AXIS = int(np.iinfo(np.intc).min)


def restore() -> None:
    """Put back what this numpy lacks; only before Theano is imported."""
    taken_away = {
        # numpy 1.24 removed the aliases of Python's own types.
        "bool": bool,
        "complex": complex,
        "object": object,
        # numpy 2.0.
        "product": np.prod,
        "cast": _Cast(),
        "sctype2char": lambda kind: np.dtype(kind).char,
        "MAXDIMS": _RAVEL_AXIS,
        "ComplexWarning": np.exceptions.ComplexWarning,
    }
    for name, value in taken_away.items():
        if name not in vars(np):
            setattr(np, name, value)


def dtype_of(kind) -> np.dtype:
    """The dtype that `kind` stands for, also where it is an object whose `dtype` is a word.

    Theano's types are such objects; numpy 2 takes none of them for a dtype.
    """
    word = getattr(kind, "dtype", None)
    return np.dtype(word if isinstance(word, str) else kind)


class _Cast:
    """`np.cast[kind](x)`: x as an array of the dtype that `kind` stands for."""

    def __getitem__(self, kind):
        return lambda x: np.asarray(x).astype(dtype_of(kind))
