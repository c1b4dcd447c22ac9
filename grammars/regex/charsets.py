"""Sets of characters as sorted ranges of code points: set algebra, the classes of `re` and ECMA-262, and case folding.

The classes of Python's `re` (Unicode \\d, \\w, \\s and what IGNORECASE matches) are read off `re` itself, so they
agree with it by construction, whatever the version of Python.
"""

from __future__ import annotations

import functools
import re
import sys
import warnings
from collections.abc import Iterable

import numpy as np

Ranges = tuple[tuple[int, int], ...]

MAX_CODE = sys.maxunicode
EVERYTHING: Ranges = ((0, MAX_CODE),)


def normalise(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Sorted, disjoint, maximal ranges with the same members."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def negate(ranges: Ranges) -> Ranges:
    """Every code point outside of the (normalised) `ranges`."""
    gaps, following = [], 0
    for low, high in ranges:
        if following < low:
            gaps.append((following, low - 1))
        following = high + 1
    if following <= MAX_CODE:
        gaps.append((following, MAX_CODE))
    return tuple(gaps)


def intersection(left: Ranges, right: Ranges) -> Ranges:
    """Members of both normalised range lists."""
    common, i, j = [], 0, 0
    while i < len(left) and j < len(right):
        low, high = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if low <= high:
            common.append((low, high))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return tuple(common)


def partition(alphabet: Ranges, sets: Iterable[Ranges]) -> list[Ranges]:
    """The coarsest cells of `alphabet` such that each of `sets` is a union of cells (as far as it lies in the
    alphabet)."""
    cells = [alphabet]
    for members in sorted(set(sets)):
        outside = negate(members)
        cells = [part for cell in cells for part in (intersection(cell, members), intersection(cell, outside)) if part]
    return cells


def single(code: int) -> Ranges:
    return ((code, code),)


NEWLINE: Ranges = single(10)
ASCII_DIGITS: Ranges = ((0x30, 0x39),)
ASCII_WORD: Ranges = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
ASCII_SPACE: Ranges = ((0x09, 0x0D), (0x20, 0x20))
# ECMA-262: WhiteSpace and LineTerminator.
ECMA_SPACE: Ranges = normalise(
    [(code, code) for code in (0x20, 0xA0, 0x1680, 0x202F, 0x205F, 0x3000, 0xFEFF)]
    + [(0x09, 0x0D), (0x2000, 0x200A), (0x2028, 0x2029)]
)
ECMA_NEWLINES: Ranges = ((10, 10), (13, 13), (0x2028, 0x2029))


@functools.cache
def every_character() -> str:
    """All code points in order."""
    return np.arange(MAX_CODE + 1, dtype="<u4").tobytes().decode("utf-32-le", "surrogatepass")


@functools.cache
def _unicode_class(letter: str) -> Ranges:
    return tuple((match.start(), match.end() - 1) for match in re.finditer(rf"\{letter}+", every_character()))


def category(letter: str, ascii_only: bool, ecma: bool) -> Ranges:
    """The members of `\\d`, `\\w`, `\\s` or a capital of those, under the dialect and its ASCII flag."""
    lower = letter.lower()
    if ecma:
        members = {"d": ASCII_DIGITS, "w": ASCII_WORD, "s": ECMA_SPACE}[lower]
    elif ascii_only:
        members = {"d": ASCII_DIGITS, "w": ASCII_WORD, "s": ASCII_SPACE}[lower]
    else:
        members = _unicode_class(lower)
    return members if letter == lower else negate(members)


@functools.cache
def cased() -> str:
    """Every character with another case: outside of these IGNORECASE changes nothing."""
    found = []
    for start in range(0, MAX_CODE + 1, 256):
        block = "".join(map(chr, range(start, start + 256)))
        # Most blocks have no case at all; full case mappings change whatever the simple ones that `re` uses change.
        if block.lower() != block or block.upper() != block:
            found += [c for c in block if c.lower() != c or c.upper() != c]
    return "".join(found)


@functools.cache
def _cased_ranges() -> Ranges:
    return normalise((ord(c), ord(c)) for c in cased())


@functools.lru_cache(maxsize=4096)
def _matching_cased(source: str, flags: int) -> tuple[tuple[int, int], ...]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pattern = re.compile(source, flags | re.IGNORECASE)
    return tuple((ord(c), ord(c)) for c in pattern.findall(cased()))


def ignore_case(plain: Ranges, source: str, ascii_only: bool) -> Ranges:
    """What the one-character expression `source` matches under IGNORECASE, given what it matches without: `plain`."""
    folded = _matching_cased(source, re.ASCII if ascii_only else 0)
    return normalise(intersection(plain, negate(_cased_ranges())) + folded)
