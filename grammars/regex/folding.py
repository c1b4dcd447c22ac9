"""Which characters count as the same when case is ignored: for each fold, what a character becomes."""

from __future__ import annotations

import functools
from collections import defaultdict

from .charsets import Ranges, cased, intersection, normalise
from .engine import letters, same_letter
from .nodes import EMPTY, Alternatives, Chars, Fold, Node, Sequence

Foldings = list[tuple[int, list[int]]]


@functools.cache
def foldings(fold: Fold) -> Foldings:
    """The characters that `fold` changes, and what they become; equal ones count as the same."""
    if fold == "package":
        return [(code, [codes[0]]) for codes in letters() for code in codes[1:]]
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


@functools.cache
def _by_full_folding() -> dict[str, Ranges]:
    """The characters that fold fully to a text, for texts that are not just themselves."""
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for code, folded in foldings("full"):
        text = "".join(map(chr, folded))
        found[text].append((code, code))
        if len(text) == 1:
            found[text].append((folded[0], folded[0]))
    return {text: normalise(ranges) for text, ranges in found.items()}


def folded_text(text: str) -> Node:
    """The texts whose full case folding is that of `text`: ß for ss, and ss for ß."""
    folded = ""
    single: list[Ranges] = []
    for character in text:
        more = character.casefold()
        alone = same_letter(character, frozenset()) if len(more) == 1 else ()
        single += [normalise([*_by_full_folding().get(c, ((ord(c), ord(c)),)), *alone]) for c in more]
        folded += more
    rests: list[Node] = [EMPTY]  # for the texts from a place on, the last one first
    for at in range(len(folded) - 1, -1, -1):
        ways: list[Node] = [Sequence((Chars(single[at]), rests[-1]))]
        for size in (2, 3):
            together = _by_full_folding().get(folded[at : at + size])
            if together is not None and len(folded) >= at + size:
                ways.append(Sequence((Chars(together), rests[-size])))
        rests.append(ways[0] if len(ways) == 1 else Alternatives(tuple(ways)))
    return rests[-1]


def longer_foldings(ranges: Ranges) -> list[Node]:
    """For the characters in `ranges` that fold to more than one character: the texts they stand for."""
    return [
        folded_text(text)
        for text, members in _by_full_folding().items()
        if len(text) > 1 and intersection(ranges, members)
    ]
