"""What the rule notations (GBNF, EBNF) share: the text being read, expressions, the table of rules, and its lowering.

Rules are scannerless and byte-exact: a rule means a set of texts, sequences are concatenations, nothing is skipped in
between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from .builder import UTF8, Builder
from .errors import GrammarError
from .regex import Node as RegexNode
from .regex import lower_pattern
from .regex.charsets import EVERYTHING, Ranges, negate, normalise

HEX: Final = "0123456789abcdefABCDEF"
DIGITS: Final = "0123456789"
_HEX_ESCAPES: Final = {"x": 2, "u": 4, "U": 8}
MAX_NESTING: Final = 100
MAX_REPEAT: Final = 2**31 - 2


@dataclass(slots=True)
class Scanner:
    """A grammar text and a place in it; errors point into the text."""

    text: str
    at: int = 0

    def peek(self, count: int = 1) -> str:
        return self.text[self.at : self.at + count]

    def take(self, count: int = 1) -> str:
        taken = self.peek(count)
        self.at += len(taken)
        return taken

    def match(self, expected: str) -> bool:
        """Step over `expected` if it comes next."""
        found = self.text.startswith(expected, self.at)
        if found:
            self.at += len(expected)
        return found

    def take_while(self, members: str, limit: int | None = None) -> str:
        end = self.at
        while end < len(self.text) and self.text[end] in members and (limit is None or end - self.at < limit):
            end += 1
        return self.take(end - self.at)

    def code_point(self, length: int, start: int) -> int:
        """`length` hexadecimal digits of an escape that began at `start`."""
        digits = self.take_while(HEX, limit=length)
        if len(digits) != length:
            raise self.error(f"this escape needs {length} hexadecimal digits", start)
        return self.checked(int(digits, 16), start)

    def character(self, escapes: Mapping[str, str]) -> str:
        """One character as written in a literal or class: itself, one of `escapes`, or \\xHH, \\uHHHH, \\UHHHHHHHH."""
        start = self.at
        character = self.take()
        if character != "\\":
            return character
        letter = self.take()
        if letter in _HEX_ESCAPES:
            return chr(self.code_point(_HEX_ESCAPES[letter], start))
        if letter not in escapes:
            raise self.error(f"unknown escape \\{letter}", start, "Write a backslash as \\\\.")
        return escapes[letter]

    def checked(self, code: int, start: int) -> int:
        if code > EVERYTHING[0][1] or 0xD800 <= code <= 0xDFFF:
            raise self.error("there is no such character", start)
        return code

    def bounds(self, start: int, space: str = " \t") -> tuple[int, int]:
        """The inside of {m}, {m,} or {m,n}, after the brace at `start`."""
        self.take_while(space)
        low = self.take_while(DIGITS)
        if not low:
            raise self.error("expected a number of repetitions", start, "Write {m}, {m,} or {m,n}.")
        high = low
        self.take_while(space)
        if self.match(","):
            self.take_while(space)
            high = self.take_while(DIGITS)
            self.take_while(space)
        if not self.match("}"):
            raise self.error("expected '}' after the number of repetitions", start)
        if max(len(low), len(high)) > 10 or max(int(low), int(high or 0)) > MAX_REPEAT:
            raise self.error(f"repetitions go up to {MAX_REPEAT}", start)
        if high and int(high) < int(low):
            raise self.error("the least number of repetitions exceeds the greatest", start)
        return int(low), int(high) if high else -1

    def error(self, message: str, start: int, hint: str | None = None) -> GrammarError:
        """An error about the line from `start` on."""
        begin = self.text.rfind("\n", 0, start) + 1
        end = self.text.find("\n", start)
        line = self.text[begin : end if end >= 0 else len(self.text)]
        return GrammarError(
            message, line=self.text.count("\n", 0, start) + 1, column=start - begin + 1, text=line, hint=hint
        )


@dataclass(frozen=True, slots=True)
class Text:
    """Exactly this string."""

    text: str


@dataclass(frozen=True, slots=True)
class Characters:
    """One character out of these ranges."""

    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Pattern:
    """What a regular expression matches as a whole."""

    tree: RegexNode


@dataclass(frozen=True, slots=True)
class Reference:
    """The rule of this name; `at` is where it was written."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Alternatives:
    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    item: Expression
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Difference:
    """The texts of `left` that are not texts of `right`; `at` is where the sign was written."""

    left: Expression
    right: Expression
    at: int


Expression = Text | Characters | Pattern | Reference | Sequence | Alternatives | Repeat | Difference

ANYTHING: Final = Characters(EVERYTHING)


def sequence(items: list[Expression]) -> Expression:
    return items[0] if len(items) == 1 else Sequence(tuple(items))


def alternatives(items: list[Expression]) -> Expression:
    return items[0] if len(items) == 1 else Alternatives(tuple(items))


