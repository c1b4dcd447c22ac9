"""Rewrites what looks as if it needed a backtracking matcher but does not.

- Atomic groups and possessive quantifiers are dropped where there is one way to match, or end in "no further round fits
  here": `x*+` is `x*(?!x)`.
- A reference to a group of few texts becomes those texts: `(a|b)\\1` is `aa|bb`.
- A condition on look-around is look-around in two branches; one on a group that was certainly met, or not, is decided.

The language stays the same, and so does the order of preference.
"""

from __future__ import annotations

from typing import Final

from .charsets import intersection, normalise
from .folding import closure
from .nodes import (
    EMPTY,
    NOTHING,
    Alternatives,
    Assertion,
    AssertionKind,
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
    called,
    children,
    postorder,
    replaced,
)
from .nodes import Sequence as SequenceNode
from .shape import first_characters, holds, length

MAX_WORDS: Final = 64  # texts of a group that a reference is replaced by
MAX_COPIES: Final = 20_000  # nodes made by doing so

Word = tuple[int, ...]


def simplified(tree: Node) -> Node:
    """The tree rewritten as far as that keeps what it matches."""
    targets = called(tree)
    table: dict[int, Node] = {}
    tree = _simplify(tree, table)
    for number, target in targets.items():
        table[number] = _simplify(target, table)
    if holds(tree, lambda node: isinstance(node, (Backreference, Conditional))):
        tree = _simplify(_Expansion(tree).tree, table)
    return tree if targets else _without_idle_groups(tree)


def sequence(items: list[Node]) -> Node:
    """The items in turn, nested sequences flattened."""
    flat = [part for item in items for part in (item.items if isinstance(item, SequenceNode) else (item,))]
    if any(isinstance(item, Alternatives) and not item.items for item in flat):
        # Whatever stands before matters only where it commits.
        return SequenceNode(tuple(flat)) if any(holds(item, _is_commit) for item in flat) else NOTHING
    return flat[0] if len(flat) == 1 else SequenceNode(tuple(flat)) if flat else EMPTY


def alternatives(items: list[Node]) -> Node:
    """Any of the items, nested alternatives flattened; neighbours of one character become one set."""
    kept: list[Node] = []
    for item in items:
        for branch in item.items if isinstance(item, Alternatives) else (item,):
            if isinstance(branch, Chars) and kept and isinstance(kept[-1], Chars):
                kept[-1] = Chars(normalise([*kept[-1].ranges, *branch.ranges]))
            else:
                kept.append(branch)
    return kept[0] if len(kept) == 1 else Alternatives(tuple(kept))


def _is_commit(node: Node) -> bool:
    return isinstance(node, Commit)


def negated_look(item: Node) -> Node:
    """`item` does not follow."""
    return Assertion("not_ahead", item.ranges) if isinstance(item, Chars) else Look(item, ahead=True, negated=True)


def _simplify(tree: Node, table: dict[int, Node]) -> Node:
    """The tree made simple from the leaves up; calls go to the groups of `table`."""
    made: dict[int, Node] = {}
    for node in postorder(tree):
        if isinstance(node, Recurse):
            made[id(node)] = Recurse(node.number, table)
        else:
            made[id(node)] = _one(replaced(node, [made[id(part)] for part in children(node)]))
    return made[id(tree)]


def _one(node: Node) -> Node:
    """A node whose parts are simple already."""
    if isinstance(node, SequenceNode):
        return sequence(list(node.items))
    if isinstance(node, Alternatives):
        return alternatives(list(node.items))
    if isinstance(node, Repeat) and node.possessive:
        return _possessive(node)
    if isinstance(node, Atomic):
        return _atomic(node.item)
    if isinstance(node, Conditional):
        if node.test is None:
            return node.no
        if isinstance(node.test, Look):
            opposite: Node = Look(node.test.item, node.test.ahead, not node.test.negated)
        elif isinstance(node.test, Assertion):
            opposite = Assertion(_OPPOSITES[node.test.kind], node.test.chars)
        else:
            return node
        return alternatives([sequence([node.test, node.yes]), sequence([opposite, node.no])])
    if isinstance(node, Look) and isinstance(node.item, Chars):
        kind: AssertionKind = "ahead" if node.ahead else "behind"
        return Assertion(_OPPOSITES[kind] if node.negated else kind, node.item.ranges)
    return node


_OPPOSITES: Final[dict[AssertionKind, AssertionKind]] = {
    "ahead": "not_ahead",
    "not_ahead": "ahead",
    "behind": "not_behind",
    "not_behind": "behind",
}


def _is_uniform(node: Node) -> bool:
    """Do all ways to match at one place end at the same place, and leave nothing else behind?"""
    least, most = length(node)
    return least == most and not holds(node, lambda inner: isinstance(inner, (Group, Commit, Forget)))


