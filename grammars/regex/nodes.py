"""The syntax tree of a regular expression: flags, groups and escapes are resolved, what is left is language."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
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


EmptyRound = Literal["ends", "ends unless captured", "fails"]
Fold = Literal["", "python", "ascii", "simple", "package", "full"]


# Compared by identity: trees may be deep, and a recursive == or hash would overflow the stack.
@dataclass(frozen=True, slots=True, eq=False)
class Chars:
    """One character out of inclusive, sorted, disjoint ranges of code points; `at` names its place in the pattern for
    explanations, which are read with places."""

    ranges: Ranges
    at: str | None = None


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
    texts, unless something atomic is around it). `possessive` takes the first way to match and no other, as in an
    atomic group. `empty_round` says what becomes of a round that matches nothing, which matters to captures only: it
    ends the repetition, or does so unless what a group matched has changed, or it fails."""

    item: Node
    least: int
    most: int
    lazy: bool = False
    possessive: bool = False
    empty_round: EmptyRound = "ends"


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


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """Look-around: the item matches what follows (`ahead`) or what ends here, or if `negated` it does not. Looking
    behind matches from right to left. One-character look-around is an `Assertion`."""

    item: Node
    ahead: bool
    negated: bool


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """A group whose text, or whose item, something in the pattern refers to by its number; others leave no node. Two
    groups may have one number (repeated names, branch reset)."""

    item: Node
    number: int


@dataclass(frozen=True, slots=True, eq=False)
class Backreference:
    """The text that a group matched last. `fold` says which characters count as the same: "" equal ones, "python" as
    `re` ignores case, "ascii" that for ASCII letters only, "simple" and "full" by Unicode's case folding, "package" as
    the regex package does. A group that
    has not matched yet fails, or with `optional` matches the empty text, as in ECMA-262."""

    number: int
    fold: Fold = ""
    optional: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Atomic:
    """The first way in which the item matches, in the order of preference, and no other."""

    item: Node


@dataclass(frozen=True, slots=True, eq=False)
class Conditional:
    """`yes` where the test holds, else `no`: a group by that number has matched, or look-around. The test None never
    holds, as in (?(DEFINE)...)."""

    test: int | Look | Assertion | None
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True, eq=False)
class Recurse:
    """What the group `number` (0: the whole pattern) matches, tried anew; what groups in it match is forgotten
    afterwards. `groups` is the table of the pattern: number -> node."""

    number: int
    groups: dict[int, Node]


@dataclass(frozen=True, slots=True, eq=False)
class Forget:
    """Groups by these numbers have not matched any more, as at the start of every round in ECMA-262."""

    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Commit:
    """No way back: where what follows fails, the match fails (inside of look-around or an atomic group only that).
    With `skip` a search goes on from here instead of the next character."""

    skip: bool = False


Node = (
    Chars
    | Sequence
    | Alternatives
    | Repeat
    | Assertion
    | Look
    | Group
    | Backreference
    | Atomic
    | Conditional
    | Recurse
    | Forget
    | Commit
)

EMPTY = Sequence(())
NOTHING = Alternatives(())


def children(node: Node) -> tuple[Node, ...]:
    """The parts of a node; what a `Recurse` refers to is none of them."""
    if isinstance(node, (Sequence, Alternatives)):
        return node.items
    if isinstance(node, (Repeat, Look, Group, Atomic)):
        return (node.item,)
    if isinstance(node, Conditional):
        return (node.yes, node.no, node.test) if isinstance(node.test, (Look, Assertion)) else (node.yes, node.no)
    return ()


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


def called(root: Node) -> dict[int, Node]:
    """The groups that `root` calls, directly or through others, by their numbers."""
    found: dict[int, Node] = {}
    pending = [root]
    while pending:
        for node in postorder(pending.pop()):
            if isinstance(node, Recurse) and node.number not in found:
                found[node.number] = node.groups[node.number]
                pending.append(found[node.number])
    return found


def nullable(root: Node) -> bool:
    """May a tree match the empty text, if its assertions and look-arounds hold?"""
    groups = called(root)
    empty: set[int] = set()  # numbers of called groups that may match the empty text
    while True:
        more = {n for n, group in groups.items() if n not in empty and _nullable(group, empty)}
        if not more:
            return _nullable(root, empty)
        empty |= more


def _nullable(root: Node, empty: set[int]) -> bool:
    known: dict[int, bool] = {}
    for node in postorder(root):
        if isinstance(node, Chars):
            known[id(node)] = False
        elif isinstance(node, Repeat):
            known[id(node)] = node.least == 0 or known[id(node.item)]
        elif isinstance(node, Alternatives):
            known[id(node)] = any(known[id(item)] for item in node.items)
        elif isinstance(node, Sequence):
            known[id(node)] = all(known[id(item)] for item in node.items)
        elif isinstance(node, (Group, Atomic)):
            known[id(node)] = known[id(node.item)]
        elif isinstance(node, Conditional):
            known[id(node)] = known[id(node.yes)] or known[id(node.no)]
        elif isinstance(node, Recurse):
            known[id(node)] = node.number in empty
        else:
            known[id(node)] = True
    return known[id(root)]


def replaced(node: Node, parts: list[Node]) -> Node:
    """The same node over other children (see `children`)."""
    if all(new is old for new, old in zip(parts, children(node), strict=True)):
        return node
    if isinstance(node, Sequence):
        return Sequence(tuple(parts))
    if isinstance(node, Alternatives):
        return Alternatives(tuple(parts))
    if isinstance(node, Conditional):
        test = parts[2] if len(parts) > 2 else node.test
        assert test is None or isinstance(test, (int, Look, Assertion))
        return Conditional(test, parts[0], parts[1])
    assert isinstance(node, (Repeat, Look, Group, Atomic))
    return replace(node, item=parts[0])
