"""The pieces of a text: what a quotation from it may be."""

from __future__ import annotations

import functools
from typing import Final, Literal

from ._core import MachineSource, substring_machine
from .builder import Builder
from .errors import GrammarError
from .grammar import Grammar

_UNITS: Final = ("characters", "words", "lines")
_LONGEST: Final = 1 << 23  # bytes; the automaton takes some 25 of memory for each
_CACHED_MACHINES: Final = 8


def substring_of(text: str, *, unit: Literal["characters", "words", "lines"] = "characters") -> Grammar:
    """The grammar of all pieces of a text, the empty one included: exactly those `piece` with `piece in text`.

    unit: where a piece may begin and end. "characters": anywhere. "words": it is a run of whole words, as blanks of
    ASCII separate them, with what is between them in the text. "lines": a run of whole lines, each with its "\\n";
    that of the last one may be left out.

    Takes time and memory in proportion to the text (a suffix automaton). Raises GrammarError for other units, what is
    not a str, lone surrogates and more than 8 MiB.
    """
    return Grammar("substring", text, {"unit": unit})


def lower(builder: Builder, source: str, unit: str = "characters") -> int:
    """The node of the pieces of `source`. Raises GrammarError."""
    if unit not in _UNITS:
        raise GrammarError(f"substring_of: unknown unit {unit!r}", hint=f"known units: {', '.join(map(repr, _UNITS))}")
    size = len(source.encode())
    if size > _LONGEST:
        raise GrammarError(
            f"substring_of: a text of {size} bytes is too long, the limit is {_LONGEST}",
            text=source[:100],
            hint="Cut it and write substring_of(first) | substring_of(second).",
        )
    return builder.machine(_machine(source, unit))


@functools.lru_cache(maxsize=_CACHED_MACHINES)
def _machine(source: str, unit: str) -> MachineSource:
    return substring_machine(source, _UNITS.index(unit))
