"""Look-around as intersection and complement, where it stands outside of every repetition.

`X(?=A)Y` over a whole text is X, then what both `A.*` and Y match; `(?!A)` takes the complement, and looking behind is
the mirror image. Anchors and word boundaries see the characters around them, so a text is only cut in two where none
are about, or where a part of fixed length says where the cut is: then both sides are intersected as whole texts.
"""

from __future__ import annotations

from typing import Final

from ..builder import Builder
from .approximation import ANYTHING
from .nodes import EMPTY, NOTHING, Alternatives, Assertion, Look, Node, Repeat
from .nodes import Sequence as SequenceNode
from .plain import lower_regular
from .shape import holds, is_assertion, is_look, is_zero_width, length

MAX_BRANCHES: Final = 100

_TRUE_AT_START = ("start", "line_start", "not_behind")
_TRUE_AT_END = ("end", "final", "line_end", "not_ahead")


class NotRegular(Exception):
    """Not to be said with intersections and complements."""


class LookLowering:
    """Lowers whole texts of trees with look-around; raises NotRegular where that cannot be done so."""

    def __init__(self, builder: Builder, codec: int) -> None:
        self._builder = builder
        self._codec = codec
        self._branches = 0

    def whole(self, tree: Node) -> int:
        """The node of the texts that the tree matches from edge to edge."""
        if not holds(tree, is_look):
            return lower_regular(self._builder, _trimmed(tree), self._codec)
        return self._builder.alt([self._sequence(items) for items in self._spines((tree,))])

    def _spines(self, items: tuple[Node, ...]) -> list[list[Node]]:
        """The sequences of items that `items` can be, so that no look-around is inside of an item but itself."""
        spines: list[list[Node]] = [[]]
        for item in items:
            if isinstance(item, Look) or not holds(item, is_look):
                choices = [[item]]
            elif isinstance(item, SequenceNode):
                choices = self._spines(item.items)
            elif isinstance(item, Alternatives):
                choices = [spine for branch in item.items for spine in self._spines((branch,))]
            elif isinstance(item, Repeat) and item.most == 1:
                choices = self._spines((item.item,)) + ([[]] if item.least == 0 else [])
            else:
                raise NotRegular
            spines = [before + choice for before in spines for choice in choices]
            if len(spines) > MAX_BRANCHES:
                raise NotRegular
        return spines

    def _sequence(self, items: list[Node]) -> int:
        """A whole text that is these items in turn, look-around among them."""
        builder = self._builder
        self._branches += 1
        if self._branches > MAX_BRANCHES:
            raise NotRegular
        trimmed = _settled_at_edges(items)
        if trimmed is None:
            return builder.nothing()
        items = trimmed
        looks = [at for at, item in enumerate(items) if isinstance(item, Look)]
        if not looks:
            return self.whole(SequenceNode(tuple(items)))
        first, last = looks[0], looks[-1]
        first_look, last_look = items[first], items[last]
        assert isinstance(first_look, Look)
        assert isinstance(last_look, Look)
        if first_look.ahead:
            before, after = items[:first], items[first + 1 :]
            if _has_fixed_length(before):
                return self._both(before + after, before, first_look, [])
            if self._free(before, [first_look.item], after) and not any(map(_looks_behind, [first_look.item, *after])):
                return builder.seq([self.whole(SequenceNode(tuple(before))), self._sequence(items[first:])])
        if not last_look.ahead:
            before, after = items[:last], items[last + 1 :]
            if _has_fixed_length(after):
                return self._both(before + after, [], last_look, after)
            if self._free(before, [last_look.item], after) and not any(map(_looks_ahead, [last_look.item, *before])):
                return builder.seq([self._sequence(items[: last + 1]), self.whole(SequenceNode(tuple(after)))])
        raise NotRegular

    def _both(self, rest: list[Node], before: list[Node], look: Look, after: list[Node]) -> int:
        """What matches `rest` and has the look-around between `before` and `after`, one of which has a fixed length
        and no look-around."""
        builder = self._builder
        condition = [*before, look.item, ANYTHING] if look.ahead else [ANYTHING, look.item, *after]
        also = builder.alt([self._sequence(spine) for spine in self._spines(tuple(condition))])
        return builder.intersect([self._sequence(rest), builder.complement(also) if look.negated else also])

    def _free(self, *parts: list[Node]) -> bool:
        """Is nothing in these parts about the characters beside them?"""
        return not any(holds(item, is_assertion) for part in parts for item in part)


def _looks_behind(tree: Node) -> bool:
    return holds(tree, lambda node: isinstance(node, Look) and not node.ahead)


def _looks_ahead(tree: Node) -> bool:
    return holds(tree, lambda node: isinstance(node, Look) and node.ahead)


def _has_fixed_length(items: list[Node]) -> bool:
    least, most = length(SequenceNode(tuple(items)))
    return least == most and not any(isinstance(item, Look) for item in items)


def _trimmed(tree: Node) -> Node:
    """The tree without assertions that hold because the whole text begins or ends there."""
    if isinstance(tree, Alternatives):
        return Alternatives(tuple(map(_trimmed, tree.items)))
    items = _settled_at_edges(list(tree.items) if isinstance(tree, SequenceNode) else [tree])
    if items is None:
        return NOTHING
    return items[0] if len(items) == 1 else SequenceNode(tuple(items)) if items else EMPTY


def _settled_at_edges(items: list[Node]) -> list[Node] | None:
    """The items without what always holds at the edges of a text; None if something there never holds."""
    items = [part for item in items for part in (item.items if isinstance(item, SequenceNode) else (item,))]
    kept: list[Node] = []
    for at, item in enumerate(items):
        if not is_zero_width(item):
            kept += items[at:]
            break
        holds_here = _at_edge(item, _TRUE_AT_START, "behind", ahead=True)
        if holds_here is False:
            return None
        if holds_here is None:
            kept.append(item)
    items, kept = kept[::-1], []
    for at, item in enumerate(items):
        if not is_zero_width(item):
            kept += items[at:]
            break
        holds_here = _at_edge(item, _TRUE_AT_END, "ahead", ahead=False)
        if holds_here is False:
            return None
        if holds_here is None:
            kept.append(item)
    return kept[::-1]


def _at_edge(item: Node, always: tuple[str, ...], never: str, ahead: bool) -> bool | None:
    """Whether a zero-width item holds at an edge of the text, if that is certain; `ahead`: look-around that can see
    something looks ahead."""
    if isinstance(item, Assertion):
        return True if item.kind in always else False if item.kind == never else None
    if isinstance(item, Look) and item.ahead != ahead and length(item.item)[0] > 0:
        return item.negated
    return None
