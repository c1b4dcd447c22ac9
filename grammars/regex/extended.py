"""Escapes and sets of the regex package, and of Rust's regex crate where the package has no meaning for them."""

from __future__ import annotations

import re
import unicodedata
import warnings
from typing import Final

import regex

from .charsets import EVERYTHING, MAX_CODE, NEWLINE, Ranges, negate, single
from .cursor import Cursor
from .engine import matched, same_letter
from .escapes import DIGITS, HEX, LETTERS, OCTAL
from .folding import folded_text, longer_foldings
from .nodes import (
    EMPTY,
    Alternatives,
    Assertion,
    Atomic,
    Chars,
    Look,
    Node,
    Repeat,
    Sequence,
)

_CONTROLS: Final = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_CLASSES: Final = "dDhsSwW"
_LINE_ENDS: Final[Ranges] = ((10, 13), (0x85, 0x85), (0x2028, 0x2029))
_RUST_ESCAPE: Final = re.compile(r"\\([xuU])\{([0-9A-Fa-f]{1,8})\}")
# POSIX classes and properties; in a set they are single items.
_PROPERTY: Final = re.compile(r"\^?[A-Za-z0-9 &_.\-]*(?:[:=][A-Za-z0-9 &_.\-/]+)?")


def folds_fully(flags: frozenset[str]) -> bool:
    """May one character match several, as ß matches ss?"""
    return "i" in flags and "f" in flags and "a" not in flags


def any_character(flags: frozenset[str]) -> Chars:
    """The dot."""
    if "s" in flags:
        return Chars(EVERYTHING)
    return Chars(negate(_LINE_ENDS if "w" in flags else NEWLINE))


def literal(code: int, flags: frozenset[str]) -> Node:
    if "i" not in flags:
        return Chars(single(code))
    return Chars(same_letter(chr(code), _class_flags(flags)))


def literals(codes: list[int], flags: frozenset[str]) -> Node:
    """Literal characters in a row where case is folded fully."""
    return folded_text("".join(map(chr, codes)))


def line_start(flags: frozenset[str]) -> Node:
    if "m" not in flags:
        return Assertion("start")
    return Assertion("line_start", _LINE_ENDS if "w" in flags else NEWLINE)


def line_end(flags: frozenset[str]) -> Node:
    if "m" in flags:
        return Assertion("line_end", _LINE_ENDS if "w" in flags else NEWLINE)
    if "w" not in flags:
        return Assertion("final")
    return Look(Sequence((Repeat(_line_end(), 0, 1), Assertion("end"))), ahead=True, negated=False)


def _line_end() -> Node:
    return Atomic(Alternatives((Sequence((Chars(single(13)), Chars(single(10)))), Chars(_LINE_ENDS))))


def _class_flags(flags: frozenset[str]) -> frozenset[str]:
    return flags & {"i", "a", "V1"}


def one_character(cursor: Cursor, start: int, flags: frozenset[str]) -> Node:
    """The node of the one-character expression from `start` to the cursor."""
    source = _RUST_ESCAPE.sub(lambda found: f"\\U{int(found[2], 16):08x}", cursor.pattern[start : cursor.at])
    if cursor.syntax == "rust":
        flags |= {"V1"}
    try:
        plain = matched(source, _class_flags(flags))
        # Of positive sets, each character with a longer folding stands for that text too.
        if not folds_fully(flags) or source[0] != "[" or source[1] == "^":
            return Chars(plain)
        exact = matched(source, _class_flags(flags) - {"i"})
        return Alternatives((*longer_foldings(exact), Chars(plain)))
    except regex.error as error:
        raise cursor.error(str(error.msg), start) from None


