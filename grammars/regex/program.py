"""Syntax tree to the instructions of the C++ backtracking matcher (`cpp/regex/program.hpp` says what they do)."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Final, get_args

from .._core import MachineSource
from ..errors import GrammarError
from ..machines import make
from .charsets import Ranges
from .folding import foldings
from .nodes import (
    Alternatives,
    Assertion,
    AssertionKind,
    Atomic,
    Backreference,
    Chars,
    Conditional,
    EmptyRound,
    Fold,
    Forget,
    Group,
    Look,
    Node,
    Recurse,
    Repeat,
    Sequence,
    postorder,
)

MAX_INSTRUCTIONS: Final = 200_000


class Op(IntEnum):
    MATCH = 0
    CHAR = 1
    CHARS = 2
    SPLIT = 3
    JUMP = 4
    OPEN = 5
    CLOSE = 6
    BACKREFERENCE = 7
    ASSERT = 8
    IF_GROUP = 9
    LOOK = 10
    LOOK_END = 11
    ATOMIC = 12
    ATOMIC_END = 13
    LOOP = 14
    LOOP_END = 15
    CALL = 16
    RETURN = 17
    COMMIT = 18
    FORGET = 19
    FAIL = 20


LAZY: Final = 1
POSSESSIVE: Final = 2
OPTIONAL: Final = 1
BEHIND: Final = 4

_ASSERTIONS: Final[dict[AssertionKind, int]] = {kind: number for number, kind in enumerate(get_args(AssertionKind))}
_EMPTY_ROUNDS: Final[dict[EmptyRound, int]] = {kind: number for number, kind in enumerate(get_args(EmptyRound))}

# A task is a node to write, or something to do when the tasks before it are done.
Task = Node | Callable[[], object]


def machine(tree: Node, codec: int, *, search: bool = False, anchored: bool = False) -> MachineSource:
    """The machine of the texts that match `tree`, whole or with `search` anywhere (`anchored`: at the beginning).

    Raises GrammarError where the pattern is too long.
    """
    writer = _Writer()
    writer.write(tree)
    return make(
        "regex",
        writer.code,
        list(writer.sets),
        writer.loops,
        [foldings(fold) for fold in writer.folds],
        len(writer.groups),
        search,
        anchored,
        codec,
    )


class _Writer:
    def __init__(self) -> None:
        self.code: list[tuple[int, int, int, int, int]] = []
        self.sets: dict[Ranges, int] = {}
        self.loops: list[tuple[int, int, bool, int, int, int]] = []
        self.folds: dict[Fold, int] = {}
        self.groups: dict[int, int] = {}  # number in the pattern -> number here
        self._behind = False
        self._tasks: list[Task] = []
        # Subroutines, by group and direction: where they begin, and the calls of them.
        self._starts: dict[tuple[int, bool], int] = {}
        self._calls: list[tuple[int, Recurse, bool]] = []

    def write(self, tree: Node) -> None:
        """The whole pattern, then the subroutines that it calls."""
        self._run(tree, lambda: self._add(Op.MATCH))
        for at, call, behind in self._calls:  # grows meanwhile
            key = (call.number, behind)
            if key not in self._starts:
                self._starts[key] = len(self.code)
                self._behind = behind
                self._run(call.groups[call.number], lambda: self._add(Op.RETURN))
            self._patch(at, a=self._starts[key])

    def _run(self, *tasks: Task) -> None:
        self._then(*tasks)
        while self._tasks:
            task = self._tasks.pop()
            if callable(task):
                task()
            else:
                self._node(task)

    def _then(self, *tasks: Task) -> None:
        self._tasks.extend(reversed(tasks))

    def _add(self, op: Op, a: int = 0, b: int = 0, c: int = 0, d: int = 0) -> int:
        if len(self.code) >= MAX_INSTRUCTIONS:
            raise GrammarError(f"regular expression: more than {MAX_INSTRUCTIONS} instructions")
        self.code.append((int(op), a, b, c, d))
        return len(self.code) - 1

    def _patch(self, at: int, a: int | None = None, b: int | None = None) -> None:
        op, old_a, old_b, c, d = self.code[at]
        self.code[at] = (op, old_a if a is None else a, old_b if b is None else b, c, d)

    def _here(self) -> int:
        return len(self.code)

    def _set(self, ranges: Ranges) -> int:
        return self.sets.setdefault(ranges, len(self.sets))

    def _group(self, number: int) -> int:
        return self.groups.setdefault(number, len(self.groups))

    def _node(self, node: Node) -> None:
        behind = BEHIND if self._behind else 0
        if isinstance(node, Chars):
            self._add(Op.CHAR, self._set(node.ranges), behind)
        elif isinstance(node, Sequence):
            self._then(*(reversed(node.items) if behind else node.items))
        elif isinstance(node, Alternatives):
            self._alternatives(node.items)
        elif isinstance(node, Repeat):
            self._repeat(node)
        elif isinstance(node, Assertion):
            self._add(Op.ASSERT, _ASSERTIONS[node.kind], self._set(node.chars), int(node.on_empty))
        elif isinstance(node, Group):
            self._add(Op.OPEN)
            self._then(node.item, lambda: self._add(Op.CLOSE, self._group(node.number)))
        elif isinstance(node, Backreference):
            fold = self.folds.setdefault(node.fold, len(self.folds)) if node.fold else -1
            flags = behind | (OPTIONAL if node.optional else 0)
            self._add(Op.BACKREFERENCE, self._group(node.number), flags, fold)
        elif isinstance(node, Atomic):
            self._add(Op.ATOMIC)
            self._then(node.item, lambda: self._add(Op.ATOMIC_END))
        elif isinstance(node, Look):
            self._look(node)
        elif isinstance(node, Conditional):
            self._conditional(node)
        elif isinstance(node, Recurse):
            self._calls.append((self._add(Op.CALL), node, self._behind))
        elif isinstance(node, Forget):
            for number in node.numbers:
                self._add(Op.FORGET, self._group(number))
        else:
            self._add(Op.COMMIT, int(node.skip))

    def _alternatives(self, items: tuple[Node, ...]) -> None:
        if not items:
            self._add(Op.FAIL)
            return
        jumps: list[int] = []

        def branch(item: Node) -> list[Task]:
            split = -1

            def begin() -> None:
                nonlocal split
                split = self._add(Op.SPLIT)

            def end() -> None:
                jumps.append(self._add(Op.JUMP))
                self._patch(split, a=self._here())

            return [begin, item, end]

        def join() -> None:
            for jump in jumps:
                self._patch(jump, a=self._here())

        self._then(*(task for item in items[:-1] for task in branch(item)), items[-1], join)

    def _repeat(self, node: Repeat) -> None:
        item, least, most, lazy = node.item, node.least, node.most, node.lazy
        if most == 0:
            return
        if isinstance(item, Chars):
            flags = (LAZY if lazy else 0) | (POSSESSIVE if node.possessive else 0) | (BEHIND if self._behind else 0)
            self._add(Op.CHARS, self._set(item.ranges), least, most, flags)
            return
        if node.possessive:
            self._add(Op.ATOMIC)
            self._then(lambda: self._loop(node), lambda: self._add(Op.ATOMIC_END))
        else:
            self._loop(node)

    def _loop(self, node: Repeat) -> None:
        if (node.least, node.most) == (1, 1):
            self._then(node.item)
            return
        if (node.least, node.most) == (0, 1):
            split = self._add(Op.SPLIT, b=int(node.lazy))
            self._then(node.item, lambda: self._patch(split, a=self._here()))
            return
        index = len(self.loops)
        self._add(Op.LOOP, index)
        body = self._here()
        self.loops.append((0, 0, False, 0, 0, 0))

        def end() -> None:
            self._add(Op.LOOP_END, index)
            rounds = _EMPTY_ROUNDS[node.empty_round]
            self.loops[index] = (node.least, node.most, node.lazy, rounds, body, self._here())

        self._then(node.item, end)

    def _look(self, node: Look) -> None:
        captures = not node.negated and any(isinstance(inner, Group) for inner in postorder(node.item))
        start = self._add(Op.LOOK, -1, -1, int(captures))

        def end() -> None:
            self._add(Op.LOOK_END)
            if node.negated:
                self._patch(start, b=self._here())
            else:
                self._patch(start, a=self._here())

        self._then(*self._turned(node), end)

    def _turned(self, look: Look) -> list[Task]:
        """The item of a look-around, read in its direction."""
        before = self._behind

        def turn() -> None:
            self._behind = not look.ahead

        def back() -> None:
            self._behind = before

        return [turn, look.item, back]

    def _conditional(self, node: Conditional) -> None:
        if node.test is None:
            self._then(node.no)
            return
        if isinstance(node.test, int):
            start = self._add(Op.IF_GROUP, self._group(node.test))
            begin: list[Task] = []
        else:
            negated = isinstance(node.test, Look) and node.test.negated
            inside = isinstance(node.test, Look) and any(isinstance(n, Group) for n in postorder(node.test.item))
            start = self._add(Op.LOOK, 0, 0, int(inside and not negated))
            begin = self._turned(node.test) if isinstance(node.test, Look) else [node.test]
        jump = -1

        def tested() -> None:
            if not isinstance(node.test, int):
                self._add(Op.LOOK_END)
                self._patch(start, **{"b" if negated else "a": self._here()})

        def otherwise() -> None:
            nonlocal jump
            jump = self._add(Op.JUMP)
            self._patch(start, **{"a" if not isinstance(node.test, int) and negated else "b": self._here()})

        self._then(*begin, tested, node.yes, otherwise, node.no, lambda: self._patch(jump, a=self._here()))
