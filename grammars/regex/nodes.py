"""The syntax tree of a regular expression: flags, groups and escapes are resolved, what is left is language."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from .charsets import Ranges

AssertionKind = Literal[
    "start",
    "end",
    "final",
    "line_start",
    "line_end",
    "boundary",
    "not_boundary",
    "ahead",
    "not_ahead",
    "behind",
    "not_behind",
]


# Compared by identity: trees may be deep, and a recursive == or hash would overflow the stack.
@dataclass(frozen=True, slots=True, eq=False)
class Chars:
    """One character out of inclusive, sorted, disjoint ranges of code points."""

    ranges: Ranges


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """All items, one after the other; no items: the empty string."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Alternatives:
    """Any one of the items."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Repeat:
    """`least` to `most` times the item; `most` = -1: without end. `lazy` prefers few (no matter to the set of matching
    texts)."""

    item: Node
    least: int
    most: int
    lazy: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Assertion:
    """A condition on what stands before and after a place in the text.

    start: nothing stands before. end: nothing follows. final: nothing or a last newline follows. line_start, line_end:
    as start and end, or next to one of `chars`, the newlines. boundary, not_boundary: one / none or both of the
    neighbours are in `chars`, the word characters. ahead, behind: one of `chars` is the next, the last character;
    not_ahead, not_behind: it is not. `on_empty` says whether not_boundary holds in an empty text (it depends on the
    version of Python).
    """

    kind: AssertionKind
    chars: Ranges = ()
    on_empty: bool = True


Node = Chars | Sequence | Alternatives | Repeat | Assertion

EMPTY = Sequence(())


def children(node: Node) -> tuple[Node, ...]:
    if isinstance(node, (Sequence, Alternatives)):
        return node.items
    return (node.item,) if isinstance(node, Repeat) else ()


def postorder(root: Node) -> Iterator[Node]:
    """Every distinct node of the tree, children before parents, without recursion."""
    seen: set[int] = set()
    stack: list[tuple[Node, bool]] = [(root, False)]
    while stack:
        node, expanded = stack.pop()
        if expanded:
            yield node
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((child, False) for child in children(node))


def assertions(root: Node) -> list[Assertion]:
    """The assertions in the tree, in no particular order."""
    return [node for node in postorder(root) if isinstance(node, Assertion)]


def nullable(root: Node) -> bool:
    """Does a tree match the empty text, if its assertions hold?"""
    known: dict[int, bool] = {}
    for node in postorder(root):
        if isinstance(node, Repeat):
            known[id(node)] = node.least == 0 or known[id(node.item)]
        elif isinstance(node, Alternatives):
            known[id(node)] = any(known[id(item)] for item in node.items)
        elif isinstance(node, Sequence):
            known[id(node)] = all(known[id(item)] for item in node.items)
        else:
            known[id(node)] = isinstance(node, Assertion)
    return known[id(root)]
