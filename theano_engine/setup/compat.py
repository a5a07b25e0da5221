"""Everything that stands between PyPI's Theano 1.0.5 and a working import.

`theano_engine.setup.finder` enters `importing_theano` whenever Theano is imported. Each step names
the change in the outside world that made it necessary.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from theano_engine.setup import (
    collector,
    compile_cache,
    finder,
    flags,
    memory,
    numpy_names,
    quick_start,
    stand_ins,
    theano_changes,
    threads,
)
from theano_engine.setup.environment import changed_environment
from theano_engine.setup.errors import SetupError


def prepare() -> None:
    """Import Theano so that it works, quietly and fast, in this process.

    Raises `SetupError` as `importing_theano` does, or where Theano came before it could be prepared
    for.
    """
    finder.install()
    importlib.import_module("theano")


@contextmanager
def importing_theano() -> Iterator[None]:
    """Within this context Theano's own modules are executed, once in a process.

    Raises `SetupError` when something is missing, or is set to what cannot be used.
    """
    _forget_a_half_import()
    numpy_names.restore()
    stand_ins.install()
    stand_ins.leave_scan_to_python()
    _silence_what_no_user_can_act_on()
    # Idle OpenMP threads that spin take the cores from OpenBLAS's own threads, and from others'
    # work; read when the OpenMP library is loaded, with Theano's first compiled module.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    memory.keep_freed()
    compile_cache.install_lock()
    try:
        # Theano reads its flags now, once.
        with (
            changed_environment("THEANO_FLAGS", flags.for_theano()),
            threads.theano_reads_threads(),
        ):
            yield
    except BaseException as error:
        _forget_a_half_import()
        _name_a_refused_flag(error)
        raise
    theano_changes.install()
    quick_start.install()
    collector.install()
    compile_cache.install()
    threads.use_one_after_fork()


def _forget_a_half_import() -> None:
    # What failed half way has left its parts behind, which a second import would take for whole.
    for name in [name for name in sys.modules if name.startswith("theano.")]:
        if name != "theano.gof.compilelock":
            del sys.modules[name]


def _name_a_refused_flag(error: BaseException) -> None:
    """Raise SetupError if it was a flag of the user's that Theano ended at."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        parameter = frame.f_locals.get("configparam")
        if frame.f_code.co_name == "AddConfigVar" and parameter is not None:
            value, source = flags.find(parameter.fullname)
            raise SetupError(
                f"{parameter.fullname}={value} ({source}): Theano does not accept that "
                f"({' '.join(str(error.args[0] if error.args else error).split())})"
            ) from error


def _silence_what_no_user_can_act_on() -> None:
    # Theano's sources have regular expressions and comparisons that later Pythons warn about,
    # and it imports the deprecated numpy.distutils and distutils.
    for category in (SyntaxWarning, DeprecationWarning):
        warnings.filterwarnings("ignore", category=category, module=r"(theano|lasagne)\b")
    warnings.filterwarnings("ignore", message=".*numpy.distutils.*", category=DeprecationWarning)
