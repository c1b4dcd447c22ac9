"""EBNF in the notation of the W3C (as in the XML specification), with a few common extensions.

    root   ::= (item ',')* item            /* rules: name ::= expression, also = and : ; an optional ';' ends a rule */
    item   ::= "x" | 'y' | [a-z#x30-#x39] | [^<&] | #x20 | .
    number ::= [0-9]{1,3} ('.' [0-9]+)?    (* ? * + {m} {m,} {m,n} *)
    word   ::= /[a-z]\\w*/i - 'end'         // a regular expression; A - B: the texts of A that are not texts of B

- The text is that of the rule `root`, else `start`, else the first rule. Nothing is skipped between items: blanks must
  be written.
- Names begin with a letter or an underscore and go on with letters, digits, `_`, `.` and hyphens that stand between
  those: `a-b` is a name, `a - b` a difference. A difference binds closer than a sequence and needs operands without
  recursion.
- In literals and classes: \\n \\r \\t \\f \\v \\\\ \\" \\' \\[ \\] \\- \\^ \\# \\/ \\xHH \\uHHHH \\UHHHHHHHH; in
  classes also #xH...
- A dot is any character, newlines included. `[...]` is always a class, `{...}` always a repetition: ISO's optional and
  repeated parts are written `(...)?` and `(...)*`. An empty alternative is the empty text.
- `/.../` is a regular expression of Python's `re` without anchors; the letters i, m, s, x after it are its flags.
- Comments: /* */, (* *), // and # to the end of the line; `#x` with a hexadecimal digit is a character instead. What
  W3C's texts write around their rules is a comment, too: the number of a rule at the beginning of a line, `[28a]`, and
  `[VC: ...]`, `[WFC: ...]`, `[NSC: ...]`.
- Unlike in W3C's texts, a backslash escapes: '\\' or #x5C is one where these write '\'.
"""

from __future__ import annotations

import re
import string

from .builder import Builder
from .errors import GrammarError
from .grammar import Grammar
from .notation import (
    ANYTHING,
    HEX,
    MAX_NESTING,
    Characters,
    Difference,
    Expression,
    Pattern,
    Reference,
    Rules,
    Scanner,
    Text,
    alternatives,
    characters,
    repeated,
    sequence,
)
from .regex import parse, refuse_assertions

_FIRST = string.ascii_letters + "_"
_NAME = _FIRST + string.digits + "."
_NUMBER = re.compile(r"\[\d+[a-z]?\][ \t]+(?=[A-Za-z_][\w.-]*\s*::=)", re.ASCII)  # of a rule
_CONDITION = re.compile(r"\[\s*(?:VC|WFC|NSC)\s*:[^\]\n]*\]", re.IGNORECASE)  # that holds besides the grammar
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", **{c: c for c in "\\\"'[]-^#/"}}


def ebnf(text: str) -> Grammar:
    """The grammar of a W3C EBNF text. Raises GrammarError with line and column: syntax errors, undefined rules, no
    rules."""
    return Grammar("ebnf", text)


def lower(builder: Builder, source: str) -> int:
    """The node of the start rule. Raises GrammarError."""
    rules = _Parser(source).parse()
    if not rules.bodies:
        raise GrammarError(
            "an EBNF grammar needs at least one rule", line=1, column=1, hint='Write, for example: root ::= "a"+'
        )
    start = next((name for name in ("root", "start") if name in rules.bodies), next(iter(rules.bodies)))
    return rules.lower(builder, start)


