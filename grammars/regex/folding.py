"""Which characters count as the same when case is ignored: for each fold, what a character becomes."""

from __future__ import annotations

import functools
from collections import defaultdict

from .charsets import Ranges, cased, intersection, normalise
from .nodes import Fold

Foldings = list[tuple[int, list[int]]]


@functools.cache
def foldings(fold: Fold) -> Foldings:
    """The characters that `fold` changes, and what they become; equal ones count as the same."""
    characters = [c for c in cased() if fold != "ascii" or c.isascii()]
    return [(ord(c), folded) for c in characters if (folded := _folded(c, fold)) != [ord(c)]]


def _folded(character: str, fold: Fold) -> list[int]:
    if fold in ("python", "ascii"):
        # `re` compares references by simple lower case.
        return [ord(character.lower()[0])]
    full = character.casefold()
    if fold == "full" or len(full) == 1:
        return [ord(c) for c in full]
    lower = character.lower()
    return [ord(lower if len(lower) == 1 else character)]


@functools.cache
def _classes(fold: Fold) -> list[tuple[int, ...]]:
    """The sets of characters that count as the same, but for those of one member."""
    classes: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for code, folded in foldings(fold):
        classes[tuple(folded)].append(code)
    return [(*folded, *codes) if len(folded) == 1 else tuple(codes) for folded, codes in classes.items()]


def closure(ranges: Ranges, fold: Fold) -> Ranges:
    """The characters that count as the same as one in `ranges`."""
    more = [
        (code, code)
        for members in _classes(fold)
        if any(intersection(ranges, ((code, code),)) for code in members)
        for code in members
    ]
    return normalise([*ranges, *more])
