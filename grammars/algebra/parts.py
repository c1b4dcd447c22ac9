"""What the leaves and the bounds of an expression may be: the checks that building and reading share."""

from __future__ import annotations

from typing import Any, Final

from ..errors import GrammarError
from ..grammar import refuse_surrogates

_MOST: Final = 2**31 - 1
_MOST_TOKENS: Final = 1_000_000_000  # as cpp/automaton/token_budget.hpp has it


def checked_text(string: Any) -> str:
    """A str that has a UTF-8 form.  Raises GrammarError for anything else."""
    if not isinstance(string, str):
        raise GrammarError(f"a text is a str, not {type(string).__name__}", text=repr(string))
    refuse_surrogates(string)
    return string


def checked_name(name: Any) -> str:
    """The name of a special token.  Raises GrammarError for what cannot be one."""
    if not isinstance(name, str) or not name:
        raise GrammarError("the name of a special token is a str that is not empty", text=repr(name))
    refuse_surrogates(name)
    return name


def checked_budget(tokens: Any) -> int:
    """A number of tokens.  Raises GrammarError."""
    if not isinstance(tokens, int) or isinstance(tokens, bool) or not 1 <= tokens <= _MOST_TOKENS:
        raise GrammarError(
            f"a token budget is an integer from 1 to {_MOST_TOKENS}",
            text=repr(tokens),
            hint='For no token at all, write text("").',
        )
    return tokens


def checked_bounds(least: Any, most: Any) -> tuple[int, int | None]:
    """The bounds of a repetition; None for no upper one.  Raises GrammarError."""
    for bound in (least, *(() if most is None else (most,))):
        if not isinstance(bound, int) or isinstance(bound, bool) or not 0 <= bound <= _MOST:
            raise GrammarError(
                f"a bound of a repetition is an integer from 0 to {_MOST}",
                text=repr(bound),
                hint="Leave the upper one out (None) for any number.",
            )
    if most is not None and most < least:
        raise GrammarError(f"the upper bound of this repetition, {most}, is below the lower one, {least}")
    return least, most