def escape(cursor: Cursor, flags: frozenset[str]) -> Node | int:
    """What an escape outside of a set means; a code point for a literal. References are the caller's."""
    start = cursor.at
    cursor.take()
    letter = cursor.take()
    if not letter:
        raise cursor.error("the pattern ends in a lone backslash", start)
    if letter in "xuU":
        return _hexadecimal(cursor, letter, start)
    if letter in _CLASSES:
        return one_character(cursor, start, flags)
    if letter in "pP":
        return _property(cursor, start, flags)
    if letter == "N":
        return _named(cursor, start)
    if letter == "X":
        return _grapheme()
    if letter == "R":
        return _line_end()
    if letter in "GA":
        return Assertion("start")
    if letter in "Zz":
        return Assertion("end")
    if letter == "K":
        return EMPTY
    if letter in "bBmM":
        return _word_edge(cursor, letter, start, flags)
    if letter in _CONTROLS:
        return _CONTROLS[letter]
    if letter == "0":
        return int("0" + cursor.take_while(OCTAL, limit=2), 8)
    if letter in DIGITS and _is_octal(letter + cursor.peek(2)):
        return int(letter + cursor.take(2), 8) & 0x1FF
    if letter == "L":
        raise cursor.unsupported("a named list \\L<...>", start, "Write its words as alternatives.")
    if letter in LETTERS and letter != "g":
        raise cursor.error(f"unknown escape \\{letter}", start)
    return ord(letter)


def _is_octal(digits: str) -> bool:
    return len(digits) == 3 and all(digit in OCTAL for digit in digits)


def _hexadecimal(cursor: Cursor, letter: str, start: int) -> int:
    if cursor.syntax == "rust" and cursor.match("{"):
        digits = cursor.until("}", start, f"\\{letter}{{...}}")
        wanted = len(digits)
    else:
        wanted = {"x": 2, "u": 4, "U": 8}[letter]
        digits = cursor.take_while(HEX, limit=wanted)
    if not digits or len(digits) != wanted or len(digits) > 8 or not all(digit in HEX for digit in digits):
        raise cursor.error("this escape needs hexadecimal digits", start)
    code = int(digits, 16)
    if code > MAX_CODE:
        raise cursor.error("there is no such code point", start)
    return code


def _named(cursor: Cursor, start: int) -> int:
    here = cursor.at
    if cursor.match("{"):
        end = cursor.pattern.find("}", cursor.at)
        name = cursor.pattern[cursor.at : end]
        if end > 0 and all(c in LETTERS + DIGITS + " -" for c in name):
            cursor.at = end + 1
            try:
                return ord(unicodedata.lookup(name))
            except (KeyError, TypeError):
                raise cursor.error(f"unknown character name {name!r}", start) from None
    cursor.at = here
    return ord("N")


def _property(cursor: Cursor, start: int, flags: frozenset[str]) -> Node | int:
    """\\p{...}, \\pL, or just the letter p where nothing of the kind follows."""
    if cursor.peek() and cursor.peek() in "CLMNPSZ":
        cursor.take()
        return one_character(cursor, start, flags)
    if cursor.peek() == "{":
        name = _PROPERTY.match(cursor.pattern, cursor.at + 1)
        if name is not None and cursor.pattern.startswith("}", name.end()):
            cursor.at = name.end() + 1
            return one_character(cursor, start, flags)
    return ord(cursor.pattern[start + 1])


def _word_edge(cursor: Cursor, letter: str, start: int, flags: frozenset[str]) -> Node:
    if "w" in flags:
        raise cursor.unsupported(f"\\{letter} under the flag w", start, "Leave the flag out.")
    word = matched(r"\w", flags & {"a"})
    if letter in "bB":
        return Assertion("boundary" if letter == "b" else "not_boundary", word)
    if letter == "m":
        return Sequence((Assertion("not_behind", word), Assertion("ahead", word)))
    return Sequence((Assertion("behind", word), Assertion("not_ahead", word)))


