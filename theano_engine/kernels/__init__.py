"""The C++ kernels under the Ops, as header files, and the reading of them.

A header belongs to one family of Ops and includes others by their paths from this folder.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent
_INCLUDE = re.compile(r'^#include "([a-z0-9_/]+\.h)"$', re.MULTILINE)

# What the compiler must leave out, by the number of the instruction set: Theano compiles with all
# that the processor has, in loops that the compiler vectorises as well.
_LEFT_OUT = ("no-avx", "no-avx512f", "", "", "")

# The system's headers come first, compiled as ever; but for the intrinsics, which cannot be used in
# functions that are compiled for less than they are themselves (common/intrinsics.h).
_CAPPED = """\
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmath>
#include <new>
#ifndef KERNEL_INSTRUCTION_SET
#define KERNEL_INSTRUCTION_SET {instruction_set}
#define KERNEL_CONTRACTS {contracts}
#endif
#if defined(__x86_64__)
{push}
#endif
{source}
#if defined(__x86_64__)
{pop}
#endif
"""


@cache
def source(name: str) -> str:
    """The text of the kernel header `name` with what it includes of this folder in its place.

    Theano's cache key holds an Op's code but not the text of files which that code includes; with
    all text in one place a changed kernel is compiled anew.
    """
    return _INCLUDE.sub(lambda match: source(match[1]), (_FOLDER / name).read_text())


def capped_source(name: str, instruction_set: int, contracts: bool) -> str:
    """`source(name)` as it is to be compiled for an instruction set, by its number.

    `contracts`: whether the compiler contracts a product and a sum in Theano's own code, so that
    kernels which repeat that code's roundings do so too, whatever they are capped to.
    """
    left_out = _LEFT_OUT[instruction_set]
    return _CAPPED.format(
        instruction_set=instruction_set,
        contracts=int(contracts),
        push=f'#pragma GCC push_options\n#pragma GCC target("{left_out}")' if left_out else "",
        source=source(name),
        pop="#pragma GCC pop_options" if left_out else "",
    )
