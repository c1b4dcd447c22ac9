"""Lark grammars, read by lark's own loader and given lark's own meaning.

Templates, imports from lark's library (`%import common.WS`), aliases, inlined rules, priorities, `%extend`,
`%override` and the EBNF operators are resolved by lark. `loading.py` reads a grammar, with `expansion.py` and
`mistakes.py` for what is wrong with it. There are two ways to understand it: as lark's LALR(1) parser with the
contextual lexer does (`tables.py` and `programs.py`, run by cpp/lark), and as its Earley parser with the
dynamic_complete lexer does (`earley.py`). `internals.py` holds every import of what lark does not document.
"""

from __future__ import annotations

import functools
import json
import re
from typing import Any, Final, Literal

from .._core import MachineSource
from ..builder import Builder
from ..errors import GrammarError
from ..grammar import Grammar
from .earley import lower_earley
from .indenter import DEFAULTS
from .loading import load_earley, load_lalr
from .tables import make_source

__all__ = ["lark", "lower"]

_CACHED_SOURCES: Final = 32


def lark(
    text: str,
    start: str = "start",
    *,
    parser: Literal["lalr", "earley"] = "lalr",
    indenter: dict[str, Any] | None = None,
    imports: dict[str, str] | None = None,
    g_regex_flags: str = "",
) -> Grammar:
    """The grammar of a lark text, from the rule `start`.

    With `parser` "lalr" the texts are those that `Lark(text, start=start, parser="lalr", lexer="contextual").parse`
    accepts, exactly: the lexer takes what `re` matches first among the terminals that the parser can use at a place, by
    their priorities and lengths. A grammar must be LALR(1). "earley" takes any grammar and accepts more: with the
    meaning of `Lark(text, start=start, parser="earley", lexer="dynamic_complete")`, every way to cut a text into tokens
    counts. In

        start: A "b"
        A: /[ab]+/

    "earley" accepts "ab" as "a" and "b"; the contextual lexer takes all of "ab" for A and finds no "b" behind it. It
    differs where a token begins with characters that may be ignored: lark's dynamic lexer ignores as many as it can,
    here any split of them is let in.

    `indenter`: the options of lark's Indenter for grammars with `%declare _INDENT _DEDENT`, under the names of its
    attributes (NL_type, OPEN_PAREN_types, CLOSE_PAREN_types, INDENT_type, DEDENT_type, tab_len); what is left out is as
    in lark's PythonIndenter, so `{}` means that one. `imports`: texts of grammars by file name, for `%import` from
    others than lark's library: {"sql/names.lark": text} for `%import sql.names.NAME` or `%import .sql.names.NAME`.
    `g_regex_flags`: flags of all terminals, letters out of "aimsx". The indenter and the flags are for "lalr" alone.

    Raises GrammarError for whatever lark refuses and for what is refused here, with line and column where known.
    """
    options: dict[str, Any] = {"start": start}
    given = {"parser": parser, "indenter": indenter, "imports": imports, "g_regex_flags": g_regex_flags}
    defaults = {"parser": "lalr", "indenter": None, "imports": None, "g_regex_flags": ""}
    options |= {name: value for name, value in given.items() if value != defaults[name]}
    return Grammar("lark", text, options)


def lower(
    builder: Builder,
    source: str,
    start: str = "start",
    parser: str = "lalr",
    indenter: dict | None = None,  # type: ignore[type-arg]
    imports: dict | None = None,  # type: ignore[type-arg]
    g_regex_flags: str = "",
) -> int:
    """The node of the rule `start`; see `lark`. Raises GrammarError."""
    imports = _checked_imports(imports or {})
    if parser == "lalr":
        options = {"start": start, "indenter": indenter, "imports": imports, "g_regex_flags": g_regex_flags}
        return builder.machine(_source(source, json.dumps(options, sort_keys=True)))
    if parser != "earley":
        raise GrammarError(f"lark: unknown parser {parser!r}", hint="known parsers: lalr, earley")
    if indenter is not None or g_regex_flags:
        name = "indenter" if indenter is not None else "g_regex_flags"
        raise GrammarError(f"lark: the option {name} is for parser='lalr' alone")
    return lower_earley(builder, source, load_earley(source, start, imports), start)


@functools.lru_cache(maxsize=_CACHED_SOURCES)
def _source(source: str, options: str) -> MachineSource:
    given = json.loads(options)
    indenter = given["indenter"]
    flags = _flags(given["g_regex_flags"])
    loaded = load_lalr(source, given["start"], given["imports"], indenter, flags)
    return make_source(source, loaded, given["start"], None if indenter is None else DEFAULTS | indenter, flags)


def _flags(letters: str) -> re.RegexFlag:
    unknown = set(letters) - set("aimsx")
    if unknown:
        raise GrammarError(
            f"lark: unknown g_regex_flags {''.join(sorted(unknown))!r}", hint="known flags: a, i, m, s, x"
        )
    return functools.reduce(lambda flags, letter: flags | re.RegexFlag[letter.upper()], letters, re.RegexFlag(0))


def _checked_imports(imports: dict[Any, Any]) -> dict[str, str]:
    for name, text in imports.items():
        if not isinstance(name, str) or not isinstance(text, str):
            raise GrammarError("imports: names of grammar files and their texts are strings", text=repr(name))
    return imports
