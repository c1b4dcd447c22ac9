"""Grammars made of grammars by operators: sequence, alternatives, repetition, intersection, difference, complement,
recursion, special tokens, token budgets.

`expression.py` has the trees, `source.py` their JSON texts (what a grammar of this kind is known by), `lowering.py`
the way to the builder.  The operators themselves are methods of `Grammar`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final, overload

from ..builder import Builder
from ..errors import GrammarError
from ..grammar import Grammar
from .expression import (
    Complement,
    Difference,
    Expression,
    Operand,
    Repeat,
    Rule,
    Special,
    Text,
    Within,
    alternatives,
    intersection,
    sequence,
)
from .lowering import lower_expression
from .parts import checked_bounds, checked_budget, checked_name, checked_text
from .source import read, write

__all__ = ["expression_of", "lower", "lower_expression", "read", "recursive", "special", "text", "within", "write"]


def text(string: str) -> Grammar:
    """The grammar of exactly this text, which may be empty.

    Wherever a grammar is combined with others, a plain str means the same.  Raises GrammarError for anything but a str,
    and for lone surrogates.
    """
    return Grammar.of_expression(Text(checked_text(string)))


def special(name: str) -> Grammar:
    """The grammar of exactly one special token, known by its name: `special("<tool_call>")`.

    It is the token itself, never text that looks like it, and no other grammar allows it: `~g` and the free text of
    structural tags contain no special tokens.  Results show it by its name.  Binding to a vocabulary that has no such
    special token, or has it as a stop id, raises GrammarError.  On an automaton over bytes,
    `advance(state, special_bytes(name))` steps over one.
    """
    return Grammar.of_expression(Special(checked_name(name)))


def within(grammar: Grammar | str, *, tokens: int) -> Grammar:
    """The texts of a grammar, spelled with at most so many tokens.

    A token counts if at least one of its bytes belongs to the part, so one that crosses the part's border counts, too.
    Special tokens inside of it count like others. Each occurrence of the part has its own budget: in
    `within(a, tokens=3).repeat(0, 2)` there may be six tokens.

    Only automata over tokens count. Over bytes, `advance` leaves budgets out of account: there, `end_token` says that a
    token has ended. A prefix is let in as long as it has a token left, though no single one may complete it: a model
    that does not heed the budget dies there.

    Raises GrammarError for a budget below 1. `compile` refuses one inside of a complement or behind a minus sign.
    """
    return Grammar.of_expression(Within(expression_of(grammar, "what within limits"), checked_budget(tokens)))


@overload
def recursive(define: Callable[[Grammar], Grammar | str]) -> Grammar: ...
@overload
def recursive(define: Callable[..., tuple[Grammar | str, ...]]) -> tuple[Grammar, ...]: ...
def recursive(define: Callable[..., Any]) -> Grammar | tuple[Grammar, ...]:
    """The grammar that is defined in terms of itself: `recursive(lambda self: "(" + self.optional() + ")")`.

    define: gets a placeholder per parameter, to be used like any grammar, and returns a grammar for each: one, or for
    two and more a tuple, in which case the grammars come back as a tuple. It is called once, here. The names of its
    parameters name the rules.

    Left recursion is fine. A rule that begins with itself inside an intersection, a difference or a complement has no
    meaning and is refused by `compile`. Raises GrammarError where the number of grammars is not that of placeholders.
    """
    if not callable(define):
        raise GrammarError(f"recursive takes a function of placeholders, not {type(define).__name__}")
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [p for p in inspect.signature(define).parameters.values() if p.default is inspect.Parameter.empty]
    if not parameters or any(parameter.kind not in kinds for parameter in parameters):
        raise GrammarError(
            "recursive takes a function of one placeholder or more",
            hint='Write recursive(lambda self: "(" + self.optional() + ")").',
        )
    rules = [Rule(parameter.name) for parameter in parameters]
    made = define(*map(Grammar.of_expression, rules))
    bodies = made if isinstance(made, tuple) else (made,)
    if len(bodies) != len(rules):
        names = ", ".join(rule.name for rule in rules)
        raise GrammarError(f"recursive: {len(bodies)} grammars for the {len(rules)} placeholders {names}")
    named = zip(rules, bodies, strict=True)
    expressions = [expression_of(body, f"recursive: what defines {rule.name!r}") for rule, body in named]
    for rule, expression in zip(rules, expressions, strict=True):
        rule.body = expression
    grammars = tuple(map(Grammar.of_expression, rules))
    return grammars if isinstance(made, tuple) else grammars[0]


def expression_of(value: Any, what: str = "an operand") -> Expression:
    """A grammar, or a str as text, as an expression.  Raises GrammarError for anything else, calling it `what`."""
    if isinstance(value, Grammar):
        return value.expression or Operand(value)
    if isinstance(value, str):
        return Text(checked_text(value))
    raise GrammarError(f"{what} must be a Grammar or a str, not {type(value).__name__}", text=repr(value))


def combined(operator: str, left: Any, right: Any) -> Grammar:
    """What `left operator right` makes; NotImplemented for operands that are neither Grammar nor str."""
    if not all(isinstance(operand, (Grammar, str)) for operand in (left, right)):
        return NotImplemented  # type: ignore[no-any-return]
    what = f"the operand of {operator}"
    return Grammar.of_expression(_OPERATORS[operator](expression_of(left, what), expression_of(right, what)))


def complemented(grammar: Grammar) -> Grammar:
    """`~grammar`."""
    return Grammar.of_expression(Complement(expression_of(grammar)))


def repeated(grammar: Grammar, least: int, most: int | None) -> Grammar:
    """`grammar.repeat(least, most)`.  Raises GrammarError."""
    return Grammar.of_expression(Repeat(expression_of(grammar), *checked_bounds(least, most)))


_OPERATORS: Final[dict[str, Callable[[Expression, Expression], Expression]]] = {
    "+": sequence,
    "|": alternatives,
    "&": intersection,
    "-": Difference,
}


def lower(builder: Builder, source: str) -> int:
    """The node of the expression that a JSON text describes (see `source.py`).  Raises GrammarError."""
    return lower_expression(builder, read(source))
