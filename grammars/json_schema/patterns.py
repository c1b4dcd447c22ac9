"""Patterns and formats of strings, lowered by the regular-expression front end for the schema front end in C++."""

from __future__ import annotations

import json
from difflib import get_close_matches
from functools import lru_cache

from .._core import GrammarBuilder
from ..errors import GrammarError
from ..regex import Node, lower_pattern, parse
from . import formats
from .formats import KNOWN_FORMATS


def pattern_node(kind: str, text: str, codec: int, pointer: str) -> tuple[GrammarBuilder, int] | None:
    """All strings that match the pattern `text`, or have the format of that name, as a node of a builder of its own.

    None for a format that no standard knows: it is an annotation. Raises GrammarError, with the pointer, for a pattern
    that cannot be used and for a format that is misspelt.
    """
    builder = GrammarBuilder()
    if kind == "format":
        if not _is_known(text, pointer):
            return None
        return builder, formats.lower(builder, text, codec)
    try:
        return builder, lower_pattern(builder, _pattern(text), codec, search=True)
    except GrammarError as error:
        raise GrammarError(error.message, column=error.column, pointer=pointer, text=text, hint=error.hint) from None


def well_known_document(uri: str) -> str | None:
    """The JSON text of a draft's own meta-schema; None for other URIs."""
    # Comes with jsonschema; imported only when one is referred to.
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]

    try:
        return json.dumps(REGISTRY.contents(uri))
    except LookupError:
        return None


@lru_cache(maxsize=1024)
def _pattern(text: str) -> Node:
    return parse(text, dialect="ecma")


@lru_cache(maxsize=1024)
def _nearest(name: str) -> str | None:
    """The standard format that `name` is probably meant to be."""
    return next(iter(get_close_matches(name, KNOWN_FORMATS, 1, cutoff=0.8)), None)


def _is_known(name: str, pointer: str) -> bool:
    if name not in KNOWN_FORMATS:
        near = _nearest(name)
        if near is None:
            return False
        raise GrammarError(
            f"unknown format {name!r}; did you mean {near!r}?",
            pointer=pointer,
            hint='format="annotate" ignores formats',
        )
    return True