def _possessive(node: Repeat) -> Node:
    """As many rounds as fit: none fits behind them, or there may be no more."""
    item, least, most = node.item, node.least, node.most
    if node.lazy or not _is_uniform(item) or length(item)[0] == 0:
        return node
    if least == most:
        return Repeat(item, least, most)
    no_more = negated_look(item)
    if most < 0:
        return sequence([Repeat(item, least, most), no_more])
    return alternatives([Repeat(item, most, most), sequence([Repeat(item, least, most - 1), no_more])])


def _atomic(item: Node) -> Node:
    if _is_uniform(item):
        return item
    if isinstance(item, Atomic):
        return item
    if isinstance(item, Repeat):
        if item.lazy and length(item.item)[0] > 0 and _is_uniform(item.item):
            return Repeat(item.item, item.least, item.least)
        if not item.lazy:
            return _possessive(Repeat(item.item, item.least, item.most, possessive=True, empty_round=item.empty_round))
    if isinstance(item, SequenceNode):
        count = next((at for at, part in enumerate(item.items) if not _is_uniform(part)), len(item.items))
        if count:
            return sequence([*item.items[:count], _atomic(sequence(list(item.items[count:])))])
    if isinstance(item, Alternatives) and not holds(item, lambda node: isinstance(node, (Group, Commit, Forget))):
        branches: list[Node] = []
        for at, branch in enumerate(item.items):
            # Earlier branches do not match; most cannot, to judge by their first character.
            first = first_characters(branch)
            rivals = [other for other in item.items[:at] if intersection(first, first_characters(other))]
            branches.append(sequence([*map(negated_look, rivals), _atomic(branch)]))
        return alternatives(branches)
    return Atomic(item)


class _Expansion:
    """Replaces references and conditions by what they must be, where the groups they name stand before them."""

    def __init__(self, tree: Node) -> None:
        self._copies = 0
        self._called = set(called(tree))
        self.tree = self._local(tree)
        if not self._called:
            self.tree = self._decided(self.tree)

    def _local(self, tree: Node) -> Node:
        """References that follow, in one sequence, a group of few texts."""
        made: dict[int, Node] = {}
        for node in postorder(tree):
            same = replaced(node, [made[id(part)] for part in children(node)])
            made[id(node)] = self._expanded(list(same.items)) if isinstance(same, SequenceNode) else same
        return made[id(tree)]

    def _expanded(self, items: list[Node]) -> Node:
        for at, item in enumerate(items):
            if not isinstance(item, Group) or item.number in self._called:
                continue
            after = items[at + 1 :]
            if not any(_refers(part, item.number) for part in after) or any(
                _sets(part, item.number) for part in (item.item, *after)
            ):
                continue
            words = _words(item.item)
            if words is None:
                continue
            branches = []
            for word in words:
                literal: list[Node] = [Chars(((code, code),)) for code in word]
                rest = [self._substituted(part, item.number, word) for part in after]
                if any(part is None for part in rest):
                    break
                # The group stays, for references from elsewhere.
                group = Group(sequence(literal), item.number)
                branches.append(sequence([group, self._expanded([p for p in rest if p is not None])]))
            else:
                return sequence([*items[:at], alternatives(branches)])
        return sequence(items)

    def _substituted(self, tree: Node, number: int, word: Word | None) -> Node | None:
        """The tree where the group has matched `word`, or with None has not matched; None if it grows too large."""
        made: dict[int, Node] = {}
        for node in postorder(tree):
            self._copies += 1
            if self._copies > MAX_COPIES:
                return None
            if isinstance(node, Backreference) and node.number == number:
                if word is None:
                    made[id(node)] = EMPTY if node.optional else NOTHING
                elif node.fold == "full":
                    return None
                else:
                    sets = [((code, code),) for code in word]
                    made[id(node)] = sequence([Chars(closure(s, node.fold) if node.fold else s) for s in sets])
            elif isinstance(node, Conditional) and node.test == number:
                made[id(node)] = made[id(node.no if word is None else node.yes)]
            else:
                made[id(node)] = replaced(node, [made[id(part)] for part in children(node)])
        return made[id(tree)]

    def _decided(self, tree: Node) -> Node:
        """Conditions, outside of repetitions, on groups that have or have not been met on the way."""
        tests = {node.test for node in postorder(tree) if isinstance(node, Conditional) and isinstance(node.test, int)}
        for number in tests:
            decided = self._decide([tree], number)
            if decided is not None:
                tree = decided
        return tree

    def _decide(self, items: list[Node], number: int) -> Node | None:
        """The items, the group not met before them, without conditions on it; None where that is not so easy."""
        for at, item in enumerate(items):
            if not _sets(item, number):
                continue
            before, after = items[:at], items[at + 1 :]
            decided = [self._substituted(part, number, None) for part in before]
            if any(part is None for part in decided):
                return None
            start = [part for part in decided if part is not None]
            if not any(_tests(part, number) for part in after) and not _tests(item, number):
                return sequence([*start, item, *after])
            if isinstance(item, SequenceNode):
                return self._decide([*start, *item.items, *after], number)
            if isinstance(item, Alternatives):
                choices = [self._decide([branch, *after], number) for branch in item.items]
            elif isinstance(item, Repeat) and (item.least, item.most) == (0, 1) and not item.possessive:
                choices = [self._decide([part, *after], number) for part in (item.item, EMPTY)]
                if item.lazy:
                    choices.reverse()
            elif _always_sets(item, number) and not _tests(item, number):
                return sequence([*start, item, *(_met(part, number) for part in after)])
            else:
                return None
            self._copies += 1
            if self._copies > MAX_WORDS or any(choice is None for choice in choices):
                return None
            return sequence([*start, alternatives([choice for choice in choices if choice is not None])])
        decided = [self._substituted(part, number, None) for part in items]
        return None if any(part is None for part in decided) else sequence([p for p in decided if p is not None])


