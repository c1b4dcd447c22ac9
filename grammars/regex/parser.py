"""Regular expression text to syntax tree: Python's `re`, what the regex package and Rust's regex crate add to it, and
ECMA-262 (the patterns of JSON Schema).

One loop with an explicit stack of open groups: nesting costs no recursion. `re` and the regex package have the last
word on what is a pattern. `openings.py` reads what a parenthesis opens, `groups.py` keeps the groups, `escapes.py` and
`extended.py` read escapes and sets.
"""

from __future__ import annotations

import functools
import re
import sys
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Literal

import regex

from ..errors import GrammarError
from . import extended
from .charsets import ASCII_WORD, ECMA_NEWLINES, EVERYTHING, NEWLINE, Ranges, category, negate
from .cursor import Cursor, Syntax
from .escapes import DIGITS, character_class, escape, literal
from .groups import GroupTable, OpenGroup
from .nodes import (
    EMPTY,
    Assertion,
    Atomic,
    Chars,
    Commit,
    Conditional,
    EmptyRound,
    Forget,
    Group,
    Node,
    Repeat,
    Sequence,
    postorder,
)
from .openings import GlobalFlags, open_group
from .shape import holds

Dialect = Literal["python", "ecma"]

MAX_NESTING: Final = 200
MAX_REPEAT: Final = 2**31 - 2
MAX_SETS: Final = 500  # that the regex package is asked about

_EMPTY_ROUNDS: Final[dict[Syntax, EmptyRound]] = {
    "python": "ends",
    "ecma": "fails",
    "package": "ends unless captured",
    "rust": "ends unless captured",
}
# A POSIX class in a set: `re` warns that it will mean something else one day.
_POSIX = re.compile(r"\[:\^?[A-Za-z]+:\]")
# The number of errors that approximate matching allows.
_APPROXIMATE = re.compile(r"\{(?:\d+<=?)?[deis](?:<=?\d+)?(?:,[^{}]*)?(?::[^{}]*)?\}|\{[^{}]*[dis][^{}]*<=?\d+\}")
# What Rust has and the regex package has not.
_RUST = re.compile(r"\\[xuU]\{|\(\?[a-z]*U")


def parse(pattern: str, dialect: Dialect = "python", flags: str = "", *, places: bool = False) -> Node:
    """Parse a regular expression.

    `dialect` "python" is `re`; what `re` cannot read means what the regex package says (version 0 unless the pattern
    asks for another), or else Rust. "ecma" is ECMA-262 with the u flag, plus the web's leniency for escaped
    punctuation and literal braces. `flags` are letters in force from the start, as in `(?flags)`; "ecma" knows i, m
    and s. With `places` the characters know where in the pattern they stand. Raises GrammarError with line, column
    and the offending text: syntax errors, unknown Unicode properties, more than 200 nested groups.
    """
    if not isinstance(pattern, str):
        raise GrammarError(f"a regular expression must be a string, not {type(pattern).__name__}", text=repr(pattern))
    ecma = dialect == "ecma"
    unknown = set(flags) - set("ims" if ecma else "imsxau")
    if unknown:
        raise GrammarError(
            f"regular expression: unknown flags {''.join(sorted(unknown))!r} for the {dialect} dialect", text=flags
        )
    return _parse(pattern, ecma, "".join(sorted(flags)), places)


@functools.lru_cache(maxsize=2048)
def _parse(pattern: str, ecma: bool, flags: str, places: bool) -> Node:
    if ecma:
        return _read(pattern, "ecma", frozenset(flags), places)
    tree = None
    try:
        tree = _read(pattern, "python", frozenset(flags), places)
        doubts = _confirm(pattern, flags, re)
        if not _POSIX.search(pattern):
            for doubt in doubts:
                extended.warn_of_literal(pattern, int(doubt.rpartition(" ")[2]))
            return tree
    except GrammarError as error:
        refusal = error
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            extended_tree = _read(pattern, "package", frozenset(flags), places)
        _confirm(pattern, flags, regex)
        for warning in told:
            warnings.warn(warning.message, stacklevel=2)
        return extended_tree
    except GrammarError as error:
        if tree is not None:
            return tree
        refusal = max(error, refusal, key=lambda e: (e.line or 0, e.column or 0))  # the one that understood more
    if _RUST.search(pattern):
        return _read(pattern, "rust", frozenset(flags), places)
    raise refusal


