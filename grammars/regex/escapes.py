"""Escapes and bracketed character classes of a regular expression, in both dialects."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from .charsets import EVERYTHING, Ranges, category, ignore_case, negate, normalise, single, unicode_property
from .cursor import Cursor
from .folding import closure

HEX = "0123456789abcdefABCDEF"
OCTAL = "01234567"
DIGITS = "0123456789"
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

_CONTROLS = {"f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_PYTHON_CONTROLS = {**_CONTROLS, "a": 7}


def literal(code: int, flags: Iterable[str], ecma: bool) -> Ranges:
    """The characters that a literal matches: itself, or with the flag `i` whatever the dialect takes for the same."""
    plain = single(code)
    if "i" not in flags:
        return plain
    if ecma:
        return closure(plain, "simple")
    return ignore_case(plain, f"\\U{code:08x}", "a" in flags)


def escape(cursor: Cursor, flags: Iterable[str], in_class: bool) -> tuple[Ranges, int | None]:
    """The characters an escape stands for, before case folding, and its code point if it stands for exactly one.

    The cursor is on the backslash. Assertions and references are the caller's: here they are errors.
    """
    start = cursor.at
    cursor.take()
    letter = cursor.take()
    if not letter:
        raise cursor.error("the pattern ends in a lone backslash", start)
    if letter in "dDwWsS":
        return category(letter, "a" in flags, cursor.ecma), None
    code = (
        _ecma_escape(cursor, letter, start, in_class)
        if cursor.ecma
        else _python_escape(cursor, letter, start, in_class)
    )
    if isinstance(code, int):
        return single(code), code
    return code, None


def _python_escape(cursor: Cursor, letter: str, start: int, in_class: bool) -> int:
    if letter == "b" and in_class:
        return 8
    if letter in _PYTHON_CONTROLS:
        return _PYTHON_CONTROLS[letter]
    if letter in "xuU":
        return _hex(cursor, {"x": 2, "u": 4, "U": 8}[letter], start)
    if letter == "N":
        return _named(cursor, start)
    if letter in OCTAL and (in_class or letter == "0"):
        code = int(letter + cursor.take_while(OCTAL, limit=2), 8)
    elif letter in "123" and len(cursor.peek(2)) == 2 and all(c in OCTAL for c in cursor.peek(2)):
        code = int(letter + cursor.take(2), 8)
    elif letter in LETTERS + DIGITS:
        raise cursor.error(f"unknown escape \\{letter}", start)
    else:
        return ord(letter)
    if code > 0o377:
        raise cursor.error("an octal escape goes up to \\377", start)
    return code


def _ecma_escape(cursor: Cursor, letter: str, start: int, in_class: bool) -> int | Ranges:
    if letter == "b" and in_class:
        return 8
    if letter in _CONTROLS:
        return _CONTROLS[letter]
    if letter == "x":
        return _hex(cursor, 2, start)
    if letter == "u":
        return _ecma_unicode(cursor, start)
    if letter in "pP":
        return _property(cursor, letter, start)
    if letter == "c":
        control = cursor.take()
        if not control or control not in LETTERS:
            raise cursor.error("\\c needs a letter", start)
        return ord(control) % 32
    if letter == "0" and cursor.peek() not in tuple(DIGITS):
        return 0
    if letter in DIGITS:
        cursor.take_while(DIGITS)
        raise cursor.error("an octal escape is not allowed", start, "Write \\xHH for a character.")
    if letter in LETTERS:
        raise cursor.error(f"unknown escape \\{letter}", start)
    return ord(letter)


def _hex(cursor: Cursor, length: int, start: int) -> int:
    digits = cursor.take_while(HEX, limit=length)
    if len(digits) != length:
        raise cursor.error(f"this escape needs {length} hexadecimal digits", start)
    return _checked(cursor, int(digits, 16), start)


def _checked(cursor: Cursor, code: int, start: int) -> int:
    if code > EVERYTHING[0][1]:
        raise cursor.error("there is no such code point", start)
    return code


def _named(cursor: Cursor, start: int) -> int:
    if not cursor.match("{"):
        raise cursor.error("\\N needs a character name in braces", start)
    name = cursor.until("}", start, "\\N{...}")
    try:
        return ord(unicodedata.lookup(name))
    except (KeyError, TypeError):
        raise cursor.error(f"unknown character name {name!r}", start) from None


def _ecma_unicode(cursor: Cursor, start: int) -> int:
    if cursor.match("{"):
        digits = cursor.until("}", start, "\\u{...}")
        if not digits or not all(c in HEX for c in digits):
            raise cursor.error("\\u{...} needs hexadecimal digits", start)
        return _checked(cursor, int(digits, 16), start)
    code = _hex(cursor, 4, start)
    here = cursor.at
    if 0xD800 <= code <= 0xDBFF and cursor.match("\\u") and cursor.peek() != "{":
        low = _hex(cursor, 4, start)
        if 0xDC00 <= low <= 0xDFFF:
            return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
        cursor.at = here
    else:
        cursor.at = here
    return code


def _property(cursor: Cursor, letter: str, start: int) -> Ranges:
    if not cursor.match("{"):
        raise cursor.error(f"\\{letter} needs a property name in braces", start)
    name = cursor.until("}", start, f"\\{letter}{{...}}")
    members = unicode_property(name)
    if members is None:
        hint = (
            "General categories (such as Lu or Letter), Any, ASCII and Assigned are supported; write others as ranges."
        )
        raise cursor.unsupported(f"the Unicode property {name!r}", start, hint)
    return members if letter == "p" else negate(members)


def character_class(cursor: Cursor, flags: frozenset[str]) -> Ranges:
    """The characters of the bracketed class the cursor is on, case folding included."""
    start = cursor.at
    cursor.take()
    negated = cursor.match("^")
    members: list[tuple[int, int]] = []
    first = True
    while True:
        if not cursor.peek():
            raise cursor.error("this character class lacks its closing ']'", start)
        # Python reads a first ] as a character; in ECMA-262, [] is nothing and [^] is anything.
        if cursor.peek() == "]" and (cursor.ecma or not first):
            cursor.take()
            break
        first = False
        members += _class_item(cursor, flags)
    plain = normalise(members)
    if cursor.ecma and "i" in flags:
        plain = closure(plain, "simple")
    if negated:
        plain = negate(plain)
    if cursor.ecma:
        return plain
    return ignore_case(plain, cursor.pattern[start : cursor.at], "a" in flags) if "i" in flags else plain


def _class_item(cursor: Cursor, flags: frozenset[str]) -> Ranges:
    start = cursor.at
    ranges, low = _class_atom(cursor, flags)
    if cursor.peek() != "-" or cursor.peek(2) in ("-", "-]"):
        return ranges
    dash = cursor.at
    cursor.take()
    upper, high = _class_atom(cursor, flags)
    if low is not None and high is not None:
        if low > high:
            raise cursor.error("this range is empty: its ends are swapped", start)
        return ((low, high),)
    if not cursor.ecma:
        raise cursor.error("a class such as \\d cannot be the end of a range", start)
    # ECMA-262 Annex B: next to a class such as \d the hyphen means itself.
    return ranges + single(ord(cursor.pattern[dash])) + upper


def _class_atom(cursor: Cursor, flags: frozenset[str]) -> tuple[Ranges, int | None]:
    if cursor.peek() == "\\":
        return escape(cursor, flags, in_class=True)
    if not cursor.peek():
        return (), None
    code = ord(cursor.take())
    return single(code), code