def _met(tree: Node, number: int) -> Node:
    """The tree where the group has certainly matched."""
    made: dict[int, Node] = {}
    for node in postorder(tree):
        if isinstance(node, Conditional) and node.test == number:
            made[id(node)] = made[id(node.yes)]
        else:
            made[id(node)] = replaced(node, [made[id(part)] for part in children(node)])
    return made[id(tree)]


def _refers(tree: Node, number: int) -> bool:
    return holds(tree, lambda node: isinstance(node, Backreference) and node.number == number) or _tests(tree, number)


def _tests(tree: Node, number: int) -> bool:
    return holds(tree, lambda node: isinstance(node, Conditional) and node.test == number)


def _sets(tree: Node, number: int) -> bool:
    return holds(
        tree,
        lambda node: (
            (isinstance(node, Group) and node.number == number) or (isinstance(node, Forget) and number in node.numbers)
        ),
    )


def _always_sets(tree: Node, number: int) -> bool:
    if isinstance(tree, Group):
        return tree.number == number or _always_sets(tree.item, number)
    if isinstance(tree, Repeat):
        return tree.least > 0 and _always_sets(tree.item, number)
    return isinstance(tree, SequenceNode) and any(_always_sets(item, number) for item in tree.items)


def _words(tree: Node) -> list[Word] | None:
    """The texts of a tree in order of preference; None if they are many, or not only texts."""
    if isinstance(tree, Chars):
        if sum(high - low + 1 for low, high in tree.ranges) > MAX_WORDS:
            return None
        return [(code,) for low, high in tree.ranges for code in range(low, high + 1)]
    if isinstance(tree, (SequenceNode, Alternatives)):
        parts = [_words(item) for item in tree.items]
        if isinstance(tree, Alternatives):
            joined: list[Word] | None = []
            for part in parts:
                joined = None if joined is None or part is None else joined + part
        else:
            joined = [()]
            for part in parts:
                if joined is None or part is None or len(joined) * len(part) > MAX_WORDS:
                    return None
                joined = [word + more for word in joined for more in part]
        return None if joined is None or len(joined) > MAX_WORDS else list(dict.fromkeys(joined))
    if isinstance(tree, Repeat) and not tree.possessive and 0 <= tree.most <= MAX_WORDS:
        inner = _words(tree.item)
        if inner is None or () in inner:
            return None
        # The ways to go on after each number of rounds, the preferred ones first.
        ways: list[Word] = [()]
        for rounds in range(tree.most - 1, -1, -1):
            more = [word + way for word in inner for way in ways]
            stop: list[Word] = [()] if rounds >= tree.least else []
            ways = list(dict.fromkeys(stop + more if tree.lazy else more + stop))
            if len(ways) > MAX_WORDS:
                return None
        return ways
    return None


def _without_idle_groups(tree: Node) -> Node:
    """The tree without groups that nothing refers to any more."""
    wanted: set[int] = set(called(tree))
    for node in postorder(tree):
        if isinstance(node, Backreference):
            wanted.add(node.number)
        elif isinstance(node, Conditional) and isinstance(node.test, int):
            wanted.add(node.test)
        elif isinstance(node, Recurse):
            return tree  # groups may refer to others from within
    made: dict[int, Node] = {}
    for node in postorder(tree):
        if isinstance(node, Group) and node.number not in wanted:
            made[id(node)] = made[id(node.item)]
        elif isinstance(node, Forget):
            numbers = tuple(number for number in node.numbers if number in wanted)
            made[id(node)] = Forget(numbers) if numbers else EMPTY
        else:
            made[id(node)] = _one(replaced(node, [made[id(part)] for part in children(node)]))
    return made[id(tree)]