@functools.lru_cache(maxsize=2048)
def parse_re(pattern: str, flags: str = "") -> Node:
    """What a pattern means to Python's `re`, and nothing beyond it; as `parse` otherwise."""
    tree = _read(pattern, "python", frozenset(flags))
    _confirm(pattern, flags, re)
    return tree


def _read(pattern: str, syntax: Syntax, flags: frozenset[str], places: bool = False) -> Node:
    names: Mapping[str, int] = {}
    total = -1
    while True:
        parser = _Parser(Cursor(pattern, syntax), flags, names, total, places)
        try:
            tree = parser.parse()
        except GlobalFlags as more:
            flags |= more.flags | ({"f"} if "V1" in more.flags else set())
            continue
        if not parser.table.refers_forward:
            break
        # Now all groups are known.
        names, total = parser.table.names, parser.table.count
    if "r" in flags and any(isinstance(n, (Atomic, Commit, Group)) or _is_possessive(n) for n in postorder(tree)):
        hint = "Leave the flag out: what matches from right to left mostly does from left to right."
        raise parser.cursor.unsupported("the flag r with references or atomic parts", 0, hint)
    return tree


def _is_possessive(node: Node) -> bool:
    return isinstance(node, Repeat) and node.possessive


def _confirm(pattern: str, flags: str, package: Any) -> list[str]:
    """The compiler of `re`, or of the regex package, has the last word on what is a pattern.  Where `re` suspects that
    a set was meant otherwise: its warnings."""
    bits = functools.reduce(lambda bits, letter: bits | getattr(package, letter.upper()), flags, 0)
    try:
        with warnings.catch_warnings(record=True) as doubts:
            warnings.simplefilter("always")
            package.compile(pattern, bits)
    except package.error as error:
        at = error.pos or 0
        raise GrammarError(
            f"regular expression: {error.msg}",
            line=pattern.count("\n", 0, at) + 1,
            column=at - pattern.rfind("\n", 0, at),
            text=pattern[at : at + 40] or pattern,
        ) from None
    except (OverflowError, RecursionError, ValueError) as error:
        raise GrammarError(f"regular expression: {error}", text=pattern) from None
    return [
        str(doubt.message) for doubt in doubts if str(doubt.message).startswith(("Possible nested", "Possible set"))
    ]


def _is_something(node: Node) -> bool:
    return not isinstance(node, (Sequence, Conditional))


