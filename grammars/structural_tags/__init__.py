"""Structural tags: free text, in which certain texts begin a part that follows a grammar, like a tool call.

`structural_tags` is the general form; `formats.py` reads the wire formats of serving engines, `tools.py` writes the
envelopes of common models around tool definitions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..algebra import expression_of
from ..algebra.dispatch import unreachable
from ..algebra.expression import Dispatch, Expression, Pattern, alternatives, pieces, sequence, symbols
from ..errors import GrammarError
from ..grammar import Grammar
from ..json_schema import json_schema

__all__ = ["Tag", "free_text", "structural_tags"]


@dataclass(frozen=True, slots=True)
class Tag:
    """A part that follows a grammar: `begin`, `content`, `end`.

    begin: a str, `special(...)` or a sequence of these. content: a grammar, a str as its text, or a JSON Schema as a
    dict or bool. end: a grammar, or a str as its text.
    """

    begin: Grammar | str
    content: Grammar | str | dict[str, Any] | bool
    end: Grammar | str = ""


def structural_tags(
    tags: Iterable[Tag],
    triggers: Iterable[Grammar | str],
    *,
    at_least_one: bool = False,
    stop_after_first: bool = False,
    excludes: Iterable[str] = (),
) -> Grammar:
    """Free text up to a trigger, then one of the tags that begin with it, to its end; then free text again, and so on.

    triggers: each a str, `special(...)` or a sequence of these, and the beginning of some tag's `begin`. Free text
    never contains one: the first trigger to end, read from the end of the last tag, begins a tag. It may contain a part
    of a trigger, at its end, too. at_least_one: there is a tag, after free text or none. stop_after_first: the text
    ends with the first tag. excludes: texts that free text does not contain either.

    Raises GrammarError, naming it, for a tag that no trigger begins, a trigger that begins no tag, and a tag that can
    never come because another trigger always ends within its own.
    """
    made = listed(tags, "tags")
    patterns = [pattern_of(trigger, f"trigger {i}") for i, trigger in enumerate(listed(triggers, "triggers"))]
    if not made or not patterns:
        raise GrammarError(f"structural_tags needs at least one {'trigger' if made else 'tag'}")
    hidden = unreachable(patterns)
    rules: list[list[Expression]] = [[] for _ in patterns]
    for number, tag in enumerate(made):
        if not isinstance(tag, Tag):
            raise GrammarError(f"tag {number} is not a Tag but {type(tag).__name__}", text=repr(tag))
        begin = pattern_of(tag.begin, f"the begin of tag {number}")
        own = [i for i, pattern in enumerate(patterns) if begin[: len(pattern)] == pattern]
        if not own:
            raise GrammarError(
                f"no trigger begins tag {number}",
                text=shown(begin),
                hint=f"Triggers: {', '.join(map(shown, patterns))}.",
            )
        if all(i in hidden for i in own):
            raise GrammarError(
                f"tag {number} can never come: {shown(patterns[hidden[own[0]]])}, a trigger, always ends earlier",
                text=shown(begin),
            )
        rest = _rest_of(tag, f"tag {number}")
        for i in own:
            rules[i].append(_after(begin[len(patterns[i]) :], rest))
    for i, ways in enumerate(rules):
        if not ways:
            raise GrammarError(f"trigger {i} begins no tag", text=shown(patterns[i]))
    continuations = tuple(_either(ways) for ways in rules)
    excluded = tuple(pattern_of(text, "an excluded text") for text in listed(excludes, "excludes"))
    return Grammar.of_expression(
        Dispatch(tuple(patterns), continuations, excluded, bool(at_least_one), bool(stop_after_first))
    )


def free_text(excludes: Iterable[str] = (), until: Iterable[str] = ()) -> Grammar:
    """Any text that contains none of `excludes`; with `until`, up to and with the first of these texts to end in it."""
    excluded = tuple(pattern_of(text, "an excluded text") for text in excludes)
    ends = tuple(pattern_of(text, "an end") for text in until)
    nothing = tuple(expression_of("") for _ in ends)
    return Grammar.of_expression(Dispatch(ends, nothing, excluded, bool(ends), once=True))


def listed(values: Any, what: str) -> list[Any]:
    """Several values as a list.  Raises GrammarError, calling them `what`, for what is one value or none."""
    if not isinstance(values, Iterable) or isinstance(values, (str, bytes, Mapping, Grammar)):
        raise GrammarError(f"{what} must be a list, not {type(values).__name__}", text=repr(values))
    return list(values)


def pattern_of(value: Any, what: str) -> Pattern:
    """A str or special tokens as a pattern that is not empty.  Raises GrammarError, calling it `what`."""
    expression = expression_of(value, what)
    pattern = symbols(expression)
    if not pattern:
        raise GrammarError(
            f"{what} must be a str, special(...) or a sequence of these, and not empty", text=repr(value)
        )
    return pattern


def content_of(value: Any, what: str) -> Expression:
    """A grammar, text or JSON Schema as an expression.  Raises GrammarError, calling it `what`."""
    return expression_of(json_schema(value) if isinstance(value, (dict, bool)) else value, what)


def shown(pattern: Pattern) -> str:
    """A pattern for messages."""
    parts = pieces(pattern)
    return " + ".join(repr(p.string) if hasattr(p, "string") else f"special({p.name!r})" for p in parts)


def _rest_of(tag: Tag, what: str) -> Expression:
    content = content_of(tag.content, f"the content of {what}")
    return sequence(content, expression_of(tag.end, f"the end of {what}"))


def _after(begin: Pattern, rest: Expression) -> Expression:
    for piece in reversed(pieces(begin)):
        rest = sequence(piece, rest)
    return rest


def _either(ways: list[Expression]) -> Expression:
    either, *others = ways
    for way in others:
        either = alternatives(either, way)
    return either
