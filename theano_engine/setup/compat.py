"""Everything that stands between PyPI's Theano 1.0.5 and Lasagne 0.1 and a working import.

`prepare()` has to run before Theano is imported; importing `theano_engine` runs it. Each step names
the change in the outside world that made it necessary.
"""

from __future__ import annotations

import os
import sys
import warnings

from theano_engine.setup import (
    compile_cache,
    compiler,
    flags,
    memory,
    numpy_names,
    stand_ins,
    theano_changes,
)


def prepare() -> None:
    """Import Theano so that it works, quietly and fast, in this process.

    Raises `SetupError` when no C++ compiler can be found.
    """
    if "theano" in sys.modules:
        return
    numpy_names.restore()
    stand_ins.install()
    stand_ins.leave_scan_to_python()
    _silence_what_no_user_can_act_on()
    # Idle OpenMP threads that spin take the cores from OpenBLAS's own threads, and from others'
    # work; read when the OpenMP library is loaded, with Theano's first compiled module.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    memory.keep_freed()
    set_by_user = os.environ.get("THEANO_FLAGS")
    user_flags = flags.read_user_flags()
    own_flags = flags.default_flags(user_flags)
    compiler.check(user_flags.get("cxx", "g++"))
    given = os.environ.get("THEANO_FLAGS", "")
    defaults = ",".join(f"{name}={value}" for name, value in own_flags.items())
    # Of a flag given twice Theano takes the last, so what the user set wins.
    os.environ["THEANO_FLAGS"] = f"{defaults},{given}" if given else defaults
    compile_cache.install_lock()
    try:
        # Theano reads its flags now, once.
        import theano  # noqa: F401

        theano_changes.install()
        compile_cache.install()
    finally:
        # A child process would take ours for its user's, and not load the BLAS that they name.
        flags.restore_environment("THEANO_FLAGS", set_by_user)


def _silence_what_no_user_can_act_on() -> None:
    # Theano's sources have regular expressions and comparisons that later Pythons warn about,
    # and it imports the deprecated numpy.distutils and distutils.
    for category in (SyntaxWarning, DeprecationWarning):
        warnings.filterwarnings("ignore", category=category, module=r"(theano|lasagne)\b")
    warnings.filterwarnings("ignore", message=".*numpy.distutils.*", category=DeprecationWarning)
