"""What begins with a parenthesis: groups, look-around, conditions, calls, flags, comments and verbs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .cursor import Cursor
from .escapes import DIGITS
from .groups import GroupTable, Kind, OpenGroup
from .nodes import NOTHING, Commit, Node

_LOOKAROUND: Final[dict[str, tuple[Kind, bool]]] = {
    "?=": ("ahead", False),
    "?!": ("ahead", True),
    "?<=": ("behind", False),
    "?<!": ("behind", True),
}
_VERBS: Final[dict[str, Node]] = {"FAIL": NOTHING, "F": NOTHING, "PRUNE": Commit(), "SKIP": Commit(skip=True)}
_FLAGS: Final = {"python": "aimsux", "ecma": "ims", "package": "abefimprsuwx", "rust": "abefimprsuwxU"}
# Flags that hold for the whole pattern, wherever they stand.
_GLOBAL: Final = frozenset({"V0", "V1", "b", "e", "p", "r"})


class GlobalFlags(Exception):
    """The pattern must be read anew, with these flags in force from its start."""

    def __init__(self, flags: frozenset[str]) -> None:
        self.flags = flags


def open_group(cursor: Cursor, stack: Sequence[OpenGroup], table: GroupTable) -> OpenGroup | Node | None:
    """What begins with the ( the cursor is on: a group, something complete, or nothing but new flags."""
    flags = stack[-1].flags
    start = cursor.at
    cursor.take()
    for opening, (kind, negated) in _LOOKAROUND.items():
        if cursor.match(opening):
            return OpenGroup(start, flags, kind, negated)
    if cursor.match("?"):
        return _special(cursor, start, stack, table)
    if cursor.extended and cursor.peek() == "*" and cursor.peek(2)[1:].isalpha():
        cursor.take()
        word = cursor.until(")", start, "the verb")
        if word not in _VERBS:
            raise cursor.error(f"unknown verb {word!r}", start + 2)
        return _VERBS[word]
    return _capture(start, flags, None, table)


def _special(cursor: Cursor, start: int, stack: Sequence[OpenGroup], table: GroupTable) -> OpenGroup | Node | None:
    """The cursor is behind (? of something that is no look-around."""
    flags = stack[-1].flags
    if cursor.match(":"):
        return OpenGroup(start, flags)
    if (not cursor.ecma and cursor.match("P<")) or (cursor.syntax != "python" and cursor.match("<")):
        place = cursor.at
        name = cursor.until(">", start, "the group name")
        if not name.isidentifier() and not cursor.ecma:
            raise cursor.error(f"bad group name {name!r}", start)
        return _capture(start, flags, name, table, place)
    if not cursor.ecma:
        if cursor.match("#"):
            _comment(cursor, start)
            return None
        if cursor.match(">"):
            return OpenGroup(start, flags, "atomic")
        if cursor.match("P="):
            return table.named_reference(flags, start)
        if cursor.peek() == "(":
            return _conditional(cursor, start, flags, table)
    if cursor.extended:
        if cursor.match("|"):
            return OpenGroup(start, flags, "reset", numbers=(table.count, table.count))
        if cursor.match("&") or cursor.match("P>") or cursor.match("P&"):
            return table.call(cursor.until(")", start, "the call"), start)
        if cursor.match("R)"):
            return table.call("0", start)
        if cursor.peek() in tuple(DIGITS) or (cursor.peek() in ("+", "-") and cursor.peek(2)[1:] in tuple(DIGITS)):
            return table.call(_called_number(cursor, start, table), start)
        return _extended_flags(cursor, start, stack)
    return _flags(cursor, start, stack)


def _capture(start: int, flags: frozenset[str], name: str | None, table: GroupTable, name_start: int = 0) -> OpenGroup:
    return OpenGroup(start, flags, "group", number=table.open(name, name_start))


def _comment(cursor: Cursor, start: int) -> None:
    if not cursor.extended:
        cursor.until(")", start, "the comment")
        return
    while not cursor.match(")"):
        if cursor.take() == "\\":
            cursor.take()
        if not cursor.peek():
            raise cursor.error("the comment lacks its closing ')'", start)


def _conditional(cursor: Cursor, start: int, flags: frozenset[str], table: GroupTable) -> OpenGroup:
    """The cursor is on the parenthesis that opens the condition."""
    if cursor.extended and any(cursor.pattern.startswith(look, cursor.at + 1) for look in _LOOKAROUND):
        return OpenGroup(start, flags, "conditional", awaits_test=True)
    cursor.take()
    name = cursor.until(")", start, "the condition")
    return OpenGroup(start, flags, "conditional", test=table.condition(name, start))


def _called_number(cursor: Cursor, start: int, table: GroupTable) -> str:
    sign = cursor.take() if cursor.peek() in ("+", "-") else ""
    digits = cursor.take_while(DIGITS)
    if not cursor.match(")") or len(digits) > 9:
        raise cursor.error("a call is a number in parentheses", start)
    if not sign:
        return str(int(digits))
    number = table.count + int(digits) if sign == "+" else table.count - int(digits) + 1
    if number <= 0:
        raise cursor.error("there is no such group", start)
    return str(number)


def _flags(cursor: Cursor, start: int, stack: Sequence[OpenGroup]) -> OpenGroup | None:
    flags = stack[-1].flags
    known = _FLAGS[cursor.syntax]
    added = cursor.take_while(known)
    removed = cursor.take_while(known.replace("a", "").replace("u", "")) if cursor.match("-") else ""
    if not added and not removed:
        cursor.take()
        raise cursor.error("unknown kind of group", start)
    changed = _changed(flags, frozenset(added), frozenset(removed))
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


def _extended_flags(cursor: Cursor, start: int, stack: Sequence[OpenGroup]) -> OpenGroup | None:
    """Flags for a group, or from here to the end of the group around them."""
    added = _flag_set(cursor)
    removed = _flag_set(cursor) if cursor.match("-") else frozenset()
    if removed & _GLOBAL or added & removed:
        raise cursor.error("this flag cannot be turned off", start)
    around = stack[0].flags
    if not (added & _GLOBAL) <= around:
        raise GlobalFlags(added & _GLOBAL)
    changed = _changed(stack[-1].flags, added - _GLOBAL, removed)
    if cursor.match(":"):
        return OpenGroup(start, changed)
    if cursor.match(")"):
        stack[-1].flags = changed
        return None
    cursor.take()
    raise cursor.error("unknown flag or kind of group", start)


def _flag_set(cursor: Cursor) -> frozenset[str]:
    flags: set[str] = set()
    while True:
        if cursor.peek(2) in ("V0", "V1"):
            flags.add(cursor.take(2))
        elif cursor.peek() and cursor.peek() in _FLAGS[cursor.syntax]:
            flags.add(cursor.take())
        else:
            return frozenset(flags)


def _changed(flags: frozenset[str], added: frozenset[str], removed: frozenset[str]) -> frozenset[str]:
    if "a" in added:
        flags -= {"u"}
    if "u" in added:
        flags -= {"a"}
    return (flags | added) - removed
