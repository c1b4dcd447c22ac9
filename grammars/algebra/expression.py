"""Expressions over grammars: immutable trees, whose parts may be shared and which refer to themselves through rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..grammar import Grammar


class Expression:
    """A set of texts; see the subclasses.  Equal only to itself: what is written of it decides about equality."""

    __slots__ = ()

    @property
    def parts(self) -> tuple[Expression, ...]:
        """The expressions that this one is made of; the bodies of rules are none."""
        return ()


@dataclass(frozen=True, slots=True, eq=False)
class Text(Expression):
    """Exactly this text."""

    string: str


@dataclass(frozen=True, slots=True, eq=False)
class Special(Expression):
    """Exactly the special token of this name."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Operand(Expression):
    """A grammar of any other front end."""

    grammar: Grammar


@dataclass(frozen=True, slots=True, eq=False)
class Sequence(Expression):
    """One after the other."""

    items: tuple[Expression, ...]

    @property
    def parts(self) -> tuple[Expression, ...]:
        return self.items


@dataclass(frozen=True, slots=True, eq=False)
class Alternatives(Expression):
    """Any of them."""

    items: tuple[Expression, ...]

    @property
    def parts(self) -> tuple[Expression, ...]:
        return self.items


@dataclass(frozen=True, slots=True, eq=False)
class Intersection(Expression):
    """All of them at once."""

    items: tuple[Expression, ...]

    @property
    def parts(self) -> tuple[Expression, ...]:
        return self.items


@dataclass(frozen=True, slots=True, eq=False)
class Difference(Expression):
    """The one without the other."""

    item: Expression
    without: Expression

    @property
    def parts(self) -> tuple[Expression, ...]:
        return (self.item, self.without)


@dataclass(frozen=True, slots=True, eq=False)
class Complement(Expression):
    """Every text that it is not."""

    item: Expression

    @property
    def parts(self) -> tuple[Expression, ...]:
        return (self.item,)


@dataclass(frozen=True, slots=True, eq=False)
class Repeat(Expression):
    """From `least` to `most` of them in a row; without bound where `most` is None."""

    item: Expression
    least: int
    most: int | None

    @property
    def parts(self) -> tuple[Expression, ...]:
        return (self.item,)


@dataclass(frozen=True, slots=True, eq=False)
class Within(Expression):
    """Spelled with at most so many tokens."""

    item: Expression
    tokens: int

    @property
    def parts(self) -> tuple[Expression, ...]:
        return (self.item,)


# A character, or the name of a special token as a tuple of its own.
Symbol = str | tuple[str]
Pattern = tuple[Symbol, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Dispatch(Expression):
    """Free text up to the first end of a pattern, then the continuation of this pattern, then free text again.

    Free text contains neither patterns nor `excludes`.  `required`: there is one pattern at least; `once`: the whole
    ends with the first continuation.
    """

    patterns: tuple[Pattern, ...]
    continuations: tuple[Expression, ...]
    excludes: tuple[Pattern, ...] = ()
    required: bool = False
    once: bool = False

    @property
    def parts(self) -> tuple[Expression, ...]:
        return self.continuations


class Rule(Expression):
    """What may refer to itself.  Its body is set once, by whoever makes the rule, before anybody else sees it."""

    __slots__ = ("body", "name")

    def __init__(self, name: str, body: Expression | None = None) -> None:
        self.name = name
        self.body = body


def sequence(first: Expression, second: Expression) -> Expression:
    """`first second`: a long chain becomes one sequence, texts next to each other one text."""
    items = (*first.items, second) if isinstance(first, Sequence) else (first, second)
    before, last = items[-2:]
    if isinstance(before, Text) and isinstance(last, Text):
        items = (*items[:-2], Text(before.string + last.string))
    return items[0] if len(items) == 1 else Sequence(items)


def alternatives(first: Expression, second: Expression) -> Expression:
    """`first | second`."""
    return Alternatives((*first.items, second) if isinstance(first, Alternatives) else (first, second))


def intersection(first: Expression, second: Expression) -> Expression:
    """`first & second`."""
    return Intersection((*first.items, second) if isinstance(first, Intersection) else (first, second))


def symbols(expression: Expression) -> Pattern | None:
    """What a text, a special token or a sequence of them is made of; None for anything else."""
    if isinstance(expression, Text):
        return tuple(expression.string)
    if isinstance(expression, Special):
        return ((expression.name,),)
    if isinstance(expression, Sequence):
        items = [symbols(item) for item in expression.items]
        return None if None in items else tuple(symbol for item in items for symbol in item or ())
    return None


def pieces(pattern: Pattern) -> list[Text | Special]:
    """The texts and special tokens of a pattern."""
    found: list[Text | Special] = []
    for symbol in pattern:
        if isinstance(symbol, tuple):
            found.append(Special(symbol[0]))
        elif found and isinstance(found[-1], Text):
            found[-1] = Text(found[-1].string + symbol)
        else:
            found.append(Text(symbol))
    return found


def postorder(root: Expression) -> Iterator[Expression]:
    """Everything below `root`, each once, parts before what is made of them; rules are met, not entered."""
    seen: set[int] = set()
    todo: list[tuple[Expression, bool]] = [(root, False)]
    while todo:
        here, done = todo.pop()
        if done:
            yield here
        elif id(here) not in seen:
            seen.add(id(here))
            todo.append((here, True))
            todo.extend((part, False) for part in reversed(here.parts))


def with_rules(root: Expression) -> Iterator[tuple[Rule | None, Iterator[Expression]]]:
    """(None, postorder of the root), then (rule, postorder of its body) for every rule that it leads to.

    A rule is met while the iterators are used up, so use up one before taking the next.
    """
    rules: dict[int, Rule] = {}

    def noting(expression: Expression) -> Iterator[Expression]:
        for part in postorder(expression):
            if isinstance(part, Rule):
                rules.setdefault(id(part), part)
            yield part

    yield None, noting(root)
    done = 0
    while done < len(rules):
        rule = list(rules.values())[done]
        done += 1
        yield rule, noting(defined(rule))


def defined(rule: Rule) -> Expression:
    """The body of a rule.  Raises GrammarError while there is none."""
    from ..errors import GrammarError

    if rule.body is None:
        raise GrammarError(
            f"the rule {rule.name!r} is used while it is still being defined",
            hint="Inside of recursive(...), the placeholder can be combined with others, but not compiled or compared.",
        )
    return rule.body
