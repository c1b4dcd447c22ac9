"""Groups of a regular expression: what was read of an open one, what becomes of it, and what refers to it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from .charsets import normalise
from .cursor import Cursor
from .escapes import DIGITS, OCTAL
from .folding import folded_text
from .nodes import (
    EMPTY,
    Alternatives,
    Assertion,
    AssertionKind,
    Atomic,
    Backreference,
    Chars,
    Conditional,
    Fold,
    Forget,
    Group,
    Look,
    Node,
    Recurse,
    Sequence,
    children,
    postorder,
    replaced,
)

Kind = Literal["plain", "group", "ahead", "behind", "atomic", "conditional", "reset"]

_ONE_CHARACTER: Final[dict[tuple[bool, bool], AssertionKind]] = {
    (True, False): "ahead",
    (True, True): "not_ahead",
    (False, False): "behind",
    (False, True): "not_behind",
}
MISSING: Final = 2**30  # the number of a group that does not exist
# What a pattern must contain to refer to groups; all others leave no `Group` nodes.
_MAY_REFER = re.compile(r"\\[1-9gk]|\(\?P?[=>&]|\(\?[R0-9+(]|\(\?-[0-9]")


@dataclass(slots=True)
class OpenGroup:
    """An open parenthesis (or the whole pattern): where it stands, the flags inside, and what was read so far."""

    start: int
    flags: frozenset[str]
    kind: Kind = "plain"
    negated: bool = False
    number: int = 0
    test: int | Node | None = None  # of a conditional
    awaits_test: bool = False  # which is a look-around that comes next
    numbers: tuple[int, int] = (0, 0)  # branch reset: the groups before it, and those of its longest branch so far
    branches: list[Node] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)
    literals: list[int] = field(default_factory=list)  # where case is folded fully: what was read since
    repeatable: bool = False

    def add(self, node: Node, repeatable: bool) -> None:
        self.end_literals()
        self.items.append(node)
        self.repeatable = repeatable

    def add_literal(self, code: int) -> None:
        """A character that may fold together with its neighbours."""
        self.literals.append(code)
        self.repeatable = True

    def end_literals(self, but_last: bool = False) -> None:
        """Make nodes of the literals read so far; with `but_last` the last one becomes a node of its own."""
        last = self.literals[-1:] if but_last else []
        for codes in (self.literals[: len(self.literals) - len(last)], last):
            if codes:
                self.items.append(folded_text("".join(map(chr, codes))))
        self.literals = []

    def end_branch(self, cursor: Cursor) -> None:
        """The cursor is on the | that ends a branch."""
        if self.kind == "conditional" and self.branches:
            raise cursor.error("a conditional group has two branches at most", self.start)
        cursor.take()
        self._end_branch()

    def _end_branch(self) -> None:
        self.end_literals()
        self.branches.append(
            self.items[0] if len(self.items) == 1 else Sequence(tuple(self.items)) if self.items else EMPTY
        )
        self.items, self.repeatable = [], False

    def close(self, cursor: Cursor) -> Node:
        """The node of the whole group; the cursor is on the parenthesis that closes it, or at the end."""
        self._end_branch()
        if self.kind == "conditional":
            assert self.test is None or isinstance(self.test, (int, Look, Assertion))
            if self.test is None:
                return Conditional(None, Alternatives(tuple(self.branches)), EMPTY)  # both branches only define
            return Conditional(self.test, self.branches[0], self.branches[1] if len(self.branches) > 1 else EMPTY)
        node = self.branches[0] if len(self.branches) == 1 else Alternatives(tuple(self.branches))
        if self.kind in ("ahead", "behind"):
            return look_around(node, self.kind == "ahead", self.negated)
        if self.kind == "atomic":
            return Atomic(node)
        return Group(node, self.number) if self.number else node


def look_around(item: Node, ahead: bool, negated: bool) -> Look | Assertion:
    """Look-around for `item`; for one character it is an assertion."""
    branches = item.items if isinstance(item, Alternatives) else (item,)
    ranges = [branch.ranges for branch in branches if isinstance(branch, Chars)]
    if branches and len(ranges) == len(branches):
        return Assertion(_ONE_CHARACTER[ahead, negated], normalise(r for members in ranges for r in members))
    return Look(item, ahead, negated)


class GroupTable:
    """The groups of a pattern by number and name, and the references to them.

    A reference to a group that comes later is remembered in `refers_forward`; the pattern is then read once more,
    with the `names` and the `total` found in the first reading.
    """

    def __init__(self, cursor: Cursor, names: Mapping[str, int], total: int) -> None:
        self._cursor = cursor
        self._known = names
        self._total = total
        self.names: dict[str, int] = {}
        self.count = 0
        self.refers_forward = False
        self.keeps_groups = _MAY_REFER.search(cursor.pattern) is not None
        self._open: set[int] = set()
        self._opened: Counter[int] = Counter()
        self._hidden = 0
        self._numbered: dict[int, tuple[int, str]] = {}  # where a reference may come before its group: number, name
        self._calls: list[tuple[int, int]] = []
        self._targets: dict[int, Node] = {}

    def open(self, name: str | None, start: int) -> int:
        """The number of a new group; the regex package gives groups of one name one number."""
        if name is not None and name in self.names:
            if not self._cursor.extended:
                raise self._cursor.error(f"the group name {name!r} is used twice", start)
            number = self.names[name]
        else:
            self.count += 1
            while name is not None and self.count in self.names.values():
                self.count += 1  # after a branch reset
            number = self.count
        if name is not None:
            self.names[name] = number
        if number in self._open:
            # A group inside of one of the same name has a number of its own, which nothing can refer to.
            self._hidden += 1
            number = -self._hidden
        self._open.add(number)
        self._opened[number] += 1
        return number

    def close(self, number: int) -> None:
        self._open.discard(number)

    def number(self, name: str, start: int, open_too: bool = False) -> int:
        """The group that a reference names, by name or number."""
        known = self.names.get(name) or self._known.get(name)
        later = self._cursor.ecma or self._cursor.extended
        if known is None and name.isdecimal() and 0 < len(name) < 10 and int(name) > 0:
            known = int(name)
            if later:
                self._numbered[start] = (known, name)
            elif known > self.count:
                known = None
        if known is not None:
            if not self._cursor.ecma and not open_too and known in self._open:
                raise self._cursor.error("a group cannot refer to itself", start)
            return known
        if self._total < 0 and later:
            self.refers_forward = True
            return 0
        raise self._cursor.error(f"there is no group {name!r}", start)

    def condition(self, name: str, start: int) -> int | None:
        """The group that a condition names; it may be open, or, by number, come later. None for DEFINE."""
        if name.isdecimal() and 0 < len(name) < 10 and int(name) > 0:
            self._numbered[start] = (int(name), name)
            return int(name)
        known = self.names.get(name) or self._known.get(name)
        if known is None and name == "DEFINE" and self._cursor.extended:
            return None
        if known is None and self._cursor.extended and name.isidentifier():
            # In the end it may turn out not to matter.
            self.refers_forward = self._total < 0
            self._numbered[start] = (MISSING, name)
            return MISSING
        if known is None:
            raise self._cursor.error(f"there is no group {name!r}", start)
        return known

    def drop_condition(self, start: int) -> None:
        """The condition at `start` decides nothing; its group need not exist."""
        self._numbered.pop(start, None)

    def call(self, name: str, start: int) -> Recurse:
        """The group `name`, or 0 for the whole pattern, tried anew."""
        number = 0 if name == "0" else self.number(name, start, open_too=True)
        self._calls.append((number, start))
        return Recurse(number, self._targets)

    def reference(self, flags: frozenset[str]) -> Node | None:
        """The back-reference the cursor is on, stepped over, if it is on one."""
        cursor = self._cursor
        start = cursor.at
        if cursor.ecma and cursor.match("\\k"):
            if not cursor.match("<"):
                raise cursor.error("\\k needs a group name in angle brackets", start)
            return self._backreference(cursor.until(">", start, "\\k<...>"), flags, start)
        if cursor.extended and cursor.peek(3) == "\\g<":
            end = cursor.pattern.find(">", start)
            name = cursor.pattern[start + 3 : end]
            known = int(name) if name.isdecimal() and len(name) < 10 else self.names.get(name)
            unfinished = known in self._open and "V1" not in flags  # then \g is the letter
            if end > 0 and (name.isidentifier() or name.isdecimal()) and not unfinished:
                cursor.at = end + 1
                return self._backreference(name, flags, start)
        if cursor.peek(2)[1:] not in tuple("123456789"):
            return None
        cursor.take()
        if cursor.ecma:
            return self._backreference(cursor.take_while(DIGITS), flags, start)
        octal = OCTAL if cursor.extended else "123"
        if len(cursor.peek(3)) == 3 and cursor.peek() in octal and all(c in OCTAL for c in cursor.peek(3)):
            cursor.at = start  # an octal escape
            return None
        return self._backreference(cursor.take_while(DIGITS, limit=2), flags, start)

    def named_reference(self, flags: frozenset[str], start: int) -> Node:
        """(?P=name), the cursor behind the equals sign."""
        return self._backreference(self._cursor.until(")", start, "the reference"), flags, start)

    def _backreference(self, name: str, flags: frozenset[str], start: int) -> Node:
        fold: Fold = ""
        if "i" in flags:
            fold = "simple" if self._cursor.ecma else "ascii" if "a" in flags else "python"
            if self._cursor.extended and "a" not in flags:
                fold = "full" if "f" in flags else "package"
        number = self.number(name, start, open_too=self._cursor.extended and "V1" in flags)
        return Backreference(number, fold, optional=self._cursor.ecma)

    def finish(self, tree: Node) -> Node:
        """The tree without the groups that nothing refers to."""
        for start, (number, name) in self._numbered.items():
            if number > self.count and not self.refers_forward:
                raise self._cursor.error(f"there is no group {name!r}", start)
        for number, start in self._calls:
            if self._opened[number] > 1:
                raise self._cursor.error(f"several groups have the number {number}", start)
        if not self.keeps_groups:
            return tree
        wanted = {number for number, _ in self._calls}
        for node in postorder(tree):
            if isinstance(node, Backreference):
                wanted.add(node.number)
            elif isinstance(node, Conditional) and isinstance(node.test, int):
                wanted.add(node.test)
        made: dict[int, Node] = {}
        for node in postorder(tree):
            if isinstance(node, Group) and node.number not in wanted:
                made[id(node)] = made[id(node.item)]
            elif isinstance(node, Forget):
                made[id(node)] = Forget(tuple(n for n in node.numbers if n in wanted))
            else:
                made[id(node)] = replaced(node, [made[id(child)] for child in children(node)])
                if isinstance(node, Group):
                    self._targets[node.number] = made[id(node)]
        self._targets[0] = made[id(tree)]
        return made[id(tree)]
