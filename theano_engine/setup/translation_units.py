"""Generated modules that are alike but for their own structs, many to a translation unit.

GCC takes longer to start, to read headers and support code, and to link, than to compile what an
elementwise Op computes, and a graph has dozens of those. What a module has of its own is a struct
and the functions that make and run it. Modules with the same support code, headers and flags make
one source, in which that comes once and each has a namespace; they are imported from one library.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# More to a unit gain little, and leave the other compilers waiting at the end.
MOST = 10
# How Theano begins a module's own struct.
_STRUCT = "    namespace {\n    struct __struct_compiled_op_"


@dataclass
class Unit:
    """Theano's linkers of the modules of one translation unit; where its library is, once there."""

    linkers: list[Any]
    library: Path | None = None
    # A copy on the disk of the compile cache, for the next module to share.
    _nearby: Path | None = None

    def text(self) -> str:
        """The source: of a single module its own, of several each in a namespace."""
        sources = [linker.get_src_code() for linker in self.linkers]
        if len(sources) == 1:
            return sources[0]
        common = _before_struct(sources[0])
        parts = [
            f"namespace module_{number} {{\n{source.removeprefix(common)}\n}}\n"
            for number, source in enumerate(sources)
        ]
        return common + "".join(parts)

    def compile_in(self, folder: Path) -> None:
        """Compile it into a new folder in `folder`; raises what Theano raises of compilers."""
        place = Path(tempfile.mkdtemp(dir=folder))
        one = self.linkers[0]
        one.c_compiler().compile_str(
            module_name="modules",
            src_code=self.text(),
            location=str(place),
            include_dirs=one.header_dirs(),
            lib_dirs=one.lib_dirs(),
            libs=one.libraries(),
            preargs=one.compile_args(),
            py_module=False,
        )
        (self.library,) = place.glob("modules.*")

    def put_library(self, path: Path) -> None:
        """Give a module the library as `path`: a link to it where they share a disk."""
        assert self.library is not None
        for library in filter(None, (self.library, self._nearby)):
            with contextlib.suppress(OSError):
                os.link(library, path)
                return
        shutil.copy(self.library, path)
        self._nearby = path


def units(linkers: Iterable[Any]) -> list[Unit]:
    """`linkers` in units, the longest first, so that none of the long ones is left over."""
    alike: dict[Any, list[Any]] = {}
    for linker in linkers:
        alike.setdefault(_in_common(linker), []).append(linker)
    found = [unit for group in alike.values() for unit in _dealt_out(group)]
    return sorted(found, key=lambda unit: -len(unit.text()))


def _dealt_out(linkers: Sequence[Any]) -> list[Unit]:
    number = -(-len(linkers) // MOST)
    return [Unit(list(linkers[first::number])) for first in range(number)]


def _in_common(linker) -> tuple:
    """All that must be the same for two modules to be compiled in one unit."""
    return (
        _before_struct(linker.get_src_code()),
        tuple(linker.compile_args()),
        tuple(linker.header_dirs()),
        tuple(linker.lib_dirs()),
        tuple(linker.libraries()),
        linker.c_compiler(),
    )


def _before_struct(source: str) -> str:
    """What comes before the module's own struct: headers and support code."""
    return source.partition(_STRUCT)[0]
