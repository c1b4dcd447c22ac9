"""What a hostile case is, and the register of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

from tamis.grammars import Grammar

Text = str | bytes


class Case(NamedTuple):
    """`make` builds the grammar; `texts` pairs texts with whether they belong to it (None: nobody says).

    It must end within `seconds`; those that may take more than ten are the ones with sources of megabytes. `slow` cases
    stay out of the default run.
    """

    make: Callable[[], Grammar]
    texts: tuple[tuple[Text, bool | None], ...]
    slow: bool
    seconds: float


CASES: dict[str, Case] = {}


def case(
    name: str,
    make: Callable[[], Grammar],
    *texts: tuple[Text, bool | None],
    slow: bool = False,
    huge: bool = False,
) -> None:
    """Register a case; `huge` ones have a source of megabytes, are slow and get more time."""
    assert name not in CASES
    CASES[name] = Case(make, texts, slow or huge, 60.0 if huge else 10.0)


def nested(before: str, inside: str, after: str, depth: int) -> str:
    return before * depth + inside + after * depth


def chained(depth: int, wrap: Callable[[Any], Any], inside: Any) -> Any:
    for _ in range(depth):
        inside = wrap(inside)
    return inside


BITS = "".join(random.Random(1).choices("ab", k=20_000))
