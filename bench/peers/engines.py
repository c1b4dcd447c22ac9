"""The engines by name."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module, metadata, util
from typing import Any, cast

from .protocol import Engine
from .tokens import Tokens

# name -> (distribution, package that must be importable, module and class of the adapter, its further arguments)
_ADAPTERS: dict[str, tuple[str, str, str, str, dict[str, Any]]] = {
    "tamis": ("tamis", "tamis.grammars", "tamis_engine", "Tamis", {}),
    "tamis, any order": ("tamis", "tamis.grammars", "tamis_engine", "Tamis", {"property_order": "any"}),
    "llguidance": ("llguidance", "llguidance", "llguidance_engine", "LLGuidance", {}),
    "llguidance, lenient": ("llguidance", "llguidance", "llguidance_engine", "LLGuidance", {"lenient": True}),
    "xgrammar": ("xgrammar", "xgrammar", "xgrammar_engine", "XGrammar", {}),
    "outlines-core": ("outlines-core", "outlines_core", "outlines_engine", "OutlinesCore", {}),
}
NAMES = tuple(_ADAPTERS)
DEFAULTS = tuple(name for name, adapter in _ADAPTERS.items() if not adapter[4])  # engines as they come


def is_installed(name: str) -> bool:
    """Whether the engine's package is here."""
    return util.find_spec(_ADAPTERS[name][1]) is not None


def version(name: str) -> str:
    """The engine with the version that is installed."""
    return f"{name} {metadata.version(_ADAPTERS[name][0])}"


def adapter(name: str) -> type[Engine]:
    """The class of the engine's adapter."""
    _, _, module, class_name, _ = _ADAPTERS[name]
    return cast("type[Engine]", getattr(import_module(f".{module}", __package__), class_name))


def make(name: str, tokens: Tokens) -> Engine:
    """The engine, bound to a vocabulary."""
    constructor = cast("Callable[..., Engine]", adapter(name))
    return constructor(tokens, **_ADAPTERS[name][4])