class _Parser:
    def __init__(
        self, cursor: Cursor, flags: frozenset[str], names: Mapping[str, int], total: int, places: bool
    ) -> None:
        """`names` and `total` are the groups of the whole pattern if a first reading has found them (else -1)."""
        self.cursor = cursor
        self.ecma = cursor.ecma
        self.extended = cursor.extended
        self._places = places
        self._literals: dict[tuple[int, frozenset[str]], Node] = {}
        self._sets: dict[Ranges, Node] = {}
        self._asked: set[str] = set()
        self.table = GroupTable(cursor, names, total)
        self.stack = [OpenGroup(0, flags)]

    def parse(self) -> Node:
        cursor = self.cursor
        while cursor.at < len(cursor.pattern):
            group = self.stack[-1]
            next_char = cursor.peek()
            if "x" in group.flags and self._skip_verbose():
                pass
            elif next_char == "(":
                self._open()
            elif next_char == ")":
                self._close()
            elif next_char == "|":
                group.end_branch(cursor)
                self._reset(group)
            elif next_char in "*+?{" and self._quantify(group):
                pass
            else:
                self._atom(group)
        if len(self.stack) > 1:
            raise cursor.error("this group lacks its closing ')'", self.stack[-1].start)
        return self.table.finish(self.stack[0].close(cursor))

    def _skip_verbose(self) -> bool:
        """Step over blanks and comments; False if there are none."""
        cursor = self.cursor
        start = cursor.at
        while cursor.peek() and (cursor.peek() in " \t\n\r\v\f#" or (cursor.extended and cursor.peek().isspace())):
            if cursor.take() == "#":
                end = cursor.pattern.find("\n", cursor.at)
                cursor.at = len(cursor.pattern) if end < 0 else end
        return cursor.at > start

    def _open(self) -> None:
        start = self.cursor.at
        opened = open_group(self.cursor, self.stack, self.table)
        if isinstance(opened, OpenGroup):
            if len(self.stack) > MAX_NESTING:
                raise self.cursor.error(f"more than {MAX_NESTING} nested groups", start)
            self.stack.append(opened)
        elif opened is not None:
            self.stack[-1].add(opened, repeatable=True)

    def _close(self) -> None:
        cursor = self.cursor
        start = cursor.at
        if len(self.stack) == 1:
            raise cursor.error("this ')' closes no group", start)
        group = self.stack.pop()
        node = group.close(cursor)
        cursor.take()
        self._reset(group)
        if self.extended and isinstance(node, Conditional) and not holds(node, _is_something):
            self.table.drop_condition(group.start)
            node = EMPTY
        if group.kind == "reset":
            self.table.count = group.numbers[1]
        if group.kind == "group":
            self.table.close(group.number)
            if not self.table.keeps_groups:
                assert isinstance(node, Group)
                node = node.item
        around = self.stack[-1]
        if around.awaits_test:
            around.test, around.awaits_test = node, False
        else:
            around.add(node, repeatable=True)

    def _reset(self, group: OpenGroup) -> None:
        """A branch of a branch reset group ends: the next one numbers its groups from the same number on."""
        if group.kind == "reset":
            first, most = group.numbers
            group.numbers = (first, max(most, self.table.count))
            self.table.count = first

    def _quantify(self, group: OpenGroup) -> bool:
        """Apply the quantifier the cursor is on to the last item; False if it is a literal brace."""
        cursor = self.cursor
        start = cursor.at
        sign = cursor.take()
        least, most = {"*": (0, -1), "+": (1, -1), "?": (0, 1), "{": (0, 0)}[sign]
        if sign == "{":
            bounds = self._bounds(start, group)
            if bounds is None:
                cursor.at = start
                if self.extended and _APPROXIMATE.match(cursor.pattern, start):
                    cursor.take()
                    raise cursor.unsupported("approximate matching {e<=1}", start, "Write the variants out.")
                return False
            least, most = bounds
        if self.extended and "x" in group.flags:
            self._skip_verbose()
        lazy = cursor.match("?")
        # Before 3.11 `re` has no possessive quantifiers, and says so.
        possessive = not lazy and not self.ecma and cursor.match("+")
        group.end_literals(but_last=True)
        if not group.items:
            raise cursor.error("there is nothing to repeat here", start)
        if not group.repeatable:
            what = "an anchor" if isinstance(group.items[-1], Assertion) else "a repetition"
            raise cursor.error(f"{what} cannot be repeated; put it into a group", start)
        if cursor.syntax == "rust" and "U" in group.flags:
            lazy = not lazy
        item = group.items.pop()
        if self.ecma and self.table.keeps_groups:
            # Every round starts with its groups unset.
            inner = tuple(n.number for n in postorder(item) if isinstance(n, Group))
            item = Sequence((Forget(inner), item)) if inner else item
        empty_round = _EMPTY_ROUNDS[cursor.syntax]
        group.add(Repeat(item, least, most, lazy, possessive, empty_round), repeatable=False)
        return True

    def _bounds(self, start: int, group: OpenGroup) -> tuple[int, int] | None:
        cursor = self.cursor
        blanks = self.extended and "x" in group.flags

        def number() -> str:
            if blanks:
                self._skip_verbose()
            digits = cursor.take_while(DIGITS)
            if blanks:
                self._skip_verbose()
            return digits

        low = number()
        comma = cursor.match(",")
        high = number() if comma else low
        # {} is text everywhere; {,n} and {,} are bounds, but not in ECMA-262.
        if not cursor.match("}") or not (low or (comma and not self.ecma)):
            return None
        # The length first: int() refuses thousands of digits.
        if max(len(low), len(high)) > 10 or max(int(low or 0), int(high or 0)) > MAX_REPEAT:
            raise cursor.error(f"repetitions go up to {MAX_REPEAT}", start)
        least, most = int(low or 0), int(high) if high else -1
        if 0 <= most < least:
            raise cursor.error("the least number of repetitions exceeds the greatest", start)
        return least, most

    def _literal(self, group: OpenGroup) -> None:
        """The character the cursor is on."""
        code = ord(self.cursor.take())
        if self.extended and extended.folds_fully(group.flags):
            group.add_literal(code)
            return
        node = self._literals.get((code, group.flags))
        if node is None:
            if self.extended:
                node = extended.literal(code, group.flags)
            else:
                node = Chars(literal(code, group.flags, self.ecma))
            self._literals[code, group.flags] = node
        group.add(self._placed(node, self.cursor.at - 1), repeatable=True)

    def _placed(self, node: Node, start: int) -> Node:
        """With places, a node of its own for characters that were written from `start` up to the cursor."""
        if not self._places or not isinstance(node, Chars):
            return node
        pattern = self.cursor.pattern
        line = pattern.count("\n", 0, start)
        where = f"line {line + 1}, " if "\n" in pattern else ""
        column = start - pattern.rfind("\n", 0, start)
        return replace(node, at=f"{where}column {column}: {pattern[start : self.cursor.at]}")

    def _shared(self, node: Node) -> Node:
        """Equal sets share a node."""
        return self._sets.setdefault(node.ranges, node) if isinstance(node, Chars) else node

    def _atom(self, group: OpenGroup) -> None:
        cursor, flags = self.cursor, group.flags
        next_char, start = cursor.peek(), cursor.at
        if next_char not in "^$.[\\":
            self._literal(group)
            return
        if next_char == "\\":
            reference = self.table.reference(flags)
            if reference is not None:
                group.add(reference, repeatable=True)
                return
        if self.extended:
            self._extended_atom(group)
            return
        assertion = self._assertion(flags)
        if assertion is not None:
            group.add(assertion, repeatable=False)
            return
        if next_char == "[":
            ranges = character_class(cursor, flags)
        elif next_char == ".":
            cursor.take()
            newlines = ECMA_NEWLINES if self.ecma else NEWLINE
            ranges = EVERYTHING if "s" in flags else negate(newlines)
        else:
            ranges, code = escape(cursor, flags, in_class=False)
            if code is not None:
                ranges = literal(code, flags, self.ecma)
        group.add(self._placed(self._shared(Chars(ranges)), start), repeatable=True)

    def _extended_atom(self, group: OpenGroup) -> None:
        cursor, flags = self.cursor, group.flags
        next_char, start = cursor.peek(), cursor.at
        if next_char == "\\":
            atom = extended.escape(cursor, flags)
        elif next_char == "[":
            atom = extended.character_set(cursor, flags)
        else:
            cursor.take()
            if next_char == ".":
                atom = extended.any_character(flags)
            elif next_char == "^":
                atom = extended.line_start(flags)
            else:
                atom = extended.line_end(flags)
        self._asked.add(cursor.pattern[start : cursor.at])
        if len(self._asked) > MAX_SETS:
            raise cursor.error(f"more than {MAX_SETS} different sets", start)
        if not isinstance(atom, int):
            group.add(self._placed(self._shared(atom), start), repeatable=True)
        elif extended.folds_fully(flags):
            group.add_literal(atom)
        else:
            group.add(self._placed(self._shared(extended.literal(atom, flags)), start), repeatable=True)

    def _assertion(self, flags: frozenset[str]) -> Assertion | None:
        """The assertion the cursor is on, stepped over, if it is on one."""
        cursor, ecma = self.cursor, self.ecma
        newlines = ECMA_NEWLINES if ecma else NEWLINE
        if cursor.match("^"):
            return Assertion("line_start", newlines) if "m" in flags else Assertion("start")
        if cursor.match("$"):
            if "m" in flags:
                return Assertion("line_end", newlines)
            return Assertion("end") if ecma else Assertion("final")
        if not ecma and cursor.match("\\A"):
            return Assertion("start")
        if not ecma and (cursor.match("\\Z") or (sys.version_info >= (3, 14) and cursor.match("\\z"))):
            return Assertion("end")
        if cursor.peek(2) in ("\\b", "\\B"):
            word = ASCII_WORD if ecma else category("w", "a" in flags, ecma=False)
            negated = cursor.take(2) == "\\B"
            # In Python before 3.14, \B does not match in an empty text.
            on_empty = ecma or re.search(r"\B", "") is not None
            return Assertion("not_boundary" if negated else "boundary", word, on_empty)
        return None
