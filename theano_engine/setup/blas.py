"""The BLAS under Theano's float products: found, loaded and named in Theano's flags.

Without root, PyPI's `scipy-openblas32` is the fast one. Its symbols carry the prefix `scipy_`, and
its library lies inside the virtual environment. It is loaded here with global visibility, so that
Theano's compiled modules find it by symbol: no library path enters their link line, and the
environment may lie under any name (with spaces, say) and be moved without making a compile cache
stale.
"""

from __future__ import annotations

import ctypes
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

_PREFIX = "scipy_"
# CorrMM controls the library's threads only if it reads "openblas" in the link flags.
_LINK_FLAGS = "-lm -DBLAS_is_openblas"
_SYMBOLS = (
    *(f"{kind}{name}_" for kind in "sd" for name in ("gemm", "gemv", "ger", "dot", "axpy")),
    "openblas_set_num_threads",
    "openblas_get_num_threads",
)


@dataclass(frozen=True)
class Blas:
    """A BLAS as found: what Theano's compiler and linker need to be told of it."""

    name: str
    link_flags: str
    compiler_flags: str


def load() -> Blas:
    """Load the installation's OpenBLAS, or warn once that Theano's slow fallback is in use."""
    _choose_core_type()
    # After each product OpenBLAS's threads spin for 2**26 ticks, some 25 ms, and meanwhile take a
    # core from the kernels that follow it. 2**4 ticks: they sleep at once.
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
    try:
        import scipy_openblas32

        library = Path(scipy_openblas32.get_lib_dir()) / scipy_openblas32.get_library(fullname=True)
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    except (ImportError, OSError, IndexError) as error:
        warnings.warn(
            f"no fast BLAS ({error}): all will run on one core, and many times slower; remedy: "
            "pip install scipy-openblas32, or name a BLAS with THEANO_FLAGS=blas.ldflags=-l...",
            RuntimeWarning,
            stacklevel=2,
        )
        return Blas("none", "", "")
    renamed = " ".join(f"-D{symbol}={_PREFIX}{symbol}" for symbol in _SYMBOLS)
    return Blas("openblas", _LINK_FLAGS, renamed)


def describe(link_flags: str) -> dict[str, str | int]:
    """The BLAS that Theano links with by `link_flags`: its name and, where known, its threads.

    OpenBLAS's name holds its version and the processor whose kernels it has chosen.
    """
    if link_flags != _LINK_FLAGS:
        return {"BLAS": link_flags or "none"}
    library = ctypes.CDLL(None)
    name = library[f"{_PREFIX}openblas_get_config"]
    name.restype = ctypes.c_char_p
    threads = library[f"{_PREFIX}openblas_get_num_threads"]
    return {"BLAS": name().decode(errors="replace").strip(), "BLAS threads": threads()}


def _choose_core_type() -> None:
    """Name OpenBLAS's AVX-512 kernels on AMD processors, for which some versions take AVX2 ones.

    What the user sets in OPENBLAS_CORETYPE stands.
    """
    try:
        cpuinfo = Path("/proc/cpuinfo").read_text()
    except OSError:
        return
    words = set(cpuinfo.split())
    avx512 = {"avx512f", "avx512dq", "avx512cd", "avx512bw", "avx512vl"}
    if "AuthenticAMD" in words and avx512 <= words:
        os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX")
