"""Regular expressions: text to syntax tree (`parse`), syntax tree to grammar nodes (`lower_pattern`), and the grammar
of a whole text.

Read `parser.py` first, then `lowering.py`; `contexts.py` holds the exact treatment of anchors, word boundaries and
one-character look-around, `preference.py` what a backtracking matcher would find first.
"""

from __future__ import annotations

import re
from typing import Final

from ..builder import UTF8, Builder
from ..grammar import Grammar
from .lowering import lower_pattern, refuse_assertions, refuse_unsupported
from .nodes import Node
from .parser import parse, parse_re
from .preference import lower_preferred

__all__ = [
    "Node",
    "lower",
    "lower_pattern",
    "lower_preferred",
    "parse",
    "parse_re",
    "refuse_assertions",
    "refuse_unsupported",
    "regex",
]

# Longer patterns are explained without places.
_MAX_PLACES: Final = 5000
# What may make of a pattern more than its own text.
_SPECIAL = re.compile(r"[][\\.^$*+?{}|()]")


def regex(pattern: str) -> Grammar:
    """The grammar of all texts that `re.fullmatch(pattern, text)` matches, exactly.

    Raises GrammarError with line, column and the offending text; look-around for more than one character,
    back-references, conditional groups, atomic groups and possessive quantifiers are refused by name.
    """
    return Grammar("regex", pattern)


def lower(builder: Builder, source: str) -> int:
    """The node of all texts, in UTF-8, that `re.fullmatch(source, text)` matches. Raises GrammarError."""
    if not _SPECIAL.search(source) and not builder.labels:
        return builder.text(source, UTF8)
    places = builder.labels and len(source) <= _MAX_PLACES
    return lower_pattern(builder, parse(source, places=places), UTF8)
