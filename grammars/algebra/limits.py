"""What an expression must not be: too large, too deep, or with a token budget where it means nothing."""

from __future__ import annotations

from typing import Final

from ..errors import GrammarError
from .expression import (
    Alternatives,
    Complement,
    Difference,
    Dispatch,
    Expression,
    Intersection,
    Rule,
    Sequence,
    Text,
    Within,
    defined,
)

_LARGEST: Final = 5_000_000  # items, with what is shared between sequences, or alternatives, written out
_DEEPEST: Final = 10_000
_DEEPEST_COMBINATIONS: Final = 500  # intersections, differences, complements and budgets inside of each other


class Limits:
    """Looks at the parts of an expression in their order, then at the whole."""

    def __init__(self) -> None:
        self._sizes: dict[int, int] = {}
        self._depths: dict[int, tuple[int, int]] = {}
        self._total = 0
        self._negated: list[Expression] = []

    def part(self, part: Expression) -> None:
        """Raises GrammarError where the expression has become too large or too deep with this part."""
        self._total += self._size(part)
        if self._total > _LARGEST:
            raise GrammarError(
                f"an expression of more than {_LARGEST} parts, with what is shared written out, is too large",
                hint="Write repetitions with repeat(...), which counts.",
            )
        combines = isinstance(part, (Intersection, Difference, Complement, Within))
        below = [self._depths[id(inner)] for inner in part.parts]
        depth = 1 + max((all_of for all_of, _ in below), default=0)
        combinations = int(combines) + max((of_them for _, of_them in below), default=0)
        if depth > _DEEPEST or combinations > _DEEPEST_COMBINATIONS:
            what = f"{_DEEPEST} parts" if depth > _DEEPEST else f"{_DEEPEST_COMBINATIONS} of & - ~ and within"
            raise GrammarError(f"the expression is nested too deeply: more than {what} inside of each other")
        self._depths[id(part)] = depth, combinations
        if isinstance(part, Complement):
            self._negated.append(part.item)
        elif isinstance(part, Difference):
            self._negated.append(part.without)

    def _size(self, part: Expression) -> int:
        """Sequences right inside of sequences become one, as do alternatives, so what is shared is written out."""
        size = 1
        if isinstance(part, Text):
            size = len(part.string)
        elif isinstance(part, (Sequence, Alternatives)):
            own = (type(part), Text) if isinstance(part, Sequence) else type(part)
            size = sum(self._sizes[id(item)] if isinstance(item, own) else 1 for item in part.items)
        elif isinstance(part, Dispatch):
            size = sum(map(len, (*part.patterns, *part.excludes)))
        self._sizes[id(part)] = size
        return size

    def whole(self) -> None:
        """Raises GrammarError for a budget below a complement: more tokens than it allows make no set of texts."""
        seen: set[int] = set()
        while self._negated:
            part = self._negated.pop()
            if id(part) in seen:
                continue
            seen.add(id(part))
            if isinstance(part, Within):
                raise GrammarError(
                    f"within(..., tokens={part.tokens}) stands inside of a complement or behind a minus sign",
                    hint="Put the budget around it: within(a - b, tokens=...).",
                )
            self._negated.extend((defined(part),) if isinstance(part, Rule) else part.parts)
