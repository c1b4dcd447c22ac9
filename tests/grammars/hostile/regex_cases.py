"""Hostile regular expressions."""

from tamis.grammars import regex

from .cases import BITS, case, nested

for depth in (1_000, 100_000):
    case(f"regex groups {depth} deep", lambda d=depth: regex(nested("(", "a", ")", d)), ("a", True), ("b", False))
    case(f"regex stars {depth} deep", lambda d=depth: regex(nested("(?:", "a", ")*", d)), ("aaa", True), ("b", False))
    case(f"regex lookaheads {depth} deep", lambda d=depth: regex(nested("(?=", "a", ")", d) + "a"), ("a", True))
    case(f"regex lookbehinds {depth} deep", lambda d=depth: regex("a" + nested("(?<=", "a", ")", d)), ("a", True))
    case(f"regex open groups {depth}", lambda d=depth: regex("(" * d))
    case(f"regex open classes {depth}", lambda d=depth: regex("[" * d))
    case(f"regex alternatives in groups {depth} deep", lambda d=depth: regex(nested("(a|", "b", ")", d)), ("b", True))
case("regex (a*)*b", lambda: regex("(a*)*b"), ("a" * 20_000, False), ("a" * 20_000 + "b", True))
case("regex (a|a)*b", lambda: regex("(a|a)*b"), ("a" * 20_000, False), ("a" * 20_000 + "b", True))
case("regex (a|aa)+", lambda: regex("(a|aa)+"), ("a" * 20_000, True), ("a" * 20_000 + "b", False))
case("regex (x+x+)+y", lambda: regex("(x+x+)+y"), ("x" * 20_000 + "y", True), ("x" * 20_000, False))
case("regex (.*a){20}", lambda: regex("(.*a){20}"), ("a" * 19, False), (BITS + "a", True))
case("regex exponential states", lambda: regex("(a|b)*a(a|b){20}"), (BITS + "a" + BITS[:20], True))
case("regex exponential states, long", lambda: regex("(a|b)*a(a|b){60}"), (BITS + "a" + BITS[:60], True), slow=True)
case(
    "regex a?^n a^n", lambda: regex("a?" * 500 + "a" * 500), ("a" * 500, True), ("a" * 499, False), ("a" * 1001, False)
)
case("regex a{1,1000000}", lambda: regex("a{1,1000000}"), ("", False), ("a" * 5000, True), ("b", False))
case("regex a{1000000}", lambda: regex("a{1000000}"), ("a" * 1_000, False), ("a" * 1_000_000, True), huge=True)
case("regex a{99999999999}", lambda: regex("a{99999999999}"), ("a", False))
case("regex a{0,99999999999}", lambda: regex("a{0,99999999999}"), ("a", True))
case("regex a{" + "9" * 5000 + "}", lambda: regex("a{" + "9" * 5000 + "}"), ("a", False))
case("regex bounds in bounds", lambda: regex("(?:(?:a{0,1000}b?){0,1000}c?){0,1000}"), ("ab" * 300, True))
case(
    "regex bounds four deep",
    lambda: regex("(?:(?:(?:a{2,99}){2,99}){2,99}){2,99}"),
    ("a" * 15, False),
    ("a" * 16, True),
)
case("regex bounds multiplied", lambda: regex("".join(f"(?:[a-c]{{1,{n}}}d?){{2,{n}}}" for n in range(50, 90))))
case("regex empty repeated", lambda: regex("(?:){1000000}(?:a?){1000000}"), ("", True), ("a", True))
case("regex 100,000 words", lambda: regex("|".join(f"word{n}" for n in range(100_000))), ("word99999", True), huge=True)
case("regex 10 MB literal", lambda: regex("a" * 10_000_000), ("a", False), huge=True)
case("regex 3,000 classes", lambda: regex(r"[\wé]?" * 3_000), ("é", True), slow=True)
case("regex lone surrogate", lambda: regex("\ud800"))
case("regex NUL", lambda: regex("a\0b"), ("a\0b", True), ("ab", False))
case("regex NUL in a class", lambda: regex("[\0-\x1f]+"), ("\0\x1f", True))
case("regex surrogate escapes", lambda: regex(r"[\ud800-\udfff]"), (b"\xed\xa0\x80", False))
case(
    "regex back-references", lambda: regex(r"(a*)(b*)\1\2" + r"\1" * 50), ("a" * 52 + "b" * 2, False), ("a" * 52, True)
)
case("regex back-reference to itself", lambda: regex(r"(a\1)+"), ("a", None))
case("regex back-reference ambiguous", lambda: regex(r"(a*)*(a*)\2(a*)\3b"), ("a" * 400 + "b", True), slow=True)
case(
    "regex look-around bomb",
    lambda: regex("".join(f"(?=.*{c}.*)" for c in "abcdefghijklmnop") + ".*"),
    ("abcdefghijklmnop" * 9, True),
    ("abc", False),
)
case("regex boundaries", lambda: regex(r"(?:\b|\B|^|$|a)*" * 50), ("a", True))
case("regex anchors in loops", lambda: regex(r"(?:^a$|\b){0,1000}(?:\Ba?){0,1000}"), ("a", True))
case("regex flags by the thousand", lambda: regex("(?i:" * 2_000 + "a" + ")" * 2_000), ("A", True))
case("regex of bytes", lambda: regex(b"a"))  # type: ignore[arg-type]
case("regex of None", lambda: regex(None))  # type: ignore[arg-type]
