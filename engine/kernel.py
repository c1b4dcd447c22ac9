"""How numba kernels are compiled here: cached on disk, GIL released, IEEE semantics unless said otherwise."""

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile

Function = TypeVar("Function", bound=Callable[..., Any])


@functools.cache
def _sources_stamp() -> str:
    """A digest of all files of this folder that define kernels."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        source = path.read_bytes()
        if path.name == Path(__file__).name or b"from .kernel import" in source:
            digest.update(source)
    return digest.hexdigest()


class _KernelCache(FunctionCache):  # type: ignore[misc]
    """Numba's cache on disk, emptied when any kernel changes.

    Numba itself watches only the file of the function, and would keep machine code that has an old version of a
    kernel from another file inlined.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        """The cache of one kernel."""
        super().__init__(function)
        self._cache_file = IndexDataCacheFile(self._cache_path, self._impl.filename_base, _sources_stamp())


def _compile(function: Function, fastmath: set[str]) -> Function:
    """Compile on first use; without a cache where no folder for it can be written."""
    dispatcher = numba.njit(nogil=True, error_model="numpy", fastmath=fastmath)(function)
    try:
        dispatcher._cache = _KernelCache(function)
    except RuntimeError:
        return cast(Function, dispatcher)
    return cast(Function, dispatcher)


def kernel(function: Function) -> Function:
    """Compile `function`; multiply-adds may fuse, nothing else is reordered, so NaN and infinity keep their meaning."""
    return _compile(function, {"contract"})


def sum_kernel(function: Function) -> Function:
    """Compile `function` with additions free to be reordered (vector registers); NaN still propagates.

    Only for plain sums and maxima: a compensated expression would be simplified away.
    """
    return _compile(function, {"contract", "reassoc", "nsz"})
