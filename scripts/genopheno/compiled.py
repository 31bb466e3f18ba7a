"""Kernels that numba compiles: how, and where the machine code is kept.

Compiling takes seconds, so the machine code is kept: in ``NUMBA_CACHE_DIR`` where that is set,
else beside the source (in ``__pycache__``), or, where that folder is read-only, in the user's
cache folder. Where none of them can be written each process compiles anew. A kernel's code is
made again when its own file changes, so kernels that call each other stand in one file.
Importing this module imports numba, which takes a third of a second: modules with kernels are
imported where they are used.

Kernels let go of Python's lock and work on whole numbers or on rows of their own, so that
threads share them out and their number changes no result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba import types
from numba.extending import intrinsic


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function at its first call, or load what an earlier process compiled."""
    try:
        return numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # no folder for the cache can be written
        return numba.njit(nogil=True)(function)


@intrinsic
def popcount(typing, word):
    """How many bits of a uint64 are set: one instruction, also over vectors."""

    def code(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), code
