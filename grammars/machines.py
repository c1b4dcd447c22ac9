"""Machines, with the calls that make them: what the cache on disk needs to make them again."""

from __future__ import annotations

import threading
import weakref
from typing import Any, Final, NamedTuple

from ._core import MachineSource, lark_source, regex_machine

_MAKERS: Final[dict[str, Any]] = {"lark": lark_source, "regex": regex_machine}


class Recipe(NamedTuple):
    """A machine as plain values: who makes it, and of what."""

    maker: str
    arguments: tuple[Any, ...]


_recipes: weakref.WeakKeyDictionary[MachineSource, Recipe] = weakref.WeakKeyDictionary()
_recording = threading.local()


def make(maker: str, *arguments: Any) -> MachineSource:
    """The machine of a maker; the call is remembered while `remember` asks for it.

    Raises ValueError or TypeError where the arguments do not hold together, KeyError for an unknown maker.
    """
    source: MachineSource = _MAKERS[maker](*arguments)
    if getattr(_recording, "wanted", False):
        _recipes[source] = Recipe(maker, arguments)
    return source


def recipe(source: MachineSource) -> Recipe | None:
    """The call that made a machine, if it was remembered."""
    return _recipes.get(source)


def remember(wanted: bool) -> None:
    """Whether this thread's machines are made with their recipes from now on."""
    _recording.wanted = wanted
