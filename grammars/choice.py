"""One text out of a list."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from .builder import UTF8, Builder
from .errors import GrammarError
from .grammar import Grammar


def choice(texts: Iterable[str]) -> Grammar:
    """The grammar of exactly these texts.

    Raises GrammarError, with a pointer to the element, for an empty list, elements that are not strings, and strings
    that have no UTF-8 form (lone surrogates).
    """
    if isinstance(texts, (str, bytes)):
        raise GrammarError(
            "choice takes a list of strings, not one string", text=repr(texts), hint='Write choice(["yes", "no"]).'
        )
    try:
        options = list(texts)
    except TypeError:
        raise GrammarError(f"choice takes a list of strings, not {type(texts).__name__}", text=repr(texts)) from None
    _check(options)
    return Grammar("choice", json.dumps(options, ensure_ascii=False))


def lower(builder: Builder, source: str) -> int:
    """The node of a JSON array of strings. Raises GrammarError."""
    try:
        options = json.loads(source)
    except RecursionError:
        raise GrammarError("choice: not an array of strings: it is nested too deeply", text=source) from None
    except ValueError as error:
        raise GrammarError(f"choice: not a JSON array: {error}", text=source) from None
    if not isinstance(options, list):
        raise GrammarError("choice: not a JSON array", text=source)
    _check(options)
    return builder.alt([builder.text(option, UTF8) for option in dict.fromkeys(options)])


def _check(options: Sequence[object]) -> None:
    if not options:
        raise GrammarError("choice needs at least one string", pointer="", text="[]")
    for index, option in enumerate(options):
        if not isinstance(option, str):
            raise GrammarError(
                f"choice takes strings, not {type(option).__name__}", pointer=f"/{index}", text=repr(option)
            )
        try:
            option.encode()
        except UnicodeEncodeError:
            raise GrammarError(
                "this string has a lone surrogate, which no UTF-8 text contains", pointer=f"/{index}", text=repr(option)
            ) from None
