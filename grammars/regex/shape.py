"""What can be read off a syntax tree: how long its texts are, how they begin, what it holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from .charsets import EVERYTHING, Ranges, normalise
from .nodes import (
    Alternatives,
    Assertion,
    Atomic,
    Backreference,
    Chars,
    Commit,
    Conditional,
    Forget,
    Group,
    Look,
    Node,
    Recurse,
    Repeat,
    Sequence,
    children,
    postorder,
)

UNBOUNDED: Final = -1


def holds(root: Node, test: Callable[[Node], bool]) -> bool:
    """Whether some node of the tree passes the test."""
    return any(map(test, postorder(root)))


def is_assertion(node: Node) -> bool:
    return isinstance(node, Assertion)


def is_look(node: Node) -> bool:
    return isinstance(node, Look)


def is_zero_width(node: Node) -> bool:
    """Does the node itself match no character, whatever it asserts?"""
    return isinstance(node, (Assertion, Look, Forget, Commit))


def is_regular(node: Node) -> bool:
    """Is the node itself one that `lower_regular` understands?"""
    if isinstance(node, Repeat):
        return not node.possessive
    return isinstance(node, (Chars, Sequence, Alternatives, Assertion, Group, Recurse))


def length(root: Node) -> tuple[int, int]:
    """The lengths of the shortest and the longest text in characters; the latter may be UNBOUNDED, and both are bounds
    where the tree refers to itself."""
    known: dict[int, tuple[int, int]] = {}
    for node in postorder(root):
        parts = [known[id(part)] for part in children(node)]
        known[id(node)] = _length(node, parts)
    return known[id(root)]


def _length(node: Node, parts: list[tuple[int, int]]) -> tuple[int, int]:
    if isinstance(node, Chars):
        return (1, 1)
    if isinstance(node, Sequence):
        longest = [most for _, most in parts]
        return sum(least for least, _ in parts), UNBOUNDED if UNBOUNDED in longest else sum(longest)
    if isinstance(node, Alternatives):
        longest = [most for _, most in parts] or [0]
        return min((least for least, _ in parts), default=0), UNBOUNDED if UNBOUNDED in longest else max(longest)
    if isinstance(node, Repeat):
        least, most = parts[0]
        endless = most != 0 and UNBOUNDED in (most, node.most)
        return least * node.least, UNBOUNDED if endless else max(most, 0) * max(node.most, 0)
    if isinstance(node, (Group, Atomic)):
        return parts[0]
    if isinstance(node, Conditional):
        longest = [parts[0][1], parts[1][1]]
        return min(parts[0][0], parts[1][0]), UNBOUNDED if UNBOUNDED in longest else max(longest)
    if isinstance(node, (Backreference, Recurse)):
        return (0, UNBOUNDED)
    return (0, 0)


def first_characters(root: Node) -> Ranges:
    """Characters that a text of the tree may begin with; all of them where that is not known."""
    known: dict[int, tuple[Ranges, bool]] = {}  # and whether the text may be empty
    for node in postorder(root):
        parts = [known[id(part)] for part in children(node)]
        if isinstance(node, Chars):
            known[id(node)] = (node.ranges, False)
        elif isinstance(node, Alternatives):
            known[id(node)] = (normalise(r for ranges, _ in parts for r in ranges), any(empty for _, empty in parts))
        elif isinstance(node, Sequence):
            starts: list[tuple[int, int]] = []
            empty = True
            for ranges, may_be_empty in parts:
                starts += ranges
                if not may_be_empty:
                    empty = False
                    break
            known[id(node)] = (normalise(starts), empty)
        elif isinstance(node, Repeat):
            known[id(node)] = ((), True) if node.most == 0 else (parts[0][0], parts[0][1] or node.least == 0)
        elif isinstance(node, (Group, Atomic)):
            known[id(node)] = parts[0]
        elif is_zero_width(node):
            known[id(node)] = ((), True)
        else:
            known[id(node)] = (EVERYTHING, True)
    ranges, empty = known[id(root)]
    return EVERYTHING if empty else ranges
