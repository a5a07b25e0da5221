"""C++ modules of a graph compiled side by side, on as many cores as the process may use.

Theano compiles one module after the other, each when its node's turn comes. Here the first that is
not in the compile cache brings all others of the same graph with it: several compilers run at once,
and what they make goes to the cache in Theano's own way, under its lock, before the lock is given
up. `ENGINE_COMPILERS` says how many run at most.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from foundations.errors import UserError
from theano_engine.setup import translation_units
from theano_engine.setup.translation_units import Unit

VARIABLE = "ENGINE_COMPILERS"

# The graphs whose thunks are being made, the innermost last.
_graphs: list[Any] = []
# What is compiled ahead, by a module's source: its unit, and when that is compiled.
_ahead: dict[str, tuple[Unit, Future[None]]] = {}


def most_compilers() -> int:
    """How many compilers may run at once; raises UserError where ENGINE_COMPILERS is no number."""
    given = os.environ.get(VARIABLE)
    if not given:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    if not given.isdecimal() or int(given) < 1:
        raise UserError(f"{VARIABLE}={given}: give a whole number of at least 1, or leave it out")
    return int(given)


def install() -> None:
    """Let Theano compile a graph's modules side by side, where there is more than one core."""
    if most_compilers() > 1:
        _remember_graphs()
        _bring_others()
        _take_what_is_compiled()


def _remember_graphs() -> None:
    from theano.gof.vm import VM_Linker

    original = VM_Linker.make_all

    def make_all(self, *arguments, **keywords):
        _graphs.append(self)
        try:
            return original(self, *arguments, **keywords)
        finally:
            _graphs.pop()

    VM_Linker.make_all = make_all


def _bring_others() -> None:
    from theano.gof import compilelock
    from theano.gof.cmodule import ModuleCache

    original = ModuleCache.module_from_key

    def module_from_key(self, key, lnk=None, keep_lock=False):
        if _graphs and not _ahead and key not in self.entry_from_key:
            with compilelock.lock_ctx():
                # Another process may have compiled it while this one waited.
                self.refresh(cleanup=False)
                if key not in self.entry_from_key:
                    missing = _missing_modules(self, _graphs[-1])
                    with _compiling_ahead(missing):
                        for other_key, linker in missing:
                            original(self, other_key, linker)
        return original(self, key, lnk, keep_lock)

    ModuleCache.module_from_key = module_from_key


def _missing_modules(cache, graph) -> list[tuple[Any, Any]]:
    """(key, linker) of each module that `graph` needs and the cache lacks, once each."""
    from theano.gof.cmodule import get_module_hash

    if graph.c_thunks is False:
        return []
    missing: dict[str, tuple[Any, Any]] = {}
    alike = set()
    for node in graph.schedule(graph.fgraph):
        # Nodes that are alike share a module, but for some whose constants differ: those are met
        # again at their turn.
        kind = (node.op, *(variable.type for variable in (*node.inputs, *node.outputs)))
        if kind in alike:
            continue
        alike.add(kind)
        try:
            key, linker = _module_of(node)
            if key is None or key in cache.entry_from_key:
                continue
            source_hash = get_module_hash(linker.get_src_code(), key)
        except Exception:
            # Whatever it is, Theano meets it again at the node's turn.
            continue
        if source_hash not in cache.module_hash_to_key_data:
            missing.setdefault(source_hash, (key, linker))
    # The longest first, so that none of them is left over at the end.
    return sorted(missing.values(), key=lambda entry: -len(entry[1].get_src_code()))


def _module_of(node) -> tuple[Any, Any]:
    """The key and the linker of the node's module, as `Op.make_c_thunk` makes them."""
    from theano.gof import FunctionGraph
    from theano.gof.cc import CLinker

    node.op.prepare_node(node, storage_map=None, compute_map=None, impl="c")
    linker = CLinker().accept(FunctionGraph(node.inputs, node.outputs), no_recycling=[])
    return linker.cmodule_key(), linker


@contextmanager
def _compiling_ahead(missing: list[tuple[Any, Any]]) -> Iterator[None]:
    """While the block runs, `missing` are compiled in threads, for `_take_what_is_compiled`."""
    with tempfile.TemporaryDirectory(prefix="theano-modules-") as folder:
        threads = ThreadPoolExecutor(most_compilers(), thread_name_prefix="compiler")
        try:
            linkers = [linker for _, linker in missing]
            for unit in translation_units.units(linkers):
                compiled = threads.submit(unit.compile_in, Path(folder))
                for linker in unit.linkers:
                    _ahead[linker.get_src_code()] = (unit, compiled)
            yield
        finally:
            _ahead.clear()
            threads.shutdown(cancel_futures=True)


def _take_what_is_compiled() -> None:
    from theano.gof.cmodule import GCC_compiler, dlimport, get_lib_extension

    original = GCC_compiler.compile_str

    def compile_str(module_name, src_code, location=None, *arguments, py_module=True, **keywords):
        unit, compiled = _ahead.get(src_code, (None, None)) if py_module else (None, None)
        if unit is None or compiled is None or compiled.exception() is not None:
            # A compiler's error is told in Theano's own way.
            return original(
                module_name, src_code, location, *arguments, py_module=py_module, **keywords
            )
        Path(location, "mod.cpp").write_text(src_code, encoding="utf-8")
        library = Path(location, f"{module_name}.{get_lib_extension()}")
        unit.put_library(library)
        Path(location, "__init__.py").touch()
        return dlimport(str(library))

    GCC_compiler.compile_str = staticmethod(compile_str)