def repeated(item: Expression, least: int, most: int) -> Expression:
    """`item` so many times; (x*)+ and the like become one repetition, as deep as x is."""
    if (least, most) == (1, 1):
        return item
    simple = ((0, -1), (1, -1), (0, 1))
    if isinstance(item, Repeat) and (item.least, item.most) in simple and (least, most) in simple:
        return Repeat(item.item, item.least * least, -1 if -1 in (item.most, most) else 1)
    return Repeat(item, least, most)


def characters(ranges: list[tuple[int, int]], negated: bool) -> Characters:
    members = normalise(ranges)
    return Characters(negate(members) if negated else members)


@dataclass(slots=True)
class Rules:
    """The rules of a grammar text, in the order of their definitions."""

    scanner: Scanner
    bodies: dict[str, Expression] = field(default_factory=dict)

    def add(self, name: str, body: Expression, at: int) -> None:
        if name in self.bodies:
            raise self.scanner.error(f"the rule {name!r} is defined twice", at, "Join the definitions with '|'.")
        if _is_deep(body):
            raise self.scanner.error(
                f"the rule {name!r} is nested too deeply", at, "Give the inner parts rules of their own."
            )
        self.bodies[name] = body

    def lower(self, builder: Builder, start: str) -> int:
        """The node of the rule `start`. Raises GrammarError for undefined rules and for differences of recursive
        rules."""
        references = {name: _references(body) for name, body in self.bodies.items()}
        for used in references.values():
            for reference in used:
                if reference.name not in self.bodies:
                    known = ", ".join(list(self.bodies)[:20])
                    raise self.scanner.error(
                        f"the rule {reference.name!r} is not defined", reference.at, f"Defined rules: {known}"
                    )
        self._check_differences(references)
        nodes = {name: builder.rule(name) for name in self.bodies}
        for name, body in self.bodies.items():
            builder.define(nodes[name], _lower(builder, body, nodes))
        return nodes[start]

    def _check_differences(self, references: dict[str, list[Reference]]) -> None:
        for body in self.bodies.values():
            for difference in _differences(body):
                for operand in (difference.left, difference.right):
                    culprit = _recursive_rule([r.name for r in _references(operand)], references)
                    if culprit is not None:
                        raise self.scanner.error(
                            f"a difference needs operands without recursion, and the rule {culprit!r} is recursive",
                            difference.at,
                        )


def _lower(builder: Builder, expression: Expression, nodes: dict[str, int]) -> int:
    match expression:
        case Text(text):
            return builder.text(text, UTF8)
        case Characters(ranges):
            return builder.chars(ranges, UTF8) if ranges else builder.nothing()
        case Pattern(tree):
            return lower_pattern(builder, tree, UTF8)
        case Reference(name):
            return nodes[name]
        case Sequence(items):
            return builder.seq([_lower(builder, item, nodes) for item in items])
        case Alternatives(items):
            return builder.alt([_lower(builder, item, nodes) for item in items])
        case Repeat(item, least, most):
            return builder.repeat(_lower(builder, item, nodes), least, most)
        case Difference(left, right):
            return builder.intersect([_lower(builder, left, nodes), builder.complement(_lower(builder, right, nodes))])


def _is_deep(expression: Expression) -> bool:
    """Whether it is higher than the three levels that each of MAX_NESTING groups may have."""
    level = [expression]
    for _ in range(3 * MAX_NESTING + 3):
        level = [part for item in level for part in _children(item)]
        if not level:
            return False
    return True


def _children(expression: Expression) -> tuple[Expression, ...]:
    match expression:
        case Sequence(items) | Alternatives(items):
            return items
        case Repeat(item):
            return (item,)
        case Difference(left, right):
            return (left, right)
        case _:
            return ()


def _parts(expression: Expression) -> list[Expression]:
    """The expression and all its subexpressions."""
    found, index = [expression], 0
    while index < len(found):
        found.extend(_children(found[index]))
        index += 1
    return found


def _references(expression: Expression) -> list[Reference]:
    return [part for part in _parts(expression) if isinstance(part, Reference)]


def _differences(expression: Expression) -> list[Difference]:
    return [part for part in _parts(expression) if isinstance(part, Difference)]


def _recursive_rule(names: list[str], references: dict[str, list[Reference]]) -> str | None:
    """A rule within reach of `names` that reaches itself."""
    reachable = _reachable(names, references)
    return next(
        (name for name in reachable if name in _reachable([r.name for r in references[name]], references)), None
    )


def _reachable(names: list[str], references: dict[str, list[Reference]]) -> list[str]:
    found = list(dict.fromkeys(names))
    seen = set(found)
    for name in found:
        for reference in references[name]:
            if reference.name not in seen:
                seen.add(reference.name)
                found.append(reference.name)
    return found
