"""The indenter of a grammar: lark's own, under the names that the grammar uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..errors import GrammarError
from .internals import Indenter

# As in lark's PythonIndenter.
DEFAULTS: Final[dict[str, Any]] = {
    "NL_type": "_NEWLINE",
    "OPEN_PAREN_types": ["LPAR", "LSQB", "LBRACE"],
    "CLOSE_PAREN_types": ["RPAR", "RSQB", "RBRACE"],
    "INDENT_type": "_INDENT",
    "DEDENT_type": "_DEDENT",
    "tab_len": 8,
}


def make_indenter(options: Mapping[str, Any]) -> Indenter:
    """lark's indenter with these options, which are named as its attributes are; those that are left out are those of
    lark's PythonIndenter. Raises GrammarError for others and for values of another type."""
    for name, value in options.items():
        if name not in DEFAULTS:
            raise GrammarError(f"indenter: unknown option {name!r}", hint=f"known options: {', '.join(DEFAULTS)}")
        wanted = type(DEFAULTS[name])
        is_right = isinstance(value, wanted) and not isinstance(value, bool)
        if wanted is list:
            is_right = isinstance(value, list) and all(isinstance(item, str) for item in value)
        elif wanted is int:
            is_right = is_right and 0 < value <= 1000
        if not is_right:
            what = {str: "the name of a terminal", list: "a list of names of terminals", int: "a number from 1 to 1000"}
            raise GrammarError(f"indenter: {name} must be {what[wanted]}", text=repr(value))
    made = type("_Indenter", (Indenter,), DEFAULTS | dict(options))()
    assert isinstance(made, Indenter)
    return made
