"""Expressions as JSON texts and back: the source of a grammar made by operators.

    {"nodes": [["text", "a"], ["repeat", 0, 1, null], ...], "start": 1, "rules": [["self", 0]], "operands": [spec, ...]}

A node refers to nodes before it by their places, to rules and operands by theirs; a rule is its name and the place of
its body.  Equal parts are one node, so equal expressions have equal texts.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from ..errors import GrammarError
from ..grammar import Grammar
from .expression import (
    Alternatives,
    Complement,
    Difference,
    Dispatch,
    Expression,
    Intersection,
    Operand,
    Pattern,
    Repeat,
    Rule,
    Sequence,
    Special,
    Symbol,
    Text,
    Within,
    pieces,
    with_rules,
)
from .parts import checked_bounds, checked_budget, checked_name, checked_text

_MANY: Final[dict[str, Callable[[tuple[Expression, ...]], Expression]]] = {
    "sequence": Sequence,
    "alternatives": Alternatives,
    "intersection": Intersection,
}


def write(root: Expression) -> str:
    """The JSON text of an expression.  Raises GrammarError where a rule in it is not defined yet."""
    places: dict[int, int] = {}
    nodes: dict[str, int] = {}
    rules: dict[int, int] = {}
    operands: dict[Grammar, int] = {}
    bodies: list[tuple[str, int]] = []

    def node(part: Expression) -> list[Any]:
        below = [places[id(inner)] for inner in part.parts]
        match part:
            case Text(string):
                return ["text", string]
            case Special(name):
                return ["special", name]
            case Operand(grammar):
                return ["operand", operands.setdefault(grammar, len(operands))]
            case Rule():
                return ["rule", rules.setdefault(id(part), len(rules))]
            case Within(_, tokens):
                return ["within", *below, tokens]
            case Dispatch(patterns, _, excludes, required, once):
                rules_of = [[_pattern(p), place] for p, place in zip(patterns, below, strict=True)]
                return ["dispatch", rules_of, [_pattern(pattern) for pattern in excludes], required, once]
            case Repeat(_, least, most):
                return ["repeat", *below, least, most]
            case _:
                return [_NAMES[type(part)], *below]

    start = -1
    for rule, parts in with_rules(root):
        place = -1
        for part in parts:
            written = json.dumps(node(part), ensure_ascii=False, separators=(",", ":"))
            place = places[id(part)] = nodes.setdefault(written, len(nodes))
        if rule is None:
            start = place
        else:
            bodies.append((rule.name, place))
    fields = [f'"nodes":[{",".join(nodes)}]', f'"start":{start}']
    if bodies:
        fields.append(f'"rules":{json.dumps(bodies, ensure_ascii=False, separators=(",", ":"))}')
    if operands:
        specs = [grammar.to_spec() for grammar in operands]
        fields.append(f'"operands":{json.dumps(specs, ensure_ascii=False, sort_keys=True, separators=(",", ":"))}')
    return "{" + ",".join(fields) + "}"


_NAMES: Final[dict[type[Expression], str]] = {
    Sequence: "sequence",
    Alternatives: "alternatives",
    Intersection: "intersection",
    Difference: "difference",
    Complement: "complement",
}


def _pattern(pattern: Pattern) -> list[Any]:
    return [piece.string if isinstance(piece, Text) else [piece.name] for piece in pieces(pattern)]


def read(source: str) -> Expression:
    """The expression of a JSON text.  Raises GrammarError, with a JSON pointer, for what `write` would not write."""
    try:
        value = json.loads(source)
    except (ValueError, RecursionError) as error:
        raise GrammarError(f"algebra: not a JSON text: {error}", text=source) from None
    return _Reader(value).expression


class _Reader:
    """Checks everything: a source may come from anywhere."""

    def __init__(self, value: Any) -> None:
        if not isinstance(value, dict) or set(value) - {"nodes", "start", "rules", "operands"}:
            raise GrammarError("algebra: an object of nodes, start, rules and operands is expected", pointer="")
        rules = self._list(value.get("rules", []), "/rules")
        self.rules = [Rule(self._rule_name(rule, f"/rules/{i}")) for i, rule in enumerate(rules)]
        specs = self._list(value.get("operands", []), "/operands")
        self.operands = [self._operand(spec, f"/operands/{i}") for i, spec in enumerate(specs)]
        self.nodes: list[Expression] = []
        for i, node in enumerate(self._list(value.get("nodes"), "/nodes")):
            self.nodes.append(self._node(node, f"/nodes/{i}"))
        for i, rule in enumerate(rules):
            self.rules[i].body = self._at(self.nodes, rule[1], f"/rules/{i}/1")
        self.expression: Expression = self._at(self.nodes, value.get("start"), "/start")

    @staticmethod
    def _list(value: Any, pointer: str) -> list[Any]:
        if not isinstance(value, list):
            raise GrammarError("algebra: a list is expected", pointer=pointer, text=repr(value))
        return value

    @staticmethod
    def _at(items: list[Any], place: Any, pointer: str) -> Any:
        if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place < len(items):
            raise GrammarError(
                f"algebra: a place among the {len(items)} before is expected", pointer=pointer, text=repr(place)
            )
        return items[place]

    @staticmethod
    def _rule_name(rule: Any, pointer: str) -> str:
        if not isinstance(rule, list) or len(rule) != 2 or not isinstance(rule[0], str):
            raise GrammarError("algebra: a rule is its name and a place", pointer=pointer, text=repr(rule))
        return rule[0]

    @staticmethod
    def _operand(spec: Any, pointer: str) -> Grammar:
        if isinstance(spec, dict) and spec.get("kind") == "algebra":
            raise GrammarError("algebra: an operand of this kind is written as nodes", pointer=pointer)
        try:
            return Grammar.from_spec(spec)
        except GrammarError as error:
            raise GrammarError(f"algebra: {error.message}", pointer=pointer, text=error.text, hint=error.hint) from None

    def _dispatch(self, rules: Any, excludes: Any, required: bool, once: bool, pointer: str) -> Dispatch:
        patterns, continuations = [], []
        for i, rule in enumerate(self._list(rules, f"{pointer}/1")):
            if not isinstance(rule, list) or len(rule) != 2:
                raise GrammarError("algebra: a pattern and a place are expected", pointer=f"{pointer}/1/{i}")
            patterns.append(self._pattern(rule[0], f"{pointer}/1/{i}/0"))
            continuations.append(self._at(self.nodes, rule[1], f"{pointer}/1/{i}/1"))
        excluded = [self._pattern(p, f"{pointer}/2/{i}") for i, p in enumerate(self._list(excludes, f"{pointer}/2"))]
        return Dispatch(tuple(patterns), tuple(continuations), tuple(excluded), required, once)

    def _pattern(self, written: Any, pointer: str) -> Pattern:
        pattern: list[Symbol] = []
        for piece in self._list(written, pointer):
            pattern += (
                [(checked_name(piece[0]),)] if isinstance(piece, list) and len(piece) == 1 else checked_text(piece)
            )
        if not pattern:
            raise GrammarError("algebra: a pattern is not empty", pointer=pointer)
        return tuple(pattern)

    def _node(self, node: Any, pointer: str) -> Expression:
        name, *rest = self._list(node, pointer) or [None]
        if isinstance(name, str) and name in _MANY:
            items = tuple(self._at(self.nodes, place, f"{pointer}/{i + 1}") for i, place in enumerate(rest))
            if len(items) < 2:
                raise GrammarError(f"algebra: {name} needs two operands or more", pointer=pointer)
            return _MANY[name](items)
        try:
            match name, rest:
                case "text", [string]:
                    return Text(checked_text(string))
                case "special", [special]:
                    return Special(checked_name(special))
                case "operand", [place]:
                    return Operand(self._at(self.operands, place, f"{pointer}/1"))
                case "rule", [place]:
                    rule: Rule = self._at(self.rules, place, f"{pointer}/1")
                    return rule
                case "difference", [left, right]:
                    return Difference(*(self._at(self.nodes, place, pointer) for place in (left, right)))
                case "complement", [place]:
                    return Complement(self._at(self.nodes, place, f"{pointer}/1"))
                case "within", [place, tokens]:
                    return Within(self._at(self.nodes, place, f"{pointer}/1"), checked_budget(tokens))
                case "dispatch", [rules, excludes, bool(required), bool(once)]:
                    return self._dispatch(rules, excludes, required, once, pointer)
                case "repeat", [place, least, most]:
                    return Repeat(self._at(self.nodes, place, f"{pointer}/1"), *checked_bounds(least, most))
        except GrammarError as error:
            raise GrammarError(error.message, pointer=error.pointer or pointer, text=error.text) from None
        raise GrammarError("algebra: no such node", pointer=pointer, text=repr(node))