def character_set(cursor: Cursor, flags: frozenset[str]) -> Node:
    """The set in brackets that the cursor is on."""
    start = cursor.at
    cursor.take()
    cursor.match("^")
    nested = cursor.syntax == "rust" or "V1" in flags
    literal_operator = None
    depth, first = 1, True
    while depth:
        here = cursor.at
        letter = cursor.take()
        if not letter:
            raise cursor.error("this set lacks its closing ']'", start)
        if letter == "\\":
            _step_over_escape(cursor)
        elif letter == "[" and _step_over_posix(cursor):
            pass
        elif letter == "[" and not nested:
            literal_operator = here if literal_operator is None else literal_operator
        elif letter == "[":
            depth += 1
            cursor.match("^")
            first = True
            continue
        elif letter == "]" and not first:
            depth -= 1
        elif not first and cursor.pattern[here : here + 2] in ("||", "~~", "&&", "--"):
            if not nested:
                literal_operator = here if literal_operator is None else literal_operator
                continue
            cursor.take()
            first = True  # what follows an operator may begin with a bracket
            continue
        first = False
    if literal_operator is not None:
        warn_of_literal(cursor.pattern, literal_operator)
    return one_character(cursor, start, flags)


def warn_of_literal(pattern: str, at: int) -> None:
    """Says that what stands there in a set is no operator, since the pattern may have been meant otherwise."""
    operator = pattern[at] if pattern[at] == "[" else pattern[at : at + 2]
    warnings.warn(
        f"regular expression: {operator!r} at column {at - pattern.rfind(chr(10), 0, at)} of {pattern[:200]!r} stands "
        "for itself in a set, as in Python's re. Begin the pattern with (?V1) for nested sets and set operations, or "
        "escape it.",
        SyntaxWarning,
        stacklevel=2,
    )


def _step_over_escape(cursor: Cursor) -> None:
    letter = cursor.take()
    if letter in tuple("pPN") and cursor.peek() == "{":
        end = cursor.pattern.find("}", cursor.at)
        if end > 0 and "]" not in cursor.pattern[cursor.at : end]:
            cursor.at = end + 1


def _step_over_posix(cursor: Cursor) -> bool:
    if not cursor.pattern.startswith(":", cursor.at):
        return False
    name = _PROPERTY.match(cursor.pattern, cursor.at + 1)
    if name is None or not cursor.pattern.startswith(":]", name.end()):
        return False
    cursor.at = name.end() + 2
    return True


def _grapheme() -> Node:
    """An extended grapheme cluster (Unicode Standard Annex 29, table 1c), the longest there is."""

    def chars(source: str) -> Chars:
        return Chars(matched(source, frozenset()))

    def some(source: str, least: int = 0) -> Node:
        return Repeat(chars(source), least, -1)

    control = chars(r"[\p{GCB=Control}\p{GCB=CR}\p{GCB=LF}]")
    syllable = Alternatives(
        (
            Sequence(
                (
                    some(r"\p{GCB=L}"),
                    Alternatives(
                        (
                            Sequence((some(r"\p{GCB=V}", 1), some(r"\p{GCB=T}"))),
                            Sequence((chars(r"\p{GCB=LV}"), some(r"\p{GCB=V}"), some(r"\p{GCB=T}"))),
                            Sequence((chars(r"\p{GCB=LVT}"), some(r"\p{GCB=T}"))),
                        )
                    ),
                )
            ),
            some(r"\p{GCB=L}", 1),
            some(r"\p{GCB=T}", 1),
        )
    )
    flag = chars(r"\p{GCB=Regional_Indicator}")
    pictograph = chars(r"\p{Extended_Pictographic}")
    joined = Sequence((some(r"\p{GCB=Extend}"), chars(r"\p{GCB=ZWJ}"), pictograph))
    core = Alternatives(
        (
            syllable,
            Sequence((flag, flag)),
            Sequence((pictograph, Repeat(joined, 0, -1))),
            Chars(negate(control.ranges)),
        )
    )
    behind = some(r"[\p{GCB=Extend}\p{GCB=ZWJ}\p{GCB=SpacingMark}]")
    return Atomic(
        Alternatives(
            (
                Sequence((Chars(single(13)), Chars(single(10)))),
                control,
                Sequence((some(r"\p{GCB=Prepend}"), core, behind)),
            )
        )
    )
