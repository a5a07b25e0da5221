"""Names that Theano 1.0.5 asks numpy for, and that later numpys have taken away."""

from __future__ import annotations

import numpy as np


def restore() -> None:
    """Put back what this numpy lacks; only before Theano is imported."""
    # numpy 1.24 removed the aliases of Python's own types; Theano 1.0.5 still says np.complex.
    for name, builtin in {"bool": bool, "complex": complex, "object": object}.items():
        if name not in vars(np):
            setattr(np, name, builtin)
