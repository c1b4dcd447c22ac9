"""GBNF, llama.cpp's notation.

    root ::= item+                  # comment
    item ::= "a" [0-9] | "b"{2,3} | (item ".")? | [^x\\n]

Names are letters, digits and hyphens; the text is that of the rule `root`. A sequence ends with its line, unless it is
in parentheses or goes on after a `|`. Escapes: \\xHH \\uHHHH \\UHHHHHHHH \\t \\r \\n \\\\ \\" \\[ \\] \\-. A dot is
any character. Left recursion is allowed, repetition bounds are exact however large. Refused, though llama.cpp takes
them: token references (`<think>`, `<[7]>`, `!<...>`, they are no text), a second definition of a rule (it would
replace the first silently), empty classes and ranges with swapped ends.
"""

from __future__ import annotations

import string

from .builder import Builder
from .errors import GrammarError
from .grammar import Grammar
from .notation import (
    ANYTHING,
    MAX_NESTING,
    Characters,
    Expression,
    Reference,
    Rules,
    Scanner,
    Text,
    alternatives,
    characters,
    repeated,
    sequence,
)

_NAME = string.ascii_letters + string.digits + "-"
_ESCAPES = {"t": "\t", "r": "\r", "n": "\n", "\\": "\\", '"': '"', "[": "[", "]": "]", "-": "-"}


def gbnf(text: str) -> Grammar:
    """The grammar of a GBNF text. Raises GrammarError with line and column: syntax errors, undefined rules, no rule
    `root`."""
    return Grammar("gbnf", text)


def lower(builder: Builder, source: str) -> int:
    """The node of the rule `root`. Raises GrammarError."""
    rules = _Parser(source).parse()
    if "root" not in rules.bodies:
        names = ", ".join(list(rules.bodies)[:20]) or "none"
        raise GrammarError("a GBNF grammar needs a rule named 'root'", line=1, column=1, hint=f"Defined rules: {names}")
    return rules.lower(builder, "root")


class _Parser:
    def __init__(self, text: str) -> None:
        self.scanner = Scanner(text)
        self.rules = Rules(self.scanner)

    def parse(self) -> Rules:
        scanner = self.scanner
        self._space(newlines=True)
        while scanner.peek():
            start = scanner.at
            name = scanner.take_while(_NAME)
            if not name:
                raise scanner.error("expected the name of a rule", start)
            self._space(newlines=False)
            if not scanner.match("::="):
                raise scanner.error(f"expected '::=' after the name {name!r}", scanner.at)
            self._space(newlines=True)
            body = self._alternatives(depth=0)
            if scanner.peek() not in ("", "\r", "\n"):
                raise scanner.error(f"unexpected {scanner.peek()!r}", scanner.at)
            self._space(newlines=True)
            self.rules.add(name, body, start)
        return self.rules

    def _space(self, newlines: bool) -> None:
        scanner = self.scanner
        while scanner.peek() and scanner.peek() in (" \t#\r\n" if newlines else " \t#"):
            if scanner.take() == "#":
                while scanner.peek() not in ("", "\r", "\n"):
                    scanner.take()

    def _alternatives(self, depth: int) -> Expression:
        branches = [self._sequence(depth)]
        while self.scanner.match("|"):
            self._space(newlines=True)
            branches.append(self._sequence(depth))
        return alternatives(branches)

    def _sequence(self, depth: int) -> Expression:
        scanner = self.scanner
        items: list[Expression] = []
        while scanner.peek():
            start = scanner.at
            if scanner.peek() in "*+?{":
                least, most = {"*": (0, -1), "+": (1, -1), "?": (0, 1), "{": (0, 0)}[sign := scanner.take()]
                if sign == "{":
                    least, most = scanner.bounds(start, " \t\r\n" if depth else " \t")
                if not items:
                    raise scanner.error("there is nothing to repeat here", start)
                items.append(repeated(items.pop(), least, most))
            else:
                item = self._item(start, depth)
                if item is None:
                    break
                items.append(item)
            self._space(newlines=depth > 0)
        return sequence(items)

    def _item(self, start: int, depth: int) -> Expression | None:
        scanner = self.scanner
        if name := scanner.take_while(_NAME):
            return Reference(name, start)
        if scanner.match('"'):
            return Text(self._literal(start))
        if scanner.match("["):
            return self._class(start)
        if scanner.match("."):
            return ANYTHING
        if scanner.match("("):
            if depth >= MAX_NESTING:
                raise scanner.error(f"more than {MAX_NESTING} nested groups", start)
            self._space(newlines=True)
            inner = self._alternatives(depth + 1)
            if not scanner.match(")"):
                raise scanner.error("this group lacks its closing ')'", start)
            return inner
        if scanner.peek() in "<!":
            raise scanner.error(
                "token references are not supported", start, "Write the text of the token as a literal."
            )
        return None

    def _literal(self, start: int) -> str:
        scanner = self.scanner
        letters = []
        while not scanner.match('"'):
            if not scanner.peek():
                raise scanner.error("this literal lacks its closing quote", start)
            letters.append(self._character())
        return "".join(letters)

    def _class(self, start: int) -> Characters:
        scanner = self.scanner
        negated = scanner.match("^")
        ranges: list[tuple[int, int]] = []
        while not scanner.match("]"):
            if not scanner.peek():
                raise scanner.error("this character class lacks its closing ']'", start)
            item = scanner.at
            low = high = ord(self._character())
            if scanner.peek() == "-" and scanner.peek(2) != "-]":
                scanner.take()
                if not scanner.peek():
                    raise scanner.error("this character class lacks its closing ']'", start)
                high = ord(self._character())
            if low > high:
                raise scanner.error("this range is empty: its ends are swapped", item)
            ranges.append((low, high))
        if not ranges:
            raise scanner.error("this character class is empty", start, "Write . for any character.")
        return characters(ranges, negated)

    def _character(self) -> str:
        return self.scanner.character(_ESCAPES)
