"""What all shapes share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .document import Goal

if TYPE_CHECKING:
    from .strings import StringShape


class NotExpressible(Exception):
    """Keywords that no grammar here says exactly together; becomes a GrammarError at the one that asked for it."""


class Oracle(Protocol):
    """What deciding emptiness needs from outside: the forms of component goals, and regular expressions."""

    def is_empty(self, goal: Goal) -> bool: ...

    def matches(self, atom: tuple[str, str], text: str) -> bool: ...

    def no_strings(self, shape: StringShape) -> bool: ...
