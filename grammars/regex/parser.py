"""Regular expression text to syntax tree, for Python's `re` and for ECMA-262 (the patterns of JSON Schema).

One loop with an explicit stack of open groups: nesting costs no recursion. Whatever `re` itself refuses is refused
with its message; longer look-around than one character and what no finite automaton can do are refused by name.
"""

from __future__ import annotations

import functools
import re
import sys
import warnings
from dataclasses import dataclass, field
from typing import Final, Literal

from ..errors import GrammarError
from .charsets import ASCII_WORD, ECMA_NEWLINES, EVERYTHING, NEWLINE, category, negate, normalise
from .cursor import Cursor
from .escapes import DIGITS, character_class, escape, literal
from .nodes import EMPTY, Alternatives, Assertion, AssertionKind, Chars, Node, Repeat, Sequence

Dialect = Literal["python", "ecma"]

MAX_NESTING: Final = 200
MAX_REPEAT: Final = 2**31 - 2

_LOOKAROUND: Final[dict[str, tuple[AssertionKind, str]]] = {
    "?=": ("ahead", "a lookahead (?=...)"),
    "?!": ("not_ahead", "a negative lookahead (?!...)"),
    "?<=": ("behind", "a lookbehind (?<=...)"),
    "?<!": ("not_behind", "a negative lookbehind (?<!...)"),
}
_REFUSED_GROUPS = {
    "?>": "an atomic group (?>...)",
    "?P=": "a back-reference (?P=...)",
    "?(": "a conditional group (?(...)...)",
}


@dataclass(slots=True)
class _Group:
    """An open parenthesis (or the whole pattern): where it stands, the flags inside, and what was read so far."""

    start: int
    flags: frozenset[str]
    look: str = ""  # "?=" and so on, for a look-around
    branches: list[Node] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)
    repeatable: bool = False

    def add(self, node: Node, repeatable: bool) -> None:
        self.items.append(node)
        self.repeatable = repeatable

    def end_branch(self) -> None:
        self.branches.append(
            self.items[0] if len(self.items) == 1 else Sequence(tuple(self.items)) if self.items else EMPTY
        )
        self.items, self.repeatable = [], False

    def close(self) -> Node:
        self.end_branch()
        return self.branches[0] if len(self.branches) == 1 else Alternatives(tuple(self.branches))


