"""A context-free pattern that matches at least what a pattern with references, look-around and the like matches.

What a backtracking matcher decides is intersected with it, so that bytes which fit nowhere are refused without a try.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from .charsets import EVERYTHING
from .folding import closure
from .nodes import (
    EMPTY,
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
    called,
    children,
    postorder,
    replaced,
)

# A reference to a group with more nodes than this is taken to match anything.
MAX_REFERENCED: Final = 500

ANYTHING: Final = Repeat(Chars(EVERYTHING), 0, -1)


def approximate(tree: Node) -> Node:
    """A tree of characters, sequences, alternatives, repetitions and recursion whose texts include those of `tree`."""
    return _Approximation(tree).of(tree)


class _Approximation:
    def __init__(self, tree: Node) -> None:
        self._groups: dict[int, list[Group]] = defaultdict(list)
        self._table: dict[int, Node] = {}
        self._made: dict[int, Node] = {}
        self._sizes: dict[int, int] = {}
        self._under_way: set[int] = set()
        targets = called(tree)
        for root in (tree, *targets.values()):
            for node in postorder(root):
                if isinstance(node, Group) and node not in self._groups[node.number]:
                    self._groups[node.number].append(node)
        for number, target in targets.items():
            self._table[number] = target  # until it is made
        for number, target in targets.items():
            self._table[number] = self.of(target)

    def of(self, root: Node) -> Node:
        for node in postorder(root):
            if id(node) not in self._made:
                made = self._one(node)
                self._made[id(node)] = made
                self._sizes[id(made)] = 1 + sum(self._sizes.get(id(part), 1) for part in children(made))
        return self._made[id(root)]

    def _one(self, node: Node) -> Node:
        if isinstance(node, (Look, Assertion, Commit, Forget)):
            return EMPTY
        if isinstance(node, (Atomic, Group)):
            return self._made[id(node.item)]
        if isinstance(node, Conditional):
            no = self._made[id(node.no)]
            return no if node.test is None else Alternatives((self._made[id(node.yes)], no))
        if isinstance(node, Recurse):
            return Recurse(node.number, self._table)
        if isinstance(node, Backreference):
            return self._referenced(node)
        if isinstance(node, Repeat):
            return Repeat(self._made[id(node.item)], node.least, node.most)
        return replaced(node, [self._made[id(part)] for part in children(node)])

    def _referenced(self, node: Backreference) -> Node:
        if node.number in self._under_way or node.fold == "full":
            return ANYTHING
        self._under_way.add(node.number)
        items = [self.of(group.item) for group in self._groups[node.number]]
        self._under_way.discard(node.number)
        if sum(self._sizes[id(item)] for item in items) > MAX_REFERENCED:
            return ANYTHING
        if node.fold:
            items = [_folded(item, node) for item in items]
        if node.optional:
            items.append(EMPTY)
        return items[0] if len(items) == 1 else Alternatives(tuple(items))


def _folded(tree: Node, reference: Backreference) -> Node:
    """The texts that count as the same as one of the tree's."""
    made: dict[int, Node] = {}
    for node in postorder(tree):
        if isinstance(node, Chars):
            made[id(node)] = Chars(closure(node.ranges, reference.fold))
        elif isinstance(node, Recurse):
            made[id(node)] = ANYTHING
        else:
            made[id(node)] = replaced(node, [made[id(part)] for part in children(node)])
    return made[id(tree)]


def anchored_at_start(node: Node) -> bool:
    """Can the tree match only where the text begins?"""
    if isinstance(node, Assertion):
        return node.kind == "start"
    if isinstance(node, Sequence):
        for item in node.items:
            if anchored_at_start(item):
                return True
            if not isinstance(item, (Look, Assertion, Forget)):
                return False
        return False
    if isinstance(node, Alternatives):
        return bool(node.items) and all(map(anchored_at_start, node.items))
    if isinstance(node, (Group, Atomic)):
        return anchored_at_start(node.item)
    return isinstance(node, Repeat) and node.least > 0 and anchored_at_start(node.item)


def anchored_at_end(node: Node) -> bool:
    """Can the tree match only where the text ends?"""
    if isinstance(node, Assertion):
        return node.kind == "end"
    if isinstance(node, Sequence):
        for item in reversed(node.items):
            if anchored_at_end(item):
                return True
            if not isinstance(item, (Look, Assertion, Forget)):
                return False
        return False
    if isinstance(node, Alternatives):
        return bool(node.items) and all(map(anchored_at_end, node.items))
    if isinstance(node, (Group, Atomic)):
        return anchored_at_end(node.item)
    return isinstance(node, Repeat) and node.least > 0 and anchored_at_end(node.item)
