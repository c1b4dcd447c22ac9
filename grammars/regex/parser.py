"""Regular expression text to syntax tree, for Python's `re` and for ECMA-262 (the patterns of JSON Schema).

One loop with an explicit stack of open groups: nesting costs no recursion. Whatever `re` itself refuses is refused
with its message. `groups.py` reads what opens a group, `escapes.py` escapes and classes.
"""

from __future__ import annotations

import functools
import re
import sys
import warnings
from collections.abc import Mapping
from typing import Final, Literal

from ..errors import GrammarError
from .charsets import ASCII_WORD, ECMA_NEWLINES, EVERYTHING, NEWLINE, category, negate
from .cursor import Cursor
from .escapes import DIGITS, character_class, escape, literal
from .groups import GroupTable, OpenGroup, open_group
from .nodes import Assertion, Chars, EmptyRound, Forget, Group, Node, Repeat, Sequence, postorder

Dialect = Literal["python", "ecma"]

MAX_NESTING: Final = 200
MAX_REPEAT: Final = 2**31 - 2


def parse(pattern: str, dialect: Dialect = "python", flags: str = "") -> Node:
    """Parse a regular expression.

    `dialect` "python" is `re` (Unicode classes, IGNORECASE as `re` does it), "ecma" is ECMA-262 with the u flag, plus
    the web's leniency for escaped punctuation and literal braces. `flags` are letters in force from the start, as in
    `(?flags)`; "ecma" knows m and s. Raises GrammarError with line, column and the offending text: syntax errors,
    unknown Unicode properties, more than 200 nested groups.
    """
    if not isinstance(pattern, str):
        raise GrammarError(f"a regular expression must be a string, not {type(pattern).__name__}", text=repr(pattern))
    ecma = dialect == "ecma"
    unknown = set(flags) - set("ms" if ecma else "imsxau")
    if unknown:
        raise GrammarError(
            f"regular expression: unknown flags {''.join(sorted(unknown))!r} for the {dialect} dialect", text=flags
        )
    return _parse(pattern, ecma, "".join(sorted(flags)))


@functools.lru_cache(maxsize=2048)
def _parse(pattern: str, ecma: bool, flags: str) -> Node:
    parser = _Parser(Cursor(pattern, ecma), frozenset(flags), {}, -1)
    tree = parser.parse()
    if parser.table.refers_forward:
        # Now all groups are known.
        tree = _Parser(Cursor(pattern, ecma), frozenset(flags), parser.table.names, parser.table.count).parse()
    if not ecma:
        _confirm_with_re(pattern, flags)
    return tree


def _confirm_with_re(pattern: str, flags: str) -> None:
    """Python's own compiler has the last word on what is a pattern."""
    bits = functools.reduce(lambda bits, letter: bits | re.RegexFlag[letter.upper()], flags, re.RegexFlag(0))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern, bits)
    except re.error as error:
        at = error.pos or 0
        raise GrammarError(
            f"regular expression: {error.msg}",
            line=error.lineno,
            column=error.colno,
            text=pattern[at : at + 40] or pattern,
        ) from None
    except (OverflowError, RecursionError, ValueError) as error:
        raise GrammarError(f"regular expression: {error}", text=pattern) from None