class _Parser:
    def __init__(self, text: str) -> None:
        self.scanner = Scanner(text)
        self.rules = Rules(self.scanner)

    def parse(self) -> Rules:
        scanner = self.scanner
        self._space()
        while scanner.peek():
            start = scanner.at
            name = self._name()
            if not name:
                raise scanner.error(f"expected the name of a rule, found {scanner.peek()!r}", start)
            self._space()
            if not self._assignment():
                raise scanner.error(f"expected '::=' after the name {name!r}", scanner.at)
            self._space()
            body = self._alternatives(depth=0)
            if scanner.match(";"):
                self._space()
            elif scanner.peek() and scanner.peek() not in _FIRST:
                raise scanner.error(f"unexpected {scanner.peek()!r}", scanner.at)
            self.rules.add(name, body, start)
        return self.rules

    def _space(self) -> None:
        """Step over blanks and comments."""
        scanner = self.scanner
        while next_char := scanner.peek():
            start = scanner.at
            if next_char in " \t\r\n":
                scanner.take()
            elif scanner.match("/*"):
                self._comment("*/", start)
            elif scanner.match("(*"):
                self._comment("*)", start)
            elif found := _CONDITION.match(scanner.text, start) or self._number():
                scanner.at = found.end()
            elif scanner.match("//") or (next_char == "#" and not self._is_code_point()):
                while scanner.peek() not in ("", "\n"):
                    scanner.take()
            else:
                return

    def _number(self) -> re.Match[str] | None:
        """The number of a rule, with which its line begins."""
        text, at = self.scanner.text, self.scanner.at
        return None if text[text.rfind("\n", 0, at) + 1 : at].strip() else _NUMBER.match(text, at)

    def _comment(self, end: str, start: int) -> None:
        found = self.scanner.text.find(end, self.scanner.at)
        if found < 0:
            raise self.scanner.error(f"this comment lacks its closing {end}", start)
        self.scanner.at = found + len(end)

    def _is_code_point(self) -> bool:
        next_chars = self.scanner.peek(3)
        return len(next_chars) == 3 and next_chars.startswith("#x") and next_chars[2] in HEX

    def _name(self) -> str:
        scanner = self.scanner
        if not scanner.peek() or scanner.peek() not in _FIRST:
            return ""
        name = scanner.take_while(_NAME)
        while scanner.peek() == "-" and len(scanner.peek(2)) == 2 and scanner.peek(2)[1] in _NAME:
            name += scanner.take() + scanner.take_while(_NAME)
        return name

    def _assignment(self) -> bool:
        return self.scanner.match("::=") or self.scanner.match(":") or self.scanner.match("=")

    def _begins_rule(self) -> bool:
        """Is the next name the left side of a rule rather than a reference?"""
        scanner = self.scanner
        start = scanner.at
        self._name()
        self._space()
        found = self._assignment()
        scanner.at = start
        return found

    def _alternatives(self, depth: int) -> Expression:
        branches = [self._sequence(depth)]
        while self.scanner.match("|"):
            self._space()
            branches.append(self._sequence(depth))
        return alternatives(branches)

    def _sequence(self, depth: int) -> Expression:
        items: list[Expression] = []
        while (item := self._repeated(depth)) is not None:
            taken: list[Expression] = []
            first = self.scanner.at
            while self.scanner.peek() == "-":
                sign = self.scanner.at
                self.scanner.take()
                self._space()
                right = self._repeated(depth)
                if right is None:
                    raise self.scanner.error("expected something to take away after '-'", sign)
                taken.append(right)
            items.append(Difference(item, alternatives(taken), first) if taken else item)
        return sequence(items)

    def _repeated(self, depth: int) -> Expression | None:
        scanner = self.scanner
        start = scanner.at
        if scanner.peek() and scanner.peek() in "*+?{-":
            hint = "ISO's { x } is written (x)* here." if scanner.peek() == "{" else None
            raise scanner.error("an item is missing in front of this sign", start, hint)
        item = self._item(start, depth)
        self._space()
        while item is not None and scanner.peek() and scanner.peek() in "*+?{":
            start = scanner.at
            least, most = {"*": (0, -1), "+": (1, -1), "?": (0, 1), "{": (0, 0)}[sign := scanner.take()]
            if sign == "{":
                least, most = scanner.bounds(start)
            item = repeated(item, least, most)
            self._space()
        return item

    def _item(self, start: int, depth: int) -> Expression | None:
        scanner = self.scanner
        next_char = scanner.peek()
        if next_char and next_char in _FIRST:
            return None if self._begins_rule() else Reference(self._name(), start)
        if next_char in ("'", '"'):
            return Text(self._literal(scanner.take(), start))
        if scanner.match("["):
            return self._class(start)
        if next_char == "#" and self._is_code_point():
            code = self._code_point()
            return Characters(((code, code),))
        if scanner.match("."):
            return ANYTHING
        if scanner.match("/"):
            return self._pattern(start)
        if scanner.match("("):
            if depth >= MAX_NESTING:
                raise scanner.error(f"more than {MAX_NESTING} nested groups", start)
            self._space()
            inner = self._alternatives(depth + 1)
            if not scanner.match(")"):
                raise scanner.error("this group lacks its closing ')'", start)
            return inner
        return None

    def _literal(self, quote: str, start: int) -> str:
        scanner = self.scanner
        letters = []
        while not scanner.match(quote):
            if scanner.peek() in ("", "\n"):
                hint = "Write a newline as \\n, a backslash as \\\\."
                raise scanner.error("this literal lacks its closing quote", start, hint)
            letters.append(self._character())
        return "".join(letters)

    def _code_point(self) -> int:
        start = self.scanner.at
        self.scanner.take(2)
        digits = self.scanner.take_while(HEX)
        return self.scanner.checked(int(digits, 16), start)

    def _class(self, start: int) -> Characters:
        scanner = self.scanner
        negated = scanner.match("^")
        ranges: list[tuple[int, int]] = []
        while not scanner.match("]"):
            item = scanner.at
            low = high = self._class_character(start)
            if scanner.peek() == "-" and scanner.peek(2) != "-]":
                scanner.take()
                high = self._class_character(start)
            if low > high:
                raise scanner.error("this range is empty: its ends are swapped", item)
            ranges.append((low, high))
        if not ranges:
            raise scanner.error(
                "this character class is empty", start, "Write . for any character, (...)? for an optional part."
            )
        return characters(ranges, negated)

    def _class_character(self, start: int) -> int:
        scanner = self.scanner
        if scanner.peek() in ("", "\n"):
            raise scanner.error("this character class lacks its closing ']'", start, "Write a backslash as \\\\.")
        return self._code_point() if self._is_code_point() else ord(self._character())

    def _character(self) -> str:
        return self.scanner.character(_ESCAPES)

    def _pattern(self, start: int) -> Pattern:
        scanner = self.scanner
        begin = scanner.at
        while (character := scanner.take()) != "/":
            if character in ("", "\n"):
                raise scanner.error("this regular expression lacks its closing '/'", start)
            if character == "\\":
                scanner.take()
        pattern = scanner.text[begin : scanner.at - 1]
        flags = scanner.take_while("imsx")
        try:
            tree = parse(pattern, flags=flags)
            refuse_assertions(tree, "a rule")
        except GrammarError as error:
            raise scanner.error(error.message, begin + (error.column or 1) - 1, error.hint) from None
        return Pattern(tree)
