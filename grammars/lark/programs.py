"""Syntax trees of regular expressions to programs for the matcher of cpp/lark, which prefers as `re` does.

A program is built backwards: what follows a node is an address that exists already. As in `re`, a round of a repetition
that matches nothing ends the repetition, so every node has two addresses to go on at: `empty` if nothing was read since
the round began, else `full`.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterable
from enum import IntEnum
from typing import Final

from ..errors import GrammarError
from ..regex.charsets import EVERYTHING, MAX_CODE, NEWLINE, Ranges, negate, normalise, single
from ..regex.nodes import (
    Alternatives,
    Assertion,
    Atomic,
    Backreference,
    Chars,
    Conditional,
    Group,
    Look,
    Node,
    Repeat,
    Sequence,
    nullable,
    postorder,
)

MAX_INSTRUCTIONS: Final = 300_000

_END = Assertion("end")


class Op(IntEnum):
    """The codes of cpp/lark/tables.hpp."""

    CHAR = 0
    SPLIT = 1
    LOOK = 2
    ATOMIC = 3
    OPEN = 4
    CLOSE = 5
    REPEAT = 6
    IS_SET = 7
    IS_UNSET = 8
    MATCH = 9


class Program:
    """The program of a whole grammar: `code`, `sets`, `looks`, `atomics` as cpp/lark/tables.hpp has them, and what
    groups that are referred to may match: `captured` with its `folds`."""

    def __init__(self) -> None:
        self.code: list[tuple[int, int, int, int]] = []
        self.looks: list[tuple[int, bool]] = []
        self.atomics: list[int] = []
        self._sets: dict[Ranges, int] = {}
        self._captured: set[Ranges] = set()
        self._ignores_case = False
        self._look_numbers: dict[Hashable, int] = {}
        self._known: dict[tuple[int, int, int], int] = {}
        self._kept: list[Node] = []  # nodes made here stay alive, their ids are keys
        self._empty: dict[int, bool] = {}
        self._reads: dict[int, bool] = {}

    @property
    def sets(self) -> list[Ranges]:
        return list(self._sets)

    @property
    def captured(self) -> Ranges:
        """Characters that must be told apart, since groups are compared character by character."""
        return normalise(r for ranges in self._captured for r in ranges)

    @property
    def folds(self) -> list[tuple[int, int]]:
        """Characters, each with what stands for it where case is ignored."""
        return _lower_cases() if self._ignores_case else []

    def add_set(self, ranges: Ranges) -> int:
        return self._sets.setdefault(ranges, len(self._sets))

    def terminal(self, tree: Node, kind: int) -> int:
        """Add a terminal whose tokens have the type `kind`; the address where it begins.

        Groups are numbered from 0. Raises GrammarError for what the matcher cannot do.
        """
        _refuse(tree)
        self._note_captures(tree)
        self._kept.append(tree)
        match = self._add(Op.MATCH, kind, 0)
        return self._emit(tree, match, match)

    def keyword(self, tree: Node, kind: int, multiline: bool) -> int:
        """Add a keyword, to match as `(?P<NAME>keyword$)` does, which stops at line feeds."""
        line_feed = Chars(NEWLINE)
        rest = Sequence((line_feed, Repeat(Chars(EVERYTHING), 0, -1))) if multiline else line_feed
        return self.terminal(Sequence((tree, Repeat(rest, 0, 1))), kind)

    def _add(self, op: Op, a: int, b: int, c: int | None = None) -> int:
        if len(self.code) >= MAX_INSTRUCTIONS:
            raise _too_long()
        self.code.append((op, a, b, b if c is None else c))
        return len(self.code) - 1

    def _emit(self, node: Node, empty: int, full: int) -> int:
        key = (id(node), empty, full)
        if key not in self._known:
            self._known[key] = self._emitted(node, empty, full)
        return self._known[key]

    def _emitted(self, node: Node, empty: int, full: int) -> int:
        match node:
            case Chars(ranges):
                return self._add(Op.CHAR, self.add_set(ranges), full)
            case Sequence(items):
                return self._sequence(items, empty, full)
            case Alternatives(items):
                return self._choice([self._emit(item, empty, full) for item in items])
            case Repeat():
                return self._repeat(node, empty, full)
            case Assertion():
                return self._assertion(node, empty)
            case Look(item, ahead, negated):
                return self._look(item, ahead, negated, empty)
            case Group(item, number):
                end = self._add(Op.CLOSE, number, full)
                end_empty = end if empty == full else self._add(Op.CLOSE, number, empty)
                return self._add(Op.OPEN, number, self._emit(item, end_empty, end))
            case Backreference(number, fold):
                return self._add(Op.REPEAT, 2 * number + (fold != ""), full, empty)
            case Atomic(item):
                return self._atomic(item, empty, full)
            case Conditional(int(number), yes, no):
                return self._choice(
                    [
                        self._add(op, number, self._emit(part, empty, full))
                        for op, part in ((Op.IS_SET, yes), (Op.IS_UNSET, no))
                    ]
                )
        raise GrammarError(f"regular expression: {type(node).__name__} is not supported in a terminal")

    def _sequence(self, items: tuple[Node, ...], empty: int, full: int) -> int:
        # Whether an item may be met with nothing read since the round began, and with something read.
        unread, read = [True], [empty == full]
        for item in items:
            unread.append(unread[-1] and self._may_be_empty(item))
            read.append(read[-1] or self._may_read(item))
        for i in range(len(items) - 1, -1, -1):
            at_full = self._emit(items[i], full, full) if read[i] else -1
            at_empty = self._emit(items[i], empty, full) if unread[i] else at_full
            if at_empty < 0:
                at_empty = self._choice([])  # behind what matches nothing
            empty, full = at_empty, at_full if at_full >= 0 else at_empty
        return empty

    def _choice(self, entries: list[int]) -> int:
        if not entries:
            return self._add(Op.CHAR, self.add_set(()), len(self.code))
        chosen = entries[-1]
        for entry in reversed(entries[:-1]):
            chosen = self._add(Op.SPLIT, entry, chosen)
        return chosen

    def _repeat(self, node: Repeat, empty: int, full: int) -> int:
        guard: Assertion | None = None
        if node.possessive:
            if not isinstance(node.item, Chars):
                plain = Repeat(node.item, node.least, node.most)
                self._kept.append(plain)
                return self._atomic(plain, empty, full)
            # A run of characters that ends early is one that a further character follows.
            guard = Assertion("not_ahead", node.item.ranges)
        if node.least > MAX_INSTRUCTIONS:
            raise _too_long()
        rounds = self._rounds(node, empty, full, guard)
        mandatory = Sequence((node.item,) * node.least)
        self._kept.append(mandatory)
        return self._emit(mandatory, rounds[0], rounds[1])

    def _rounds(self, node: Repeat, empty: int, full: int, guard: Assertion | None) -> tuple[int, int]:
        """Where the rounds begin that may be left out: with nothing read before them, and with something read."""
        leave = self._guarded(guard, full)
        leave_empty = leave if empty == full else self._guarded(guard, empty)
        if node.most < 0:
            begin = self._add(Op.SPLIT, 0, 0)
            self._split(begin, self._emit(node.item, leave, begin), leave, node.lazy)
            if empty == full:
                return begin, begin
            first = self._emit(node.item, leave_empty, begin)
            return self._split(self._add(Op.SPLIT, 0, 0), first, leave_empty, node.lazy), begin
        begin_empty, begin = empty, full
        for _ in range(node.most - node.least):
            body = self._emit(node.item, leave, begin)
            body_empty = body if empty == full else self._emit(node.item, leave_empty, begin)
            begin = self._split(self._add(Op.SPLIT, 0, 0), body, leave, node.lazy)
            if empty == full:
                begin_empty = begin
            else:
                begin_empty = self._split(self._add(Op.SPLIT, 0, 0), body_empty, leave_empty, node.lazy)
        return begin_empty, begin

    def _split(self, at: int, body: int, leave: int, lazy: bool) -> int:
        first, second = (leave, body) if lazy else (body, leave)
        self.code[at] = (Op.SPLIT, first, second, second)
        return at

    def _guarded(self, guard: Assertion | None, follows: int) -> int:
        return follows if guard is None else self._assertion(guard, follows)

    def _atomic(self, item: Node, empty: int, full: int) -> int:
        ends = [self._add(Op.MATCH, found, 0) for found in (0, 1)]
        self.atomics.append(self._emit(item, ends[0], ends[1]))
        return self._add(Op.ATOMIC, len(self.atomics) - 1, full, empty)

    def _assertion(self, node: Assertion, follows: int) -> int:
        def ahead(ranges: Ranges, negated: bool, then: int) -> int:
            return self._look(Chars(ranges), True, negated, then)

        def behind(ranges: Ranges, negated: bool, then: int) -> int:
            return self._look(Chars(ranges), False, negated, then)

        match node.kind:
            case "start":
                return behind(EVERYTHING, True, follows)
            case "end":
                return ahead(EVERYTHING, True, follows)
            case "final":
                return self._look(Sequence((Repeat(Chars(NEWLINE), 0, 1), _END)), True, False, follows)
            case "line_start":
                return behind(negate(node.chars), True, follows)
            case "line_end":
                return ahead(negate(node.chars), True, follows)
            case "ahead" | "not_ahead":
                return ahead(node.chars, node.kind == "not_ahead", follows)
            case "behind" | "not_behind":
                return behind(node.chars, node.kind == "not_behind", follows)
        edges = [
            behind(node.chars, before, ahead(node.chars, after, follows))
            for before in (False, True)
            for after in (False, True)
            if (before != after) == (node.kind == "boundary")
        ]
        return self._choice(edges)

    def _look(self, item: Node, ahead: bool, negated: bool, follows: int) -> int:
        key = (shape(item), ahead)
        number = self._look_numbers.get(key)
        if number is None:
            self._kept.append(item)
            match = self._add(Op.MATCH, 0, 0)
            entry = self._emit(item, match, match)
            number = self._look_numbers[key] = len(self.looks)
            self.looks.append((entry, ahead))
        return self._add(Op.LOOK, 2 * number + negated, follows)

    def _note_captures(self, tree: Node) -> None:
        for node in postorder(tree):
            if isinstance(node, Group):
                self._captured |= {part.ranges for part in postorder(node.item) if isinstance(part, Chars)}
            elif isinstance(node, Backreference) and node.fold:
                self._ignores_case = True
                self._captured |= {single(code) for pair in _lower_cases() for code in pair}

    def _may_be_empty(self, node: Node) -> bool:
        if id(node) not in self._empty:
            self._kept.append(node)
            self._empty[id(node)] = nullable(node)
        return self._empty[id(node)]

    def _may_read(self, node: Node) -> bool:
        if id(node) not in self._reads:
            self._kept.append(node)
            self._reads[id(node)] = any(isinstance(part, (Chars, Backreference)) for part in postorder(node))
        return self._reads[id(node)]


@functools.cache
def _lower_cases() -> list[tuple[int, int]]:
    # The one character whose lower case is two is its simple lower case to `re`.
    return [(code, ord(chr(code).lower()[0])) for code in range(MAX_CODE + 1) if chr(code).lower() != chr(code)]


def _too_long() -> GrammarError:
    return GrammarError(
        f"regular expressions: more than {MAX_INSTRUCTIONS} instructions",
        hint="Use smaller repetitions, or say them in rules.",
    )


def shape(node: Node) -> Hashable:
    """A value that is equal for equal trees."""
    match node:
        case Chars(ranges):
            return ranges
        case Sequence(items) | Alternatives(items):
            return (type(node), *map(shape, items))
        case Repeat(item, least, most, lazy, possessive):
            return (Repeat, shape(item), least, most, lazy, possessive)
        case Assertion(kind, chars):
            return (kind, chars)
        case Look(item, ahead, negated):
            return (Look, shape(item), ahead, negated)
        case Atomic(item):
            return (Atomic, shape(item))
        case Group(item, number):
            return (Group, number, shape(item))
        case Backreference(number, fold):
            return (Backreference, number, fold)
        case Conditional(test, yes, no):
            return (Conditional, test, shape(yes), shape(no))
    return node


def _refuse(tree: Node) -> None:
    """Raises GrammarError for combinations that the matcher cannot do."""
    nodes = list(postorder(tree))
    refers = any(isinstance(node, (Backreference, Conditional, Group)) for node in nodes)
    if refers and any(isinstance(node, Atomic) or (isinstance(node, Repeat) and node.possessive) for node in nodes):
        raise GrammarError(
            "regular expression: an atomic group or possessive quantifier beside a reference to a group is not "
            "supported",
            hint="Leave one of them out.",
        )
    for node in nodes:
        if isinstance(node, Backreference) and node.fold == "ascii":
            raise GrammarError("regular expression: a back-reference under the flags a and i is not supported")
        if not isinstance(node, Look):
            continue
        inside: Iterable[Node] = postorder(node.item)
        if not node.ahead and any(isinstance(part, (Backreference, Conditional, Group, Atomic)) for part in inside):
            raise GrammarError("regular expression: groups inside of a lookbehind are not supported")
        if node.ahead and any(isinstance(part, Group) for part in inside):
            raise GrammarError("regular expression: a reference to a group inside of a lookahead is not supported")
