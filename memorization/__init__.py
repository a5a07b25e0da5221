"""What the experiments' scripts stand on."""

from foundations import packages

packages.check()

import datasets  # noqa: E402 - it imports packages that may be missing

# A program may have imported another package of this name, such as Hugging Face's, before.
if not hasattr(datasets, "DATA_SETS"):
    raise ImportError(
        f"another package called datasets was imported first ({datasets.__file__}): import "
        "memorization before it, or in a process of its own"
    )
