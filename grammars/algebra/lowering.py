"""Expressions to nodes of the builder."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from .._core import token_budget
from ..builder import UTF8, Builder
from ..errors import GrammarError
from ..grammar import FRONT_ENDS, Grammar
from .dispatch import lower_dispatch
from .expression import (
    Alternatives,
    Complement,
    Difference,
    Dispatch,
    Expression,
    Intersection,
    Operand,
    Repeat,
    Rule,
    Sequence,
    Special,
    Text,
    Within,
    defined,
    with_rules,
)

_ANY: Final = [(0, 0x10FFFF)]
_LARGEST: Final = 5_000_000  # items, where everything that is shared is written out


def lower_expression(builder: Builder, root: Expression) -> int:
    """The node of an expression.  Raises GrammarError."""
    return _Lowering(builder).lower(root)


class _Lowering:
    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.nodes: dict[int, int] = {}
        self.operands: dict[Grammar, int] = {}
        self.sizes: dict[int, int] = {}
        self.total = 0
        self.negated: list[Expression] = []

    def lower(self, root: Expression) -> int:
        for rule, parts in with_rules(root):
            for part in parts:
                if id(part) not in self.nodes:
                    self._note_negated(part)
                    self._refuse_huge(part)
                    self.nodes[id(part)] = self._node(part)
            if rule is not None and rule.body is not None:
                self.builder.define(self.nodes[id(rule)], self.nodes[id(rule.body)])
        self._refuse_negated_budgets()
        return self.nodes[id(root)]

    def _note_negated(self, part: Expression) -> None:
        if isinstance(part, Complement):
            self.negated.append(part.item)
        elif isinstance(part, Difference):
            self.negated.append(part.without)

    def _refuse_negated_budgets(self) -> None:
        """What is spelled with more tokens than a budget allows is no set of texts."""
        seen: set[int] = set()
        while self.negated:
            part = self.negated.pop()
            if id(part) in seen:
                continue
            seen.add(id(part))
            if isinstance(part, Within):
                raise GrammarError(
                    f"within(..., tokens={part.tokens}) stands inside of a complement or behind a minus sign",
                    hint="Put the budget around it: within(a - b, tokens=...).",
                )
            self.negated.extend((defined(part),) if isinstance(part, Rule) else part.parts)

    def _refuse_huge(self, part: Expression) -> None:
        """Sequences and alternatives inside of each other become one, so what is shared is written out."""
        if isinstance(part, Text):
            size = len(part.string)
        elif isinstance(part, (Sequence, Alternatives)):
            size = sum(self.sizes[id(item)] for item in part.items)
        elif isinstance(part, Dispatch):
            size = sum(map(len, (*part.patterns, *part.excludes)))
        else:
            size = 1
        self.sizes[id(part)] = size
        self.total += size
        if self.total > _LARGEST:
            raise GrammarError(
                f"an expression of more than {_LARGEST} parts, with what is shared written out, is too large",
                hint="Write repetitions with repeat(...), which counts.",
            )

    def _node(self, part: Expression) -> int:
        builder = self.builder
        below = [self.nodes[id(inner)] for inner in part.parts]
        match part:
            case Text(string):
                return builder.text(string, UTF8)
            case Special(name):
                return builder.special(name)
            case Operand(grammar):
                if grammar not in self.operands:
                    self.operands[grammar] = _lower_operand(builder, grammar)
                return self.operands[grammar]
            case Rule():
                return builder.rule(part.name)
            case Sequence():
                return builder.seq(below)
            case Alternatives():
                return builder.alt(below)
            case Intersection():
                return builder.intersect(below)
            case Difference():
                return builder.intersect([below[0], builder.complement(below[1])])
            case Complement():
                return builder.intersect([self._any_text(), builder.complement(below[0])])
            case Within(_, tokens):
                return builder.intersect([below[0], builder.machine(token_budget(tokens))])
            case Dispatch():
                return lower_dispatch(builder, part, below)
            case Repeat(_, least, most):
                return builder.repeat(below[0], least, -1 if most is None else most)
        raise TypeError(f"no expression: {part!r}")

    def _any_text(self) -> int:
        return self.builder.repeat(self.builder.chars(_ANY, UTF8), 0, -1)


def _lower_operand(builder: Builder, grammar: Grammar) -> int:
    module = import_module(FRONT_ENDS[grammar.kind], "tamis.grammars")
    node: int = module.lower(builder, grammar.source, **grammar.options)
    return node
