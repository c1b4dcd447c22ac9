"""Groups of a regular expression: what opens one, what becomes of it at its end, and what refers to it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from .charsets import normalise
from .cursor import Cursor
from .escapes import DIGITS, OCTAL
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
    children,
    postorder,
    replaced,
)
from .nodes import Sequence as SequenceNode

Kind = Literal["plain", "group", "ahead", "behind", "atomic", "conditional", "test"]

_LOOKAROUND: Final[dict[str, tuple[Kind, bool]]] = {
    "?=": ("ahead", False),
    "?!": ("ahead", True),
    "?<=": ("behind", False),
    "?<!": ("behind", True),
}
_ONE_CHARACTER: Final[dict[tuple[bool, bool], AssertionKind]] = {
    (True, False): "ahead",
    (True, True): "not_ahead",
    (False, False): "behind",
    (False, True): "not_behind",
}
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
    branches: list[Node] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)
    repeatable: bool = False

    def add(self, node: Node, repeatable: bool) -> None:
        self.items.append(node)
        self.repeatable = repeatable

    def end_branch(self, cursor: Cursor) -> None:
        """The cursor is on the | that ends a branch."""
        if self.kind == "conditional" and self.branches:
            raise cursor.error("a conditional group has two branches at most", self.start)
        cursor.take()
        self._end_branch()

    def _end_branch(self) -> None:
        self.branches.append(
            self.items[0] if len(self.items) == 1 else SequenceNode(tuple(self.items)) if self.items else EMPTY
        )
        self.items, self.repeatable = [], False

    def close(self, cursor: Cursor) -> Node:
        """The node of the whole group; the cursor is on the parenthesis that closes it, or at the end."""
        self._end_branch()
        if self.kind == "conditional":
            assert self.test is None or isinstance(self.test, (int, Look, Assertion))
            return Conditional(self.test, self.branches[0], self.branches[1] if len(self.branches) > 1 else EMPTY)
        node = self.branches[0] if len(self.branches) == 1 else Alternatives(tuple(self.branches))
        if self.kind in ("ahead", "behind", "test"):
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
        self._conditions: list[tuple[int, int]] = []

    def open(self, name: str | None, start: int) -> int:
        """The number of a new group; 0 where nothing refers to groups."""
        self.count += 1
        if name is not None:
            if name in self.names:
                raise self._cursor.error(f"the group name {name!r} is used twice", start)
            self.names[name] = self.count
        self._open.add(self.count)
        return self.count

    def close(self, number: int) -> None:
        self._open.discard(number)

    def number(self, name: str, start: int) -> int:
        """The group that a reference names, by name or number."""
        known = self.names.get(name) or self._known.get(name)
        if known is None and name.isdecimal() and len(name) < 10:
            known = int(name)
            if known > max(self.count, self._total):
                known = None
        if known is not None:
            if not self._cursor.ecma and known in self._open:
                raise self._cursor.error("a group cannot refer to itself", start)
            return known
        if self._total < 0 and self._cursor.ecma:
            self.refers_forward = True
            return 0
        raise self._cursor.error(f"there is no group {name!r}", start)

    def condition(self, name: str, start: int) -> int:
        """The group that a condition names; it may be open, or, by number, come later."""
        if not name.isdecimal():
            if name in self.names:
                return self.names[name]
        elif 0 < len(name) < 10 and int(name) > 0:
            self._conditions.append((int(name), start))
            return int(name)
        raise self._cursor.error(f"there is no group {name!r}", start)

    def reference(self, flags: frozenset[str]) -> Node | None:
        """The back-reference the cursor is on, stepped over, if it is on one."""
        cursor = self._cursor
        start = cursor.at
        if cursor.ecma and cursor.match("\\k"):
            if not cursor.match("<"):
                raise cursor.error("\\k needs a group name in angle brackets", start)
            return self._backreference(cursor.until(">", start, "\\k<...>"), flags, start)
        if cursor.peek(2)[1:] not in tuple("123456789"):
            return None
        cursor.take()
        if cursor.ecma:
            return self._backreference(cursor.take_while(DIGITS), flags, start)
        if len(cursor.peek(3)) == 3 and cursor.peek() in "123" and all(c in OCTAL for c in cursor.peek(3)):
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
        return Backreference(self.number(name, start), fold, optional=self._cursor.ecma)

    def finish(self, tree: Node) -> Node:
        """The tree without the groups that nothing refers to."""
        for number, start in self._conditions:
            if number > self.count:
                raise self._cursor.error(f"there is no group {number}", start)
        if not self.keeps_groups:
            return tree
        wanted = set()
        for node in postorder(tree):
            if isinstance(node, (Backreference, Recurse)):
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
        return made[id(tree)]


def open_group(cursor: Cursor, stack: Sequence[OpenGroup], table: GroupTable) -> OpenGroup | Node | None:
    """What begins with the ( the cursor is on: a group, something complete, or nothing but new flags."""
    flags = stack[-1].flags
    start = cursor.at
    cursor.take()
    for opening, (kind, negated) in _LOOKAROUND.items():
        if cursor.match(opening):
            return OpenGroup(start, flags, kind, negated)
    if not cursor.match("?"):
        return _capture(start, flags, None, table)
    if cursor.match(":"):
        return OpenGroup(start, flags)
    if cursor.match("<" if cursor.ecma else "P<"):
        place = cursor.at
        name = cursor.until(">", start, "the group name")
        if not name.isidentifier() and not cursor.ecma:
            raise cursor.error(f"bad group name {name!r}", start)
        return _capture(start, flags, name, table, place)
    if not cursor.ecma:
        if cursor.match("#"):
            cursor.until(")", start, "the comment")
            return None
        if cursor.match(">"):
            return OpenGroup(start, flags, "atomic")
        if cursor.match("P="):
            return table.named_reference(flags, start)
        if cursor.match("("):
            name = cursor.until(")", start, "the condition")
            return OpenGroup(start, flags, "conditional", test=table.condition(name, start))
    return _flags(cursor, start, stack)


def _capture(start: int, flags: frozenset[str], name: str | None, table: GroupTable, name_start: int = 0) -> OpenGroup:
    number = table.open(name, name_start)
    return OpenGroup(start, flags, "group", number=number if table.keeps_groups else 0)


def _flags(cursor: Cursor, start: int, stack: Sequence[OpenGroup]) -> OpenGroup | None:
    flags = stack[-1].flags
    added = cursor.take_while("ims" if cursor.ecma else "aimsux")
    removed = cursor.take_while("ims" if cursor.ecma else "imsx") if cursor.match("-") else ""
    if not added and not removed:
        cursor.take()
        raise cursor.error("unknown kind of group", start)
    if cursor.ecma and "i" in added + removed:
        raise cursor.unsupported("ignoring case (?i)", start, "Write both cases, as in [aA].")
    if "a" in added:
        flags -= {"u"}
    if "u" in added:
        flags -= {"a"}
    changed = (flags | set(added)) - set(removed)
    if cursor.match(":"):
        return OpenGroup(start, changed)
    if not cursor.ecma and not removed and cursor.match(")"):
        group = stack[-1]
        if len(stack) > 1 or group.branches or group.items:
            raise cursor.error("global flags must stand at the start of the pattern", start)
        group.flags = changed
        return None
    cursor.take()
    raise cursor.error("unknown flag or unfinished group", start)
