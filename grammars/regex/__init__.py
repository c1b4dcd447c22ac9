"""Regular expressions: text to syntax tree (`parse`), syntax tree to grammar nodes (`lower_pattern`), and the grammar of a whole text.

Read `parser.py` first, then `lowering.py`; `contexts.py` holds the exact treatment of anchors and word boundaries.
"""

from __future__ import annotations

from ..builder import UTF8, Builder
from .lowering import lower_pattern, refuse_assertions
from .nodes import Node
from .parser import literal_text, parse

__all__ = ["Node", "literal_text", "lower", "lower_pattern", "parse", "refuse_assertions", "regex"]


def lower(builder: Builder, source: str) -> int:
    """The node of all texts, in UTF-8, that `re.fullmatch(source, text)` matches. Raises GrammarError."""
    return lower_pattern(builder, parse(source), UTF8)
