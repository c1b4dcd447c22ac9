"""How one character is spelled under each codec, straight from the definitions: to read, to judge a beginning, to
write."""

from __future__ import annotations

import contextlib

BYTES, UTF8, JSON = 0, 1, 2

Ranges = tuple[tuple[int, int], ...]

_SHORT_ESCAPES = dict(zip(b'"\\/bfnrt', b'"\\/\b\f\n\r\t', strict=True))
_SHORT_SPELLING = {code: letter for letter, code in _SHORT_ESCAPES.items()}


def inside(code: int, ranges: Ranges) -> bool:
    return any(low <= code <= high for low, high in ranges)


def _overlap(low: int, high: int, ranges: Ranges) -> bool:
    return any(max(low, a) <= min(high, b) for a, b in ranges)


def decode(data: bytes, at: int, codec: int) -> tuple[int, int] | None:
    """The code point that `data` spells at `at` under `codec` and where its spelling ends; None if there is none."""
    if at >= len(data):
        return None
    byte = data[at]
    if codec == BYTES:
        return byte, at + 1
    if codec == JSON:
        if byte == ord("\\"):
            return _decode_escape(data, at)
        if byte < 0x20 or byte == ord('"'):
            return None
    length = 1 if byte < 0x80 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
    with contextlib.suppress(UnicodeDecodeError):
        text = data[at : at + length].decode("utf-8")
        if len(text) == 1:
            return ord(text), at + length
    return None


def _code_unit(data: bytes, at: int) -> int | None:
    digits = data[at + 2 : at + 6]
    if data[at : at + 2] != b"\\u" or len(digits) != 4 or not all(d in b"0123456789abcdefABCDEF" for d in digits):
        return None
    return int(digits, 16)


def _decode_escape(data: bytes, at: int) -> tuple[int, int] | None:
    if at + 1 < len(data) and data[at + 1] in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[data[at + 1]], at + 2
    unit = _code_unit(data, at)
    if unit is None or 0xDC00 <= unit <= 0xDFFF:
        return None
    if unit < 0xD800 or unit > 0xDFFF:
        return unit, at + 6
    low = _code_unit(data, at + 6)
    if low is None or not 0xDC00 <= low <= 0xDFFF:
        return None
    return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00), at + 12


def is_partial(rest: bytes, ranges: Ranges, codec: int) -> bool:
    """Is `rest` a proper beginning of the spelling of a character out of `ranges`?"""
    if not rest:
        return bool(ranges)
    if codec == BYTES:
        return False
    if codec == JSON and rest[0] == ord("\\"):
        return any(_is_escape_start(rest, low, high) for low, high in ranges)
    lead = rest[0]
    if lead < 0xC2 or lead > 0xF4:
        return False
    length, least = (2, 0x80) if lead < 0xE0 else (3, 0x800) if lead < 0xF0 else (4, 0x10000)
    if len(rest) >= length or not all(0x80 <= byte <= 0xBF for byte in rest[1:]):
        return False
    low = high = lead & (0xFF >> (length + 1))
    for index in range(1, length):
        low = low << 6 | (rest[index] & 0x3F if index < len(rest) else 0)
        high = high << 6 | (rest[index] & 0x3F if index < len(rest) else 0x3F)
    return _overlap(max(low, least), min(high, 0x10FFFF), ranges)


def _is_escape_start(rest: bytes, low: int, high: int) -> bool:
    """Is `rest` a proper beginning of an escaped spelling of a code point in [low, high]?"""
    if len(rest) == 1:
        return True
    if len(rest) >= 12 or rest[1] != ord("u"):
        return False
    first, second = _unit_interval(rest[2:6]), _unit_interval(rest[8:12])
    if first is None or second is None:
        return False
    if len(rest) < 6 and max(low, first[0]) <= min(high, first[1], 0xFFFF):
        return True
    if len(rest) >= 7 and rest[6:8] != b"\\u"[: len(rest) - 6]:
        return False
    highs = range(max(first[0], 0xD800), min(first[1], 0xDBFF) + 1)
    lows = (max(second[0], 0xDC00), min(second[1], 0xDFFF))
    base = [0x10000 + ((unit - 0xD800) << 10) - 0xDC00 for unit in highs]
    return lows[0] <= lows[1] and any(max(low, b + lows[0]) <= min(high, b + lows[1]) for b in base)


def _unit_interval(digits: bytes) -> tuple[int, int] | None:
    """All code units whose four hexadecimal digits begin with `digits`."""
    if not all(d in b"0123456789abcdefABCDEF" for d in digits):
        return None
    missing = 4 - len(digits)
    value = int(digits, 16) << 4 * missing if digits else 0
    return value, value + (1 << 4 * missing) - 1


def spellings(code: int, codec: int) -> list[bytes]:
    """Every spelling of one code point under `codec` (for JSON with one choice of hexadecimal case), to build test
    strings."""
    if codec == BYTES:
        return [bytes([code])]
    raw = chr(code).encode()
    if codec == UTF8:
        return [raw]
    found = [] if code < 0x20 or code in (0x22, 0x5C) else [raw]
    if code in _SHORT_SPELLING:
        found.append(b"\\" + bytes([_SHORT_SPELLING[code]]))
    units = chr(code).encode("utf-16-be")
    found.append(b"".join(b"\\u%04x" % int.from_bytes(units[k : k + 2], "big") for k in range(0, len(units), 2)))
    return found
