"""C++ modules of a graph compiled side by side, on as many cores as the process may use.

Theano compiles one module after the other, each when its node's turn comes. Here the first that is
not in the compile cache brings all others of the same graph with it: several compilers run at once,
and what they make goes to the cache in Theano's own way, under its lock, before the lock is given
up. `ENGINE_COMPILERS` says how many run at most.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from foundations.errors import UserError

VARIABLE = "ENGINE_COMPILERS"

# The graphs whose thunks are being made, the innermost last.
_graphs: list[Any] = []
# What is compiled ahead: the future of a module's folder, by the module's source.
_ahead: dict[str, Future[Path]] = {}


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
            for number, (_, linker) in enumerate(missing):
                place = Path(folder) / str(number)
                place.mkdir()
                _ahead[linker.get_src_code()] = threads.submit(_compiled_into, place, linker)
            yield
        finally:
            _ahead.clear()
            threads.shutdown(cancel_futures=True)


def _compiled_into(place: Path, linker) -> Path:
    module = linker.get_dynamic_module()
    source = module.code()
    linker.c_compiler().compile_str(
        module_name=module.code_hash,
        src_code=source,
        location=str(place),
        include_dirs=linker.header_dirs(),
        lib_dirs=linker.lib_dirs(),
        libs=linker.libraries(),
        preargs=linker.compile_args(),
        py_module=False,
    )
    return place


def _take_what_is_compiled() -> None:
    from theano.gof.cmodule import GCC_compiler, dlimport

    original = GCC_compiler.compile_str

    def compile_str(module_name, src_code, location=None, *arguments, py_module=True, **keywords):
        future = _ahead.get(src_code) if py_module else None
        if future is None or future.exception() is not None:
            # A compiler's error is told in Theano's own way.
            return original(
                module_name, src_code, location, *arguments, py_module=py_module, **keywords
            )
        for path in future.result().iterdir():
            shutil.move(path, location)
        Path(location, "__init__.py").touch()
        (library,) = Path(location).glob(f"{module_name}.*")
        return dlimport(str(library))

    GCC_compiler.compile_str = staticmethod(compile_str)
