"""Theano's folder of compiled modules, made fit for many processes that use it at once.

Theano 1.0.5 reads the folder without its lock and writes its entries in place, so that a process
may find another's entry half written, take it for a broken one and delete it.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sys


def install_lock() -> None:
    """Give Theano the lock of `theano_engine.setup.compile_lock`; only before Theano is imported.

    Does nothing on systems without file locks of that kind: there Theano's own lock stays.
    """
    if sys.platform != "win32":
        from theano_engine.setup import compile_lock

        sys.modules["theano.gof.compilelock"] = compile_lock


def install() -> None:
    """Let Theano read the folder under its lock, write entries whole, and find all of them."""
    _name_the_lock()
    _read_under_the_lock()
    _write_keys_whole()
    _cache_ops_without_properties()
    _cache_ops_with_code_in_files()


def _name_the_lock() -> None:
    # Python does so where it imports a module of a package itself.
    import theano

    theano.gof.compilelock = sys.modules["theano.gof.compilelock"]


def _read_under_the_lock() -> None:
    from theano.gof import compilelock
    from theano.gof.cmodule import ModuleCache

    original = ModuleCache.refresh

    def refresh(self, *arguments, **keywords):
        with compilelock.lock_ctx():
            return original(self, *arguments, **keywords)

    ModuleCache.refresh = refresh


def _write_keys_whole() -> None:
    # The lock keeps others away, but not the signal that ends this process half way.
    from theano.gof.cmodule import KeyData

    def save_pkl(self):
        aside = f"{self.key_pkl}.part"
        with open(aside, "wb") as file:
            pickle.dump(self, file, protocol=pickle.HIGHEST_PROTOCOL)
        os.replace(aside, self.key_pkl)

    KeyData.save_pkl = save_pkl


class _NoProperties(tuple):
    """An empty `__props__` that counts as something."""

    def __bool__(self) -> bool:
        return True

    def __reduce__(self):
        # In the compile cache it is what Theano itself would write.
        return tuple, ()


def _cache_ops_without_properties() -> None:
    # Theano 1.0.5 takes an Op's empty __props__ for a missing version of its C code, and compiles
    # that code anew in every process.
    from theano.gof.cc import CLinker

    original = CLinker.cmodule_key_

    def cmodule_key_(self, fgraph, *arguments, **keywords):
        for node in fgraph.toposort():
            op_class = type(node.op)
            if getattr(op_class, "__props__", None) == ():
                op_class.__props__ = _NoProperties()
        return original(self, fgraph, *arguments, **keywords)

    CLinker.cmodule_key_ = cmodule_key_


def _cache_ops_with_code_in_files() -> None:
    # The version of their code is Python's hash of it, another one in every process, so that Theano
    # 1.0.5 compiles a DimShuffle in each, and leaves it in the folder.
    from theano.gof.op import COp

    original = COp.c_code_cache_version

    def c_code_cache_version(self):
        _, *parameters = original(self)
        code = "\0".join(self.func_codes)
        return (hashlib.sha256(code.encode()).hexdigest(), *parameters)

    COp.c_code_cache_version = c_code_cache_version
