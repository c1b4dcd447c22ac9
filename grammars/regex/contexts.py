"""Exact lowering of anchors and word boundaries: what a node matches depends on the characters around it.

The alphabet is cut into cells, the coarsest partition on which every assertion in the pattern is constant. A context
is (left, right): the cell of the character before a text, or EDGE at the start; and the cell of the character after
it, EDGE at the end, or LAST_NEWLINE where exactly one more newline follows (Python's `$` looks two characters ahead).
The words of a node in a context are kept apart by the cells they begin and end with, which are the contexts of their
neighbours. With `c` cells a node has at most (c+1)(c+2) contexts; without word boundaries, multi-line anchors and
look-around c is 1 or 2. The nodes made are polynomial in the pattern, but shared: where such assertions stand inside of
nested repetitions, their automaton may exceed the compiler's bound on states, which is then its error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ..builder import Builder
from ..errors import GrammarError
from .charsets import NEWLINE, Ranges, intersection, partition
from .nodes import Alternatives, Assertion, Chars, Group, Node, Repeat, assertions, called, nullable
from .nodes import Sequence as SequenceNode

EDGE: Final = -1
LAST_NEWLINE: Final = -2
MAX_UNROLLED: Final = 50

# (first cell, last cell) of a word that is not empty; the word "\n" alone begins with LAST_NEWLINE where that is a
# context.
Kind = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """What a node matches in a context: is the empty word among it, the other words by kind, and all in one node if
    known."""

    empty: bool
    by_kind: dict[Kind, int]
    whole: int | None = None


class ContextLowering:
    """Lowers trees that hold `found` assertions; `plain` lowers those that hold none."""

    def __init__(
        self,
        builder: Builder,
        codec: int,
        alphabet: Ranges,
        found: Iterable[Assertion],
        plain: Callable[[Builder, Node, int], int],
    ) -> None:
        self._builder, self._codec, self._lower_plain = builder, codec, plain
        found = list(found)
        self._looks_two_ahead = any(a.kind == "final" for a in found)
        sets = {a.chars for a in found if a.chars} | ({NEWLINE} if self._looks_two_ahead else set())
        self._cells = partition(alphabet, sets)
        self._members = [{s for s in sets if intersection(cell, s)} for cell in self._cells]
        self._newline_cell = self._cells.index(NEWLINE) if self._looks_two_ahead else EDGE
        self._rights = [*range(len(self._cells)), EDGE] + ([LAST_NEWLINE] if self._looks_two_ahead else [])
        self._memo: dict[tuple[int, int, int], Words] = {}
        self._closures: dict[int, dict[tuple[int, int], dict[tuple[int, int], int]]] = {}
        self._keep: list[Node] = []  # nodes made here stay alive, their ids are keys
        self._suffixes: dict[int, tuple[Node, Node]] = {}
        self._assertion_free: dict[int, bool] = {}

    def whole(self, ast: Node) -> int:
        """The texts that `ast` matches from edge to edge."""
        return self._join(self._words(ast, EDGE, EDGE))

    def _join(self, words: Words) -> int:
        if words.whole is not None:
            return words.whole
        return self._builder.alt(([self._builder.empty()] if words.empty else []) + list(words.by_kind.values()))

    def _words(self, node: Node, left: int, right: int) -> Words:
        if self._is_plain(node):
            left = right = 0
        key = (id(node), left, right)
        if key not in self._memo:
            if self._is_plain(node):
                self._memo[key] = self._plain_words(node)
            elif isinstance(node, Assertion):
                self._memo[key] = Words(self._holds(node, left, right), {})
            elif isinstance(node, Group):
                self._memo[key] = self._words(node.item, left, right)
            elif isinstance(node, Alternatives):
                self._memo[key] = self._union([self._words(item, left, right) for item in node.items])
            elif isinstance(node, Repeat):
                self._memo[key] = self._repeat(node, left, right)
            else:
                assert isinstance(node, SequenceNode)
                head, tail = self._split(node)
                self._memo[key] = self._concatenate(head, tail, left, right)
        return self._memo[key]

    def _is_plain(self, node: Node) -> bool:
        if id(node) not in self._assertion_free:
            self._assertion_free[id(node)] = not assertions(node)
            self._keep.append(node)
        return self._assertion_free[id(node)]

    def _holds(self, assertion: Assertion, left: int, right: int) -> bool:
        def inside(context: int) -> bool:
            cell = self._newline_cell if context == LAST_NEWLINE else context
            return cell != EDGE and assertion.chars in self._members[cell]

        match assertion.kind:
            case "start":
                return left == EDGE
            case "end":
                return right == EDGE
            case "final":
                return right in (EDGE, LAST_NEWLINE)
            case "line_start":
                return left == EDGE or inside(left)
            case "line_end":
                return right == EDGE or inside(right)
            case "boundary":
                return inside(left) != inside(right)
            case "ahead" | "not_ahead":
                return inside(right) == (assertion.kind == "ahead")
            case "behind" | "not_behind":
                return inside(left) == (assertion.kind == "behind")
        if left == right == EDGE:
            return assertion.on_empty
        return inside(left) == inside(right)

    def _union(self, parts: Sequence[Words]) -> Words:
        by_kind: dict[Kind, list[int]] = {}
        for part in parts:
            for kind, node in part.by_kind.items():
                by_kind.setdefault(kind, []).append(node)
        whole = (
            self._builder.alt([p.whole for p in parts if p.whole is not None])
            if all(p.whole is not None for p in parts)
            else None
        )
        return Words(
            any(p.empty for p in parts), {kind: self._builder.alt(nodes) for kind, nodes in by_kind.items()}, whole
        )

    def _plain_words(self, node: Node) -> Words:
        """The words of a node without assertions, which are the same in every context."""
        whole = self._lower_plain(self._builder, node, self._codec)
        empty = nullable(node)
        if len(self._cells) == 1:
            proper = self._not_empty(node, whole) if empty else whole
            return Words(empty, {} if self._builder.is_nothing(proper) else {(0, 0): proper}, whole)
        builder = self._builder
        cells = [builder.chars(cell, self._codec) for cell in self._cells]
        anything = builder.repeat(builder.alt(cells), 0, -1)
        by_kind: dict[Kind, int] = {}
        for first, head in enumerate(cells):
            for last, end in enumerate(cells):
                shapes = [builder.seq([head, anything, end])]
                if first == last != self._newline_cell:
                    shapes.append(head)
                by_kind[first, last] = builder.intersect([whole, builder.alt(shapes)])
        if self._looks_two_ahead:
            newline = builder.chars(NEWLINE, self._codec)
            by_kind[LAST_NEWLINE, self._newline_cell] = builder.intersect([whole, newline])
        return Words(empty, {kind: n for kind, n in by_kind.items() if not builder.is_nothing(n)}, whole)

    def _not_empty(self, node: Node, whole: int) -> int:
        if called(node):
            some = self._builder.repeat(self._builder.chars(self._cells[0], self._codec), 1, -1)
            return self._builder.intersect([whole, some])
        return self._lower_plain(self._builder, self._made(_without_empty(node)), self._codec)

    def _right_of(self, first: int, right: int) -> int:
        """The right context that a word of first cell `first` is to its left neighbour, when `right` is its own."""
        if first == LAST_NEWLINE:
            return LAST_NEWLINE if right == EDGE else self._newline_cell
        return first

    def _cell(self, first: int) -> int:
        return self._newline_cell if first == LAST_NEWLINE else first

    def _made(self, node: Node) -> Node:
        self._keep.append(node)
        return node

    def _split(self, node: SequenceNode) -> tuple[Node, Node]:
        """The items up to where assertions matter, and the rest; runs of items without assertions stay together."""
        if id(node) not in self._suffixes:
            items = node.items
            count = next((k for k, item in enumerate(items) if not self._is_plain(item)), len(items)) or 1
            head = items[0] if count == 1 else self._made(SequenceNode(items[:count]))
            tail = items[count] if len(items) == count + 1 else self._made(SequenceNode(items[count:]))
            self._suffixes[id(node)] = (head, tail)
        return self._suffixes[id(node)]

    def _concatenate(self, head: Node, tail: Node, left: int, right: int) -> Words:
        builder = self._builder
        by_kind: dict[Kind, list[int]] = {}
        after_nothing = self._words(tail, left, right)
        before_nothing = self._words(head, left, right)
        for (first, last), node in before_nothing.by_kind.items():
            if self._words(tail, last, right).empty:
                by_kind.setdefault((first, last), []).append(node)
        for (first, last), node in after_nothing.by_kind.items():
            if self._words(head, left, self._right_of(first, right)).empty:
                by_kind.setdefault((first, last), []).append(node)
        # Both parts hold characters: the end of the one is the left context of the other, whose beginning is the right
        # context of the one.
        followers: dict[tuple[int, int, int], list[int]] = {}
        for middle in range(len(self._cells)):
            for (first, last), node in self._words(tail, middle, right).by_kind.items():
                followers.setdefault((middle, self._right_of(first, right), last), []).append(node)
        for (middle, context, last), nodes in followers.items():
            for (first, end), node in self._words(head, left, context).by_kind.items():
                if end == middle:
                    both = builder.seq([node, builder.alt(nodes)])
                    by_kind.setdefault((self._cell(first), last), []).append(both)
        empty = before_nothing.empty and after_nothing.empty
        joined = {kind: builder.alt(nodes) for kind, nodes in by_kind.items()}
        for part in (before_nothing, after_nothing):
            if part.whole is not None and part.empty == empty and part.by_kind == joined:
                return part
        return Words(empty, joined)

    def _repeat(self, node: Repeat, left: int, right: int) -> Words:
        """A repetition whose item holds assertions: bounded parts are unrolled, the unbounded one is closed over the
        contexts."""
        if max(node.least, node.most) > MAX_UNROLLED:
            raise GrammarError(
                "regular expression: an anchor, word boundary or look-around inside of a group that is repeated more "
                f"than {MAX_UNROLLED} times is not supported",
                hint="Move it out of the repetition.",
            )
        if (node.least, node.most) == (0, -1):
            rounds = self._rounds(node)
            if self._is_plain(rounds):
                return self._words(self._suffixes[id(node)][1], left, right)
            return self._closure(rounds, left, right)
        if id(node) not in self._suffixes:
            optional: Node = SequenceNode(())
            if node.most < 0:
                optional = Repeat(node.item, 0, -1)
            for _ in range(node.most - node.least):
                optional = Alternatives((SequenceNode(()), SequenceNode((node.item, optional))))
            unrolled = self._made(SequenceNode((*[node.item] * node.least, optional)))
            self._suffixes[id(node)] = (unrolled, unrolled)
        return self._words(self._suffixes[id(node)][0], left, right)

    def _rounds(self, node: Repeat) -> Node:
        """What the rounds of an unbounded repetition can be, nested repetitions taken apart: (A*|B+|)* is (A|B)*."""
        if id(node) not in self._suffixes:
            rounds = self._made(Alternatives(tuple(_round_choices(node.item))))
            self._suffixes[id(node)] = (rounds, self._made(Repeat(rounds, 0, -1)))
        return self._suffixes[id(node)][0]

    def _closure(self, item: Node, left: int, right: int) -> Words:
        """`item*`: the first round is in the context of its own, the others walk the graph of (left cell, right
        context) pairs."""
        builder = self._builder
        paths = self._paths(item)
        by_kind: dict[Kind, list[int]] = {}
        for context in self._rights:
            for (first, last), node in self._words(item, left, context).by_kind.items():
                if context == right:
                    by_kind.setdefault((first, last), []).append(node)
                for (end, reached), more in paths.get((last, context), {}).items():
                    if reached == right:
                        by_kind.setdefault((self._cell(first), end), []).append(builder.seq([node, more]))
        return Words(True, {kind: builder.alt(nodes) for kind, nodes in by_kind.items()})

    def _paths(self, item: Node) -> dict[tuple[int, int], dict[tuple[int, int], int]]:
        """One or more rounds of `item` from one (left, right context) pair to another (Kleene's algorithm)."""
        if id(item) in self._closures:
            return self._closures[id(item)]
        builder = self._builder
        states = [(cell, context) for cell in range(len(self._cells)) for context in self._rights]
        steps: dict[tuple[int, int], dict[tuple[int, int], list[int]]] = {state: {} for state in states}
        for cell in range(len(self._cells)):
            for context in self._rights:
                for (first, last), node in self._words(item, cell, context).by_kind.items():
                    steps[cell, self._right_of(first, context)].setdefault((last, context), []).append(node)
        paths = {state: {target: builder.alt(nodes) for target, nodes in row.items()} for state, row in steps.items()}
        for via in states:
            if not paths[via]:
                continue
            loop = builder.repeat(paths[via][via], 0, -1) if via in paths[via] else builder.empty()
            row = dict(paths[via])
            for state in states:
                if via in paths[state]:
                    lead = builder.seq([paths[state][via], loop])
                    for target, node in row.items():
                        old = paths[state].get(target)
                        step = builder.seq([lead, node])
                        paths[state][target] = step if old is None else builder.alt([old, step])
        self._closures[id(item)] = paths
        return paths


def _round_choices(node: Node) -> list[Node]:
    if isinstance(node, Repeat) and node.least <= 1:
        return _round_choices(node.item) if node.most else []
    if isinstance(node, Alternatives) or (isinstance(node, SequenceNode) and all(_is_optional(i) for i in node.items)):
        return [choice for item in node.items for choice in _round_choices(item)]
    # A round that matches nothing, whatever it asserts, adds nothing.
    return [] if isinstance(node, Assertion) else [node]


def _is_optional(node: Node) -> bool:
    return isinstance(node, Repeat) and node.least == 0


def _without_empty(node: Node) -> Node:
    """A tree for the words of `node` other than the empty one."""
    if not nullable(node) or isinstance(node, Chars):
        return node
    if isinstance(node, Group):
        return _without_empty(node.item)
    if isinstance(node, Repeat):
        return Repeat(_without_empty(node.item), 1, node.most) if node.most else Alternatives(())
    if isinstance(node, Alternatives):
        return Alternatives(tuple(_without_empty(item) for item in node.items))
    assert isinstance(node, SequenceNode)
    # Every item is nullable: the first one that is not left empty is followed by all the others.
    return Alternatives(
        tuple(SequenceNode((_without_empty(item), *node.items[k + 1 :])) for k, item in enumerate(node.items))
    )
