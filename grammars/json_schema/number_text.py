"""The texts of number sets: decimal spellings, digit by digit.

Plain decimals ("12", "12.50") are covered exactly. A number without bounds may also be written with any exponent; one
with bounds with a normalised one (one digit other than 0 before the point, as every JSON writer does) of at most 300
either way, and so may a constant below 1e-4 or from 1e16; integers without a bound on either side so too, where the
exponent covers the fraction; other multiples with none.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from .digits import Digits, decimal
from .numbers import FRACTION_SPELLING, INTEGER_SPELLING, Number, NumberShape
from .shapes import NotExpressible

# Up to so many multiples within bounds are listed one by one.
_MAX_LISTED = 400
# The largest modulus for which multiples are recognised digit by digit.
_MAX_MODULUS = 2000
_MAX_EXPONENT = 300

# (low, low_open, high, high_open) of an interval from 0 upwards -> its texts without sign.
Magnitude = Callable[[Number, bool, Number | None, bool], int]


class NumberText(Digits):
    """Lowers number shapes into one builder."""

    def lower(self, shape: NumberShape) -> int:
        """The texts of the numbers in `shape`. Raises NotExpressible for bounds on multiples of numbers such as 7."""
        builder = self._builder
        if shape.is_empty():
            return builder.nothing()
        if shape.low is not None and shape.low == shape.high:
            if shape.step and shape.low % shape.step:
                return builder.nothing()
            node = self._signed(shape, self._magnitude)
            if not 10**-4 <= max(shape.low, -shape.low) < 10**16:  # JSON writers turn to exponents
                node = builder.alt([node, self._signed(shape, self._scientific)])
        elif shape.step == 1:
            node = self._signed(shape, self._integers)
            if (shape.low is None or shape.high is None) and not shape.not_steps:
                large = self._signed(shape, self._scientific)
                node = builder.alt([node, builder.intersect([large, self._large_integers()])])
        elif shape.step:
            node = self._multiples(shape)
        else:
            node = self._reals(shape)
        if shape.low is None or shape.low != shape.high:
            for step in shape.not_steps:
                excluded = self._optional(self._minus), self._steps(step)
                node = builder.intersect([node, builder.complement(builder.seq(list(excluded)))])
        if shape.spelling:
            whole = builder.seq([self._optional(self._minus), self._some_digits])
            wanted = {INTEGER_SPELLING: whole, FRACTION_SPELLING: builder.complement(whole)}[shape.spelling]
            node = builder.intersect([node, wanted])
        return node

    def _signed(self, shape: NumberShape, magnitude: Magnitude) -> int:
        """Both signs of an interval, each by `magnitude`."""
        builder = self._builder
        parts = []
        if shape.high is None or shape.high > 0 or (shape.high == 0 and not shape.high_open):
            bounds = (0, False) if shape.low is None or shape.low < 0 else (shape.low, shape.low_open)
            parts.append(magnitude(*bounds, shape.high, shape.high_open))
        if shape.low is None or shape.low < 0 or (shape.low == 0 and not shape.low_open):
            bounds = (0, False) if shape.high is None or shape.high > 0 else (-shape.high, shape.high_open)
            low = None if shape.low is None else -shape.low
            parts.append(builder.seq([self._minus, magnitude(*bounds, low, shape.low_open)]))
        return builder.alt(parts)

    def _reals(self, shape: NumberShape) -> int:
        builder = self._builder
        if shape.low is None and shape.high is None and not shape.not_steps:
            exponent = builder.seq([self._class_of(b"eE"), self._optional(self._class_of(b"+-")), self._some_digits])
            fraction = builder.seq([self._point, self._some_digits])
            whole = self._whole("0", None)
            return builder.seq([self._optional(self._minus), whole, self._optional(fraction), self._optional(exponent)])
        plain = self._signed(shape, self._magnitude)
        return plain if shape.not_steps else builder.alt([plain, self._signed(shape, self._scientific)])

    def _integers(self, low: Number, low_open: bool, high: Number | None, high_open: bool) -> int:
        first = -(-low // 1)
        if low_open and first == low:
            first += 1
        last = None
        if high is not None:
            last = high // 1
            if high_open and last == high:
                last -= 1
            if last < first:
                return self._builder.nothing()
        whole = self._whole(str(first), None if last is None else str(last))
        return self._builder.seq([whole, self._zero_fraction])

    # Fractions ------------------------------------------------------------------------------------------------------
    # The digits of a fraction as a language that a trailing zero never leaves or enters. `_tail_*` are what may
    # follow the digits read so
    # far, the empty tail standing for zeros; with `some`, the empty tail is left out.

    def _tail_from(self, bound: str, strict: bool, some: bool = False) -> int:
        """Tails of value at least (strict: above) that of the digits `bound`, which do not end in 0."""
        builder = self._builder
        if strict:
            node = builder.seq([self._zeros, self._first, self._digits])
        else:
            node = self._some_digits if some and not bound else self._digits
        for digit in reversed(bound):
            above = builder.seq([self._class(int(digit) + 1, 9), self._digits])
            node = builder.alt([builder.seq([self._class(int(digit), int(digit)), node]), above])
        return node

    def _tail_to(self, bound: str, strict: bool, some: bool = False) -> int:
        """Tails of value at most (strict: below) that of `bound`."""
        builder = self._builder
        zeros = builder.repeat(builder.literal(b"0"), 1, -1) if some and not bound else self._zeros
        node = builder.nothing() if strict else zeros
        for place in range(len(bound) - 1, -1, -1):
            digit = int(bound[place])
            parts = [
                builder.seq([self._class(digit, digit), node]),
                builder.seq([self._class(0, digit - 1), self._digits]),
            ]
            node = builder.alt(parts if some and place == 0 else [builder.empty(), *parts])
        return node

    def _tail_between(self, low: str, low_strict: bool, high: str, high_strict: bool) -> int:
        """Tails, not empty, of value from `low` to `high`, which differ."""
        builder = self._builder
        length = max(len(low), len(high))
        low, high = low.ljust(length, "0"), high.ljust(length, "0")
        shared = 0
        while low[shared] == high[shared]:
            shared += 1
        first, last = int(low[shared]), int(high[shared])
        after_low, after_high = low[shared + 1 :].rstrip("0"), high[shared + 1 :].rstrip("0")
        node = builder.alt(
            [
                builder.seq([self._class(first, first), self._tail_from(after_low, low_strict)]),
                builder.seq([self._class(first + 1, last - 1), self._digits]),
                builder.seq([self._class(last, last), self._tail_to(after_high, high_strict)]),
            ]
        )
        for i in range(shared - 1, -1, -1):
            if not low_strict and not low[i + 1 :].strip("0"):
                node = builder.alt([builder.empty(), node])
            node = builder.seq([self._class(int(low[i]), int(low[i])), node])
        return node

    def _fraction(self, tail: int, with_empty: bool) -> int:
        """A fraction with the digits of a tail that is not empty; `with_empty`: or none."""
        node = self._builder.seq([self._point, tail])
        return self._optional(node) if with_empty else node

    def _magnitude(self, low: Number, low_open: bool, high: Number | None, high_open: bool) -> int:
        """Plain decimals from low >= 0 to high (None: unbounded), any number of trailing zeros."""
        builder = self._builder
        low_whole, low_fraction = decimal(low)
        from_low = self._fraction(self._tail_from(low_fraction, low_open, some=True), not low_fraction and not low_open)
        any_fraction = self._fraction(self._some_digits, True)
        if high is None:
            return builder.alt(
                [
                    builder.seq([builder.literal(low_whole.encode()), from_low]),
                    builder.seq([self._whole(str(int(low_whole) + 1), None), any_fraction]),
                ]
            )
        high_whole, high_fraction = decimal(high)
        if low_whole == high_whole:
            if low_fraction == high_fraction:
                if low_open or high_open:
                    return builder.nothing()
                if low_fraction:
                    tail = builder.seq([builder.literal(low_fraction.encode()), self._zeros])
                    fraction = self._fraction(tail, False)
                else:
                    fraction = self._zero_fraction
            else:
                tail = self._tail_between(low_fraction, low_open, high_fraction, high_open)
                fraction = self._fraction(tail, not low_fraction and not low_open)
            return builder.seq([builder.literal(low_whole.encode()), fraction])
        to_high = self._fraction(
            self._tail_to(high_fraction, high_open, some=True), bool(high_fraction) or not high_open
        )
        parts = [
            builder.seq([builder.literal(low_whole.encode()), from_low]),
            builder.seq([builder.literal(high_whole.encode()), to_high]),
        ]
        first, last = int(low_whole) + 1, int(high_whole) - 1
        if first <= last:
            parts.append(builder.seq([self._whole(str(first), str(last)), any_fraction]))
        return builder.alt(parts)

    def _scientific(self, low: Number, low_open: bool, high: Number | None, high_open: bool) -> int:
        """Normalised scientific notation ("1.5e-07") of numbers from low >= 0 to high, without zero."""
        builder = self._builder
        least, greatest = -_MAX_EXPONENT, _MAX_EXPONENT
        low_exponent = high_exponent = None
        if low:
            low_exponent = _exponent(low)
            least = max(least, low_exponent + 1)
        if high is not None:
            if not high:
                return builder.nothing()
            high_exponent = _exponent(high)
            greatest = min(greatest, high_exponent - 1)
        parts = []
        if least <= greatest:
            parts.append(builder.seq([self._magnitude(1, False, 10, True), self._exponents(least, greatest)]))
        for exponent in {low_exponent, high_exponent} - {None}:
            assert exponent is not None
            if abs(exponent) > _MAX_EXPONENT:
                continue
            scale = Fraction(10) ** exponent
            bounds: list[tuple[Number, bool]] = [(1, False), (10, True)]
            if exponent == low_exponent:
                bounds[0] = (low / scale, low_open)
            if exponent == high_exponent:
                assert high is not None
                bounds[1] = (high / scale, high_open)
            parts.append(builder.seq([self._magnitude(*bounds[0], *bounds[1]), self._exponents(exponent, exponent)]))
        return builder.alt(parts)

    def _exponents(self, least: int, greatest: int) -> int:
        builder = self._builder
        zeros = builder.repeat(builder.literal(b"0"), 0, 2)
        parts = []
        if greatest >= 0:
            whole = self._whole(str(max(least, 0)), str(greatest))
            parts.append(builder.seq([self._optional(builder.literal(b"+")), zeros, whole]))
        if least <= 0:
            whole = self._whole(str(max(-greatest, 0)), str(-least))
            parts.append(builder.seq([self._minus, zeros, whole]))
        return builder.seq([self._class_of(b"eE"), builder.alt(parts)])

    def _large_integers(self) -> int:
        """Scientific notation of integers: no fraction, or one that the exponent covers, as in doubles from 1e16."""
        builder = self._builder
        fraction = builder.seq([self._point, builder.repeat(self._digit, 1, 16)])
        parts = [
            builder.seq([self._first, self._exponents(0, _MAX_EXPONENT)]),
            builder.seq([self._first, fraction, self._exponents(16, _MAX_EXPONENT)]),
        ]
        return builder.seq([self._optional(self._minus), builder.alt(parts)])

    # Multiples ------------------------------------------------------------------------------------------------------

    def _multiples(self, shape: NumberShape) -> int:
        builder = self._builder
        if shape.low is not None and shape.high is not None:
            first, end = shape.multiples()
            if end - first <= _MAX_LISTED:
                values = [k * shape.step for k in range(first, end)]
                return builder.alt(
                    [self._signed(NumberShape(low=value, high=value), self._magnitude) for value in values]
                )
        from_zero = shape.low == 0 and not shape.low_open
        if shape.high is None and (shape.low is None or from_zero) and not (shape.not_steps or shape.spelling):
            steps = self._steps(shape.step, recursive=True)
            return steps if from_zero else builder.seq([self._optional(self._minus), steps])
        steps = builder.seq([self._optional(self._minus), self._steps(shape.step)])
        return builder.intersect([self._signed(shape, self._magnitude), steps])

    def _steps(self, step: Number, recursive: bool = False) -> int:
        """Unsigned plain decimals that are multiples of `step`; `recursive`: rules may be used (no intersections)."""
        builder = self._builder
        places = len(decimal(step)[1])
        modulus = int(step * 10**places)
        power = 10**places
        if modulus == 1:
            fraction = builder.seq([self._point, builder.repeat(self._digit, 1, max(places, 1)), self._zeros])
            return builder.seq([self._whole("0", None), self._optional(fraction) if places else self._zero_fraction])
        if power % modulus == 0 and power // modulus <= 1000:
            # Any integer part; the fraction is one of finitely many.
            tails = [decimal(Fraction(k * modulus, power))[1] for k in range(power // modulus)]
            fractions = [builder.seq([builder.literal(b"." + tail.encode()), self._zeros]) for tail in tails if tail]
            return builder.seq([self._whole("0", None), builder.alt([self._zero_fraction, *fractions])])
        if places == 0:
            for length in range(1, 5):
                if 10**length % modulus == 0 and 10**length // modulus <= 1000:
                    endings = range(0, 10**length, modulus)
                    long = [builder.literal(str(k).zfill(length).encode()) for k in endings]
                    short = [builder.literal(str(k).encode()) for k in endings]
                    whole = builder.alt([*short, builder.seq([self._first, self._digits, builder.alt(long)])])
                    return builder.seq([whole, self._zero_fraction])
        if not recursive or modulus > _MAX_MODULUS:
            raise NotExpressible(f"bounds together with multiples of {step if places == 0 else float(step)}")
        return self._remainders(modulus, places)

    def _remainders(self, modulus: int, places: int) -> int:
        """Plain decimals d with d * 10**places a multiple of modulus: one rule per remainder, read from the left."""
        builder = self._builder
        rules = [builder.rule(f"remainder {r} of {modulus}") for r in range(modulus)]

        def digits(remainder: int, first: int, following: list[int]) -> list[int]:
            return [
                builder.seq([self._class(d, d), following[(remainder * 10 + d) % modulus]]) for d in range(first, 10)
            ]

        # fraction[r]: what may follow the point and some digits of the fraction, with remainder r so far.
        ends = [self._zeros if r == 0 else builder.nothing() for r in range(modulus)]
        fraction = ends
        for place in range(1, places):
            scale = 10**place
            fraction = [
                builder.alt([*digits(r, 0, fraction), *([builder.empty()] if r * scale % modulus == 0 else [])])
                for r in range(modulus)
            ]
        for r, rule in enumerate(rules):
            parts = []
            if places:
                parts.append(builder.seq([self._point, builder.alt(digits(r, 0, fraction))]))
            if r * 10**places % modulus == 0:
                parts.append(builder.empty() if places else self._zero_fraction)
            builder.define(rule, builder.alt([*digits(r, 0, rules), *parts]))
        after_zero = [self._zero_fraction]
        if places:
            after_zero.append(builder.seq([self._point, builder.alt(digits(0, 0, fraction))]))
        zero = builder.seq([builder.literal(b"0"), builder.alt(after_zero)])
        return builder.alt([zero, *digits(0, 1, rules)])


def _exponent(value: Number) -> int:
    """The e with 10**e <= value < 10**(e + 1), for value > 0."""
    whole, fraction = decimal(value)
    if whole != "0":
        return len(whole) - 1
    return -(len(fraction) - len(fraction.lstrip("0")) + 1)