class _Parser:
    def __init__(self, cursor: Cursor, flags: frozenset[str], names: Mapping[str, int], total: int) -> None:
        """`names` and `total` are the groups of the whole pattern if a first reading has found them (else -1)."""
        self.cursor = cursor
        self.ecma = cursor.ecma
        self.table = GroupTable(cursor, names, total)
        self.stack = [OpenGroup(0, flags)]

    def parse(self) -> Node:
        cursor = self.cursor
        while cursor.at < len(cursor.pattern):
            group = self.stack[-1]
            next_char = cursor.peek()
            if "x" in group.flags and next_char in " \t\n\r\v\f#":
                self._skip_verbose()
            elif next_char == "(":
                self._open()
            elif next_char == ")":
                self._close()
            elif next_char == "|":
                group.end_branch(cursor)
            elif next_char in "*+?{" and self._quantify(group):
                pass
            else:
                self._atom(group)
        if len(self.stack) > 1:
            raise cursor.error("this group lacks its closing ')'", self.stack[-1].start)
        return self.table.finish(self.stack[0].close(cursor))

    def _skip_verbose(self) -> None:
        if self.cursor.take() == "#":
            end = self.cursor.pattern.find("\n", self.cursor.at)
            self.cursor.at = len(self.cursor.pattern) if end < 0 else end + 1

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
        if group.kind == "test":
            self.stack[-1].test = node
            return
        if group.number:
            self.table.close(group.number)
        self.stack[-1].add(node, repeatable=True)

    def _quantify(self, group: OpenGroup) -> bool:
        """Apply the quantifier the cursor is on to the last item; False if it is a literal brace."""
        cursor = self.cursor
        start = cursor.at
        sign = cursor.take()
        least, most = {"*": (0, -1), "+": (1, -1), "?": (0, 1), "{": (0, 0)}[sign]
        if sign == "{":
            bounds = self._bounds(start)
            if bounds is None:
                cursor.at = start
                return False
            least, most = bounds
        lazy = cursor.match("?")
        # Before 3.11 `re` has no possessive quantifiers, and says so.
        possessive = not lazy and not self.ecma and cursor.match("+")
        if not group.items:
            raise cursor.error("there is nothing to repeat here", start)
        if not group.repeatable:
            what = "an anchor" if isinstance(group.items[-1], Assertion) else "a repetition"
            raise cursor.error(f"{what} cannot be repeated; put it into a group", start)
        item = group.items.pop()
        if self.ecma and self.table.keeps_groups:
            # Every round starts with its groups unset.
            inner = tuple(n.number for n in postorder(item) if isinstance(n, Group))
            item = Sequence((Forget(inner), item)) if inner else item
        empty_round: EmptyRound = "fails" if self.ecma else "ends"
        group.add(Repeat(item, least, most, lazy, possessive, empty_round), repeatable=False)
        return True

    def _bounds(self, start: int) -> tuple[int, int] | None:
        cursor = self.cursor
        low = cursor.take_while(DIGITS)
        comma = cursor.match(",")
        high = cursor.take_while(DIGITS) if comma else low
        # {} is text in both dialects; {,n} and {,} are bounds in Python only.
        if not cursor.match("}") or not (low or (comma and not self.ecma)):
            return None
        # The length first: int() refuses thousands of digits.
        if max(len(low), len(high)) > 10 or max(int(low or 0), int(high or 0)) > MAX_REPEAT:
            raise cursor.error(f"repetitions go up to {MAX_REPEAT}", start)
        least, most = int(low or 0), int(high) if high else -1
        if 0 <= most < least:
            raise cursor.error("the least number of repetitions exceeds the greatest", start)
        return least, most

    def _atom(self, group: OpenGroup) -> None:
        cursor, flags = self.cursor, group.flags
        next_char = cursor.peek()
        assertion = self._assertion(flags)
        if assertion is not None:
            group.add(assertion, repeatable=False)
        elif next_char == "[":
            group.add(Chars(character_class(cursor, flags)), repeatable=True)
        elif next_char == ".":
            cursor.take()
            newlines = ECMA_NEWLINES if self.ecma else NEWLINE
            group.add(Chars(EVERYTHING if "s" in flags else negate(newlines)), repeatable=True)
        elif next_char == "\\":
            reference = self.table.reference(flags)
            if reference is not None:
                group.add(reference, repeatable=True)
                return
            ranges, code = escape(cursor, flags, in_class=False)
            group.add(Chars(ranges if code is None else literal(code, flags)), repeatable=True)
        else:
            group.add(Chars(literal(ord(cursor.take()), flags)), repeatable=True)

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
