"""Sets of numbers: intervals, multiples and their complements, exact in rational arithmetic."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

Number = int | Fraction

# How the text of a number may look: draft 4 tells 1 (an integer) from 1.0 (none).
ANY_SPELLING, INTEGER_SPELLING, FRACTION_SPELLING = 0, 1, 2


def exact(value: float | Decimal) -> Number:
    """The number that a JSON literal denotes: 0.1 is one tenth, not the nearest double."""
    if isinstance(value, int):
        return value
    fraction = Fraction(value if isinstance(value, Decimal) else repr(value))
    return fraction.numerator if fraction.denominator == 1 else fraction


class NumberShape(NamedTuple):
    """Numbers between two bounds (None: none), multiples of `step` (0: any number) and of none of `not_steps`."""

    low: Number | None = None
    low_open: bool = False
    high: Number | None = None
    high_open: bool = False
    step: Number = 0
    not_steps: tuple[Number, ...] = ()
    spelling: int = ANY_SPELLING

    @staticmethod
    def meet(first: NumberShape, second: NumberShape) -> NumberShape | None:
        """Numbers in both; None where that is plainly none."""
        low, low_open = first.low, first.low_open
        if second.low is not None and (low is None or (second.low, second.low_open) > (low, low_open)):
            low, low_open = second.low, second.low_open
        high, high_open = first.high, first.high_open
        if second.high is not None and (high is None or (second.high, not second.high_open) < (high, not high_open)):
            high, high_open = second.high, second.high_open
        if low is not None and high is not None and (low > high or (low == high and (low_open or high_open))):
            return None
        if first.spelling and second.spelling and first.spelling != second.spelling:
            return None
        not_steps = first.not_steps
        if second.not_steps:
            not_steps += tuple(step for step in second.not_steps if step not in not_steps)
        return NumberShape(
            low,
            low_open,
            high,
            high_open,
            _common_multiple(first.step, second.step),
            not_steps,
            first.spelling or second.spelling,
        )

    def complement(self) -> list[NumberShape]:
        """Shapes whose union is every other number."""
        outside = []
        if self.low is not None:
            outside.append(NumberShape(high=self.low, high_open=not self.low_open))
        if self.high is not None:
            outside.append(NumberShape(low=self.high, low_open=not self.high_open))
        if self.step:
            outside.append(NumberShape(not_steps=(self.step,)))
        outside.extend(NumberShape(step=step) for step in self.not_steps)
        if self.spelling:
            outside.append(NumberShape(spelling=ANY_SPELLING + 3 - self.spelling))
        return outside

    def is_empty(self) -> bool:
        """Whether no number is in it, as far as that can be shown."""
        low, high, step = self.low, self.high, self.step
        if any(step % excluded == 0 for excluded in self.not_steps if step):
            return True
        if low is None or high is None:
            return False
        if low > high or (low == high and (self.low_open or self.high_open)):
            return True
        if low == high and any(low % excluded == 0 for excluded in self.not_steps):
            return True
        if low == high and self.spelling == INTEGER_SPELLING and low != math.floor(low):
            return True
        return bool(step) and self.multiples() == (0, 0)

    def multiples(self) -> tuple[int, int]:
        """The range (first, past the last) of the k with k * step between two finite bounds."""
        assert self.low is not None
        assert self.high is not None
        first = math.ceil(Fraction(self.low) / self.step)
        if self.low_open and first * self.step == self.low:
            first += 1
        last = math.floor(Fraction(self.high) / self.step)
        if self.high_open and last * self.step == self.high:
            last -= 1
        return (first, last + 1) if first <= last else (0, 0)


def _common_multiple(first: Number, second: Number) -> Number:
    if not first or not second or first == second:
        return first or second
    one, other = Fraction(first), Fraction(second)
    common = Fraction(math.lcm(one.numerator, other.numerator), math.gcd(one.denominator, other.denominator))
    return common.numerator if common.denominator == 1 else common