def parse(pattern: str, dialect: Dialect = "python", flags: str = "") -> Node:
    """Parse a regular expression.

    `dialect` "python" is `re` (Unicode classes, IGNORECASE as `re` does it), "ecma" is ECMA-262 with the u flag, plus
    the web's leniency for escaped punctuation and literal braces. `flags` are letters in force from the start, as in
    `(?flags)`; "ecma" knows m and s. Raises GrammarError with line, column and the offending text: syntax errors,
    look-around for more than one character, back-references, conditional, atomic and possessive constructs, unknown
    Unicode properties, more than 200 nested groups.
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
    tree = _Parser(Cursor(pattern, ecma), frozenset(flags)).parse()
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
    def __init__(self, cursor: Cursor, flags: frozenset[str]) -> None:
        self.cursor = cursor
        self.ecma = cursor.ecma
        self.stack = [_Group(0, flags)]

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
                cursor.take()
                group.end_branch()
            elif next_char in "*+?{" and self._quantify(group):
                pass
            else:
                self._atom(group)
        if len(self.stack) > 1:
            raise cursor.error("this group lacks its closing ')'", self.stack[-1].start)
        return self.stack[0].close()

    def _skip_verbose(self) -> None:
        if self.cursor.take() == "#":
            end = self.cursor.pattern.find("\n", self.cursor.at)
            self.cursor.at = len(self.cursor.pattern) if end < 0 else end + 1

    def _open(self) -> None:
        cursor, flags = self.cursor, self.stack[-1].flags
        start = cursor.at
        cursor.take()
        look = next((opening for opening in _LOOKAROUND if cursor.match(opening)), "")
        if not look and cursor.peek() == "?":
            scoped = self._special(start, flags)
            if scoped is None:
                return
            flags = scoped
        if len(self.stack) > MAX_NESTING:
            raise cursor.error(f"more than {MAX_NESTING} nested groups", start)
        self.stack.append(_Group(start, flags, look))

    def _special(self, start: int, flags: frozenset[str]) -> frozenset[str] | None:
        """What follows `(?`: the flags inside of the group, or None where no group begins."""
        cursor = self.cursor
        for opening, name in _REFUSED_GROUPS.items():
            if cursor.match(opening):
                raise cursor.unsupported(name, start)
        cursor.take()
        if cursor.match(":"):
            return flags
        if cursor.match("<" if self.ecma else "P<"):
            name = cursor.until(">", start, "the group name")
            if not name.isidentifier() and not self.ecma:
                raise cursor.error(f"bad group name {name!r}", start)
            return flags
        if not self.ecma and cursor.match("#"):
            cursor.until(")", start, "the comment")
            return None
        return self._flags(start, flags)

    def _flags(self, start: int, flags: frozenset[str]) -> frozenset[str] | None:
        cursor = self.cursor
        known = "ims" if self.ecma else "aimsux"
        added = cursor.take_while(known)
        removed = cursor.take_while("ims" if self.ecma else "imsx") if cursor.match("-") else ""
        if not added and not removed:
            cursor.take()
            raise cursor.error("unknown kind of group", start)
        if self.ecma and "i" in added + removed:
            raise cursor.unsupported("ignoring case (?i)", start, "Write both cases, as in [aA].")
        if "a" in added:
            flags -= {"u"}
        if "u" in added:
            flags -= {"a"}
        changed = (flags | set(added)) - set(removed)
        if cursor.match(":"):
            return changed
        if not self.ecma and not removed and cursor.match(")"):
            group = self.stack[-1]
            if len(self.stack) > 1 or group.branches or group.items:
                raise cursor.error("global flags must stand at the start of the pattern", start)
            group.flags = changed
            return None
        cursor.take()
        raise cursor.error("unknown flag or unfinished group", start)

    def _close(self) -> None:
        cursor = self.cursor
        start = cursor.at
        cursor.take()
        if len(self.stack) == 1:
            raise cursor.error("this ')' closes no group", start)
        group = self.stack.pop()
        node = group.close()
        self.stack[-1].add(self._look_around(group, node) if group.look else node, repeatable=True)

    def _look_around(self, group: _Group, node: Node) -> Assertion:
        """Look-around for one character; anything longer is refused."""
        kind, name = _LOOKAROUND[group.look]
        branches = node.items if isinstance(node, Alternatives) else (node,)
        ranges = [branch.ranges for branch in branches if isinstance(branch, Chars)]
        if len(ranges) != len(branches):
            hint = "Look-around is supported for one character, as in (?![a-z]); rewrite the pattern without it."
            raise self.cursor.unsupported(name, group.start, hint)
        return Assertion(kind, normalise(r for members in ranges for r in members))

    def _quantify(self, group: _Group) -> bool:
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
        if not lazy and not self.ecma and cursor.match("+"):
            raise cursor.unsupported("a possessive quantifier", start)
        if not group.items:
            raise cursor.error("there is nothing to repeat here", start)
        if not group.repeatable:
            what = "an anchor" if isinstance(group.items[-1], Assertion) else "a repetition"
            raise cursor.error(f"{what} cannot be repeated; put it into a group", start)
        group.add(Repeat(group.items.pop(), least, most, lazy), repeatable=False)
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

    def _atom(self, group: _Group) -> None:
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
            start = cursor.at
            if self.ecma and cursor.peek(2) == "\\k":
                cursor.take(2)
                raise cursor.unsupported("a back-reference", start)
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
