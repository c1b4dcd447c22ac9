"""Sets of arrays: goals by position, lengths, `contains` counts and uniqueness."""

from __future__ import annotations

from typing import NamedTuple

from .document import ANYTHING, NOTHING, Goal, conjunction, negations
from .shapes import NotExpressible, Oracle


class ArrayShape(NamedTuple):
    """Arrays of `least` to `most` items, the first ones as `prefix` says, the others as `rest`.

    Each of `contains` is (goal, fewest, most): how many items satisfy the goal. `evaluated` counts the leading items
    that some keyword has looked at (-1: all), for unevaluatedItems; so have those that satisfy one of the goals
    `matched`.
    """

    prefix: tuple[Goal, ...] = ()
    rest: Goal = ANYTHING
    least: int = 0
    most: int | None = None
    contains: tuple[tuple[Goal, int, int | None], ...] = ()
    unique: bool = False
    evaluated: int = 0
    matched: tuple[Goal, ...] = ()

    def item(self, place: int) -> Goal:
        """What the item at `place` must satisfy."""
        return self.prefix[place] if place < len(self.prefix) else self.rest

    @staticmethod
    def meet(first: ArrayShape, second: ArrayShape) -> ArrayShape | None:
        """Arrays in both; None where that is plainly none."""
        least = max(first.least, second.least)
        most = first.most
        if second.most is not None and (most is None or second.most < most):
            most = second.most
        length = max(len(first.prefix), len(second.prefix))
        prefix = tuple(conjunction(first.item(i), second.item(i)) for i in range(length))
        rest = conjunction(first.rest, second.rest)
        if rest == NOTHING and (most is None or most > length):
            most = length
        if NOTHING in prefix:
            place = prefix.index(NOTHING)
            most = place if most is None else min(most, place)
        if most is not None and least > most:
            return None
        contains = first.contains + tuple(item for item in second.contains if item not in first.contains)
        evaluated = -1 if -1 in (first.evaluated, second.evaluated) else max(first.evaluated, second.evaluated)
        matched = tuple(dict.fromkeys(first.matched + second.matched))
        return ArrayShape(prefix, rest, least, most, contains, first.unique or second.unique, evaluated, matched)

    def complement(self) -> list[ArrayShape]:
        """Shapes whose union is every other array. Raises NotExpressible where there are none."""
        outside = []
        if self.least:
            outside.append(ArrayShape(most=self.least - 1))
        if self.most is not None:
            outside.append(ArrayShape(least=self.most + 1))
        for place, goal in enumerate(self.prefix):
            before = (ANYTHING,) * place
            outside.extend(ArrayShape((*before, other), least=place + 1) for other in negations(goal))
        for other in negations(self.rest):
            if self.prefix:
                raise NotExpressible("the opposite of items behind prefixItems")
            outside.append(ArrayShape(contains=((other, 1, None),)))
        for goal, fewest, most in self.contains:
            if fewest:
                outside.append(ArrayShape(contains=((goal, 0, fewest - 1),)))
            if most is not None:
                outside.append(ArrayShape(contains=((goal, most + 1, None),)))
        if self.unique:
            raise NotExpressible("the opposite of uniqueItems")
        return outside

    def is_empty(self, oracle: Oracle) -> bool:
        """Whether no array is in it, as far as that can be shown."""
        if self.most is not None and self.least > self.most:
            return True
        if any(oracle.is_empty(self.item(i)) for i in range(min(self.least, len(self.prefix) + 1))):
            return True
        if any(most is not None and fewest > most for _, fewest, most in self.contains):
            return True
        if self.most is not None and any(fewest > self.most for _, fewest, _ in self.contains):
            return True
        goals = {*self.prefix, self.rest}
        return any(
            fewest > 0 and all(oracle.is_empty(conjunction(goal, item)) for item in goals)
            for goal, fewest, _ in self.contains
        )
