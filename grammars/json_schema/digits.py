"""Decimal digits as grammar nodes: classes, fixed-length ranges, integers between bounds."""

from __future__ import annotations

from ..builder import BYTES, Builder
from .numbers import Number


def decimal(value: Number) -> tuple[str, str]:
    """Integer part and fraction of a non-negative decimal, without trailing zeros: 12.50 -> ("12", "5")."""
    whole, rest = divmod(value, 1)
    fraction = ""
    while rest:
        digit, rest = divmod(rest * 10, 1)
        fraction += str(digit)
    return str(whole), fraction


class Digits:
    """The pieces that numbers are written with, in one builder."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._digit = builder.chars([(48, 57)], BYTES)
        self._digits = builder.repeat(self._digit, 0, -1)
        self._some_digits = builder.repeat(self._digit, 1, -1)
        self._first = builder.chars([(49, 57)], BYTES)
        self._zeros = builder.repeat(builder.literal(b"0"), 0, -1)
        self._point = builder.literal(b".")
        self._minus = builder.literal(b"-")
        self._zero_fraction = self._optional(builder.seq([self._point, builder.repeat(builder.literal(b"0"), 1, -1)]))

    def _optional(self, node: int) -> int:
        return self._builder.alt([self._builder.empty(), node])

    def _class(self, low: int, high: int) -> int:
        """One digit from low to high."""
        return self._builder.chars([(48 + low, 48 + high)], BYTES) if low <= high else self._builder.nothing()

    def _class_of(self, characters: bytes) -> int:
        return self._builder.chars([(byte, byte) for byte in characters], BYTES)

    # Digit strings of a fixed length --------------------------------------------------------------------------------

    def _at_least(self, bound: str) -> int:
        """Digit strings as long as `bound` and not below it."""
        node = self._builder.empty()
        for place, digit in enumerate(reversed(bound)):
            above = self._builder.seq([self._class(int(digit) + 1, 9), self._builder.repeat(self._digit, place, place)])
            node = self._builder.alt([self._builder.seq([self._class(int(digit), int(digit)), node]), above])
        return node

    def _at_most(self, bound: str) -> int:
        node = self._builder.empty()
        for place, digit in enumerate(reversed(bound)):
            below = self._builder.seq([self._class(0, int(digit) - 1), self._builder.repeat(self._digit, place, place)])
            node = self._builder.alt([self._builder.seq([self._class(int(digit), int(digit)), node]), below])
        return node

    def _between(self, low: str, high: str) -> int:
        """Digit strings of the same length as `low` and `high` from the one to the other."""
        builder = self._builder
        shared = 0
        while shared < len(low) and low[shared] == high[shared]:
            shared += 1
        prefix = builder.literal(low[:shared].encode())
        if shared == len(low):
            return prefix
        first, last = int(low[shared]), int(high[shared])
        rest = len(low) - shared - 1
        parts = [
            builder.seq([self._class(first, first), self._at_least(low[shared + 1 :])]),
            builder.seq([self._class(first + 1, last - 1), builder.repeat(self._digit, rest, rest)]),
            builder.seq([self._class(last, last), self._at_most(high[shared + 1 :])]),
        ]
        return builder.seq([prefix, builder.alt(parts)])

    def _whole(self, low: str, high: str | None) -> int:
        """Integers without leading zeros from `low` to `high` (None: unbounded)."""
        builder = self._builder
        if high is None:
            longer = builder.seq([self._first, builder.repeat(self._digit, len(low), -1)])
            return builder.alt([self._between(low, "9" * len(low)), longer])
        if len(low) == len(high):
            return self._between(low, high)
        parts = [self._between(low, "9" * len(low)), self._between("1" + "0" * (len(high) - 1), high)]
        if len(high) - len(low) > 1:
            parts.append(builder.seq([self._first, builder.repeat(self._digit, len(low), len(high) - 2)]))
        return builder.alt(parts)
