"""Write unicode_tables.inc: what IDNA (RFC 5892, 5893) asks of code points, out of unicodedata and `regex`'s properties.

    python cpp/formats/make_tables.py        # needs the package `regex`
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

import regex

PVALID, CONTEXTJ, CONTEXTO, DISALLOWED = 1, 2, 3, 0
JOINING = {"L": 1, "R": 2, "D": 3, "T": 4}
SCRIPTS = {"Greek": 1, "Hebrew": 2, "Hiragana": 3, "Katakana": 3, "Han": 3}
BIDI = {"L": 1, "R": 2, "AL": 3, "AN": 4, "EN": 5, "ES": 6, "CS": 7, "ET": 8, "ON": 9, "BN": 10, "NSM": 11}

# RFC 5892, 2.6
EXCEPTIONS = {
    **dict.fromkeys([0xDF, 0x3C2, 0x6FD, 0x6FE, 0xF0B, 0x3007], PVALID),
    **dict.fromkeys([0xB7, 0x375, 0x5F3, 0x5F4, 0x30FB, *range(0x660, 0x66A), *range(0x6F0, 0x6FA)], CONTEXTO),
    **dict.fromkeys([0x640, 0x7FA, 0x302E, 0x302F, *range(0x3031, 0x3036), 0x303B], DISALLOWED),
}
# RFC 5892, 2.4 and 2.5
IGNORED_BLOCKS = [(0x20D0, 0x20FF), (0x1D100, 0x1D1FF), (0x1D200, 0x1D24F)]


def matcher(expression: str) -> set[int]:
    everything = "".join(chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000)
    return {ord(c) for c in regex.findall(expression, everything)}


IGNORABLE = matcher(r"[\p{Default_Ignorable_Code_Point}\p{White_Space}\p{Noncharacter_Code_Point}]")
OLD_HANGUL = matcher(r"[\p{Hangul_Syllable_Type=L}\p{Hangul_Syllable_Type=V}\p{Hangul_Syllable_Type=T}]")
JOINING_OF = {c: value for name, value in JOINING.items() for c in matcher(rf"\p{{Joining_Type={name}}}")}
SCRIPT_OF = {c: value for name, value in SCRIPTS.items() for c in matcher(rf"\p{{Script={name}}}")}


def status(code: int) -> int:
    """The derived property of RFC 5892, section 3."""
    character = chr(code)
    category = unicodedata.category(character)
    if code in EXCEPTIONS:
        return EXCEPTIONS[code]
    if category == "Cn":
        return DISALLOWED
    if character in "-0123456789abcdefghijklmnopqrstuvwxyz":
        return PVALID
    if code in (0x200C, 0x200D):
        return CONTEXTJ
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", character).casefold())
    if folded != character or code in IGNORABLE or any(low <= code <= high for low, high in IGNORED_BLOCKS):
        return DISALLOWED
    if code in OLD_HANGUL:
        return DISALLOWED
    return PVALID if category in ("Ll", "Lu", "Lo", "Nd", "Lm", "Mn", "Mc") else DISALLOWED


def properties(code: int) -> int:
    """Packed as unicode.cpp unpacks them; 0 for what is disallowed."""
    found = status(code)
    if not found:
        return 0
    character = chr(code)
    return (
        found
        | (unicodedata.category(character)[0] == "M") << 2
        | JOINING_OF.get(code, 0) << 3
        | SCRIPT_OF.get(code, 0) << 6
        | BIDI.get(unicodedata.bidirectional(character), 0) << 8
        | unicodedata.combining(character) << 12
    )


def main() -> None:
    runs = []
    last = -1
    for code in range(0x110000):
        value = 0 if 0xD800 <= code < 0xE000 else properties(code)
        if value != last:
            runs.append((code, value))
            last = value
    composites = []
    for code in range(0x80, 0x110000):
        parts = unicodedata.decomposition(chr(code)).split() if not 0xD800 <= code < 0xE000 else []
        if len(parts) == 2 and properties(code):
            composites.append((code, *(int(part, 16) for part in parts)))
    lines = [f"// Unicode {unicodedata.unidata_version}; made by make_tables.py"]
    for name, kind, rows in (("kRuns", "Run", runs), ("kComposites", "Composite", composites)):
        lines.append(f"constexpr {kind} {name}[] = {{")
        line = "   "
        for row in rows:
            cell = " {" + ",".join(f"{number:#x}" for number in row) + "},"
            if len(line) + len(cell) > 120:
                lines.append(line)
                line = "   "
            line += cell
        lines += [line, "};"]
    Path(__file__).with_name("unicode_tables.inc").write_text("\n".join(lines) + "\n")
    print(len(runs), "runs,", len(composites), "composites")


if __name__ == "__main__":
    main()
