"""Expressions to nodes of the builder."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from .._core import token_budget
from ..builder import UTF8, Builder
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
    with_rules,
)
from .limits import Limits

_ANY: Final = [(0, 0x10FFFF)]


def lower_expression(builder: Builder, root: Expression) -> int:
    """The node of an expression.  Raises GrammarError."""
    return _Lowering(builder).lower(root)


class _Lowering:
    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.nodes: dict[int, int] = {}
        self.operands: dict[Grammar, int] = {}
        self.limits = Limits()

    def lower(self, root: Expression) -> int:
        for rule, parts in with_rules(root):
            for part in parts:
                if id(part) not in self.nodes:
                    self.limits.part(part)
                    self.nodes[id(part)] = self._node(part)
            if rule is not None and rule.body is not None:
                self.builder.define(self.nodes[id(rule)], self.nodes[id(rule.body)])
        self.limits.whole()
        return self.nodes[id(root)]

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
