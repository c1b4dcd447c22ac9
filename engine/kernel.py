"""How numba kernels are compiled in this package: cached on disk, GIL released, IEEE semantics unless said otherwise."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile `function`; multiply-adds may fuse, nothing else is reordered, so NaN and infinity keep their meaning."""
    compile_ = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
    return cast(Function, compile_(function))


def sum_kernel(function: Function) -> Function:
    """Compile `function` with additions free to be reordered (vector registers); NaN still propagates.

    Only for plain sums and maxima: a compensated expression would be simplified away.
    """
    compile_ = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
    return cast(Function, compile_(function))
