"""Regular expressions against Python's `re`: full match, search, character classes, case folding, refusals."""

from __future__ import annotations

import itertools
import json
import pickle
import re
import sys
import time
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
import regex as package
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from reference import ReferenceBuilder
from spelling import JSON, UTF8, spellings
from tamis.grammars import GrammarError, regex
from tamis.grammars._core import CompileError, GrammarBuilder
from tamis.grammars.regex import lower_pattern, lower_preferred, parse
from tamis.grammars.regex.charsets import Ranges, normalise
from tamis.grammars.regex.nodes import Repeat, nullable, postorder

ALPHABET = "aB1 \n"
TEXTS = ["".join(letters) for n in range(5) for letters in itertools.product(ALPHABET, repeat=n)]
EVERY = "".join(map(chr, range(sys.maxunicode + 1)))
MANY = settings(max_examples=300, deadline=None, derandomize=True)


def matcher(node: Callable[[GrammarBuilder], int]) -> Callable[[str | bytes], bool]:
    """Acceptance by the automaton of a node; the empty language, which does not compile, accepts nothing."""
    builder = GrammarBuilder()
    start = node(builder)
    try:
        automaton = builder.compile(start, max_states=20_000)
    except CompileError as error:
        # Word boundaries inside of nested repetitions can outgrow any bound; that is an error, not a wrong answer.
        assume("needs more than" not in str(error))
        if "accepts no string" not in str(error):
            raise
        return lambda _: False
    return lambda text: automaton.accepts(text.encode() if isinstance(text, str) else text)


def members(pattern: str, dialect: str = "python") -> Ranges:
    tree = parse(pattern, dialect)  # type: ignore[arg-type]
    return tree.ranges  # type: ignore[union-attr]


def found_by_re(pattern: str) -> Ranges:
    return normalise((m.start(), m.start()) for m in re.finditer(pattern, EVERY))


ATOMS = [
    *(
        "a",
        "B",
        "1",
        " ",
        "\\n",
        ".",
        "\\d",
        "\\w",
        "\\s",
        "\\W",
        "[aB]",
        "[^a]",
        "[^\\d\\n]",
        "[a-c1]",
        "\\x61",
        "(?i:b)",
    ),
    *("^", "$", "\\A", "\\Z", "\\b", "\\B", "(?=a)", "(?!1)", "(?<=B)", "(?<! )", "(?m:^)", "(?m:$)", "(?s:.)", ""),
]
QUANTIFIERS = ["*", "+", "?", "{2}", "{1,2}", "{,2}", "{2,}", "*?", "+?", "??", "{1,3}?"]


def patterns() -> st.SearchStrategy[str]:
    def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            st.lists(inner, min_size=1, max_size=4).map("".join),
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: "(" + "|".join(parts) + ")"),
            st.tuples(inner, st.sampled_from(QUANTIFIERS)).map(lambda pair: f"(?:{pair[0]}){pair[1]}"),
        )

    return st.recursive(st.sampled_from(ATOMS), grow, max_leaves=8)


@MANY
@given(patterns())
@example("(^a|B)1")
@example("a|^B$")
@example("a$\\n")
@example("(?m)(^a$\\n?)+")
@example("(a$|B){1,3}")
@example("(?:$\\n)*")
@example("(?:\\ba\\b|B)*")
@example("\\B")
def test_full_match_and_search_agree_with_re(pattern: str) -> None:
    """On every text up to length 4, anchors, word boundaries and one-character look-around included."""
    compiled = re.compile(pattern)
    tree = parse(pattern)
    full = matcher(lambda builder: lower_pattern(builder, tree, UTF8))
    search = matcher(lambda builder: lower_pattern(builder, tree, UTF8, search=True))
    for text in TEXTS:
        assert full(text) == (compiled.fullmatch(text) is not None), (pattern, text)
        assert search(text) == (compiled.search(text) is not None), (pattern, text)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(patterns())
def test_the_reference_recogniser_agrees_too(pattern: str) -> None:
    """The lowering itself, apart from the compiler."""
    builder = ReferenceBuilder()
    node = lower_pattern(builder, parse(pattern), UTF8)
    for text in TEXTS[:156]:
        assert builder.accepts(node, text.encode()) == (re.fullmatch(pattern, text) is not None), (pattern, text)


@MANY
@given(patterns(), st.data())
def test_search_in_a_json_string_agrees_with_search_in_its_value(pattern: str, data: st.DataObject) -> None:
    accepts = matcher(lambda builder: lower_pattern(builder, parse(pattern), JSON, search=True))
    for _ in range(10):
        text = data.draw(st.text(alphabet=ALPHABET + '"\\/é\U0001f600', max_size=6))
        spelled = b"".join(data.draw(st.sampled_from(spellings(ord(c), JSON))) for c in text)
        assert json.loads(b'"' + spelled + b'"') == text
        assert accepts(spelled) == (re.search(pattern, text) is not None), (pattern, spelled)


@MANY
@given(patterns())
@example('".*?"')
@example("(a|a1)(B|1BB)")
@example("a?(aB)?")
def test_preferred_texts_are_those_that_match_consumes_whole(pattern: str) -> None:
    assume(not re.search(r"[\^$]|\\[AZbB]|\(\?[=!<]", pattern.replace("[^", "")))
    tree = parse(pattern)
    # `re` has a rule of its own for rounds that match nothing; they are kept out.
    assume(not any(isinstance(node, Repeat) and nullable(node.item) for node in postorder(tree)))
    compiled = re.compile(pattern)
    accepts = matcher(lambda builder: lower_preferred(builder, tree, UTF8))
    for text in TEXTS:
        match = compiled.match(text)
        assert accepts(text) == (match is not None and match.end() == len(text)), (pattern, text)


def test_an_escaped_string_ends_at_its_first_quote() -> None:
    pattern = r'".*?(?<!\\)(\\\\)*?"'
    accepts = matcher(lambda builder: lower_preferred(builder, parse(pattern), UTF8))
    for text in ["".join(letters) for n in range(7) for letters in itertools.product('"\\a', repeat=n)]:
        match = re.match(pattern, text)
        assert accepts(text) == (match is not None and match.end() == len(text)), text


@pytest.mark.parametrize("pattern", [r"\d", r"\w", r"\s", r"\D", r"\W", r"\S", ".", "(?a:\\w)", "(?s:.)", "[^\\w\\s]"])
def test_classes_are_those_of_re(pattern: str) -> None:
    assert members(pattern) == found_by_re(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "[a-z]",
            "[^a-z]",
            "k",
            "s",
            "ſ",
            "İ",
            "ı",
            "[I]",
            "ß",
            "µ",
            "[\\W]",
            "\\w",
            "[А-я]",
            "[^\\x00-\\x7f]",
            "[Ā-\uffff]",
        ),
        *("[\U00010400-\U00010410]", "[^\U00010400-\U00010410k]", "[^\\d]", "\\u212a", "[\\]-a]"),
    ],
)
@pytest.mark.parametrize("flags", ["i", "ai"])
def test_ignoring_case_is_that_of_re(pattern: str, flags: str) -> None:
    """On every code point."""
    assert members(f"(?{flags}){pattern}") == found_by_re(f"(?{flags}){pattern}")


def test_every_cased_letter_folds_as_in_re() -> None:
    cased = [c for c in EVERY if c.lower() != c or c.upper() != c]
    text = "".join(cased)
    for letter in cased[::7]:
        escaped = re.escape(letter)
        assert members(f"(?i){escaped}") == normalise(
            (ord(c), ord(c)) for c in re.findall(escaped, text, re.IGNORECASE)
        )


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        (r"\/\-\.", ["/-."]),
        (r"^\cJ$", ["\n"]),
        (r"^[^]{2}$", ["\n\r"]),
        (r"^\u{1F600}\uD83D\uDE00\u0041$", ["\U0001f600\U0001f600A"]),
        (r"^(?<year>\d{4})$", ["2024"]),
        (r"^[\w-.]+$", ["a-.b"]),
        (r"^a{,2}{$", ["a{,2}{"]),
        (r"^\s$", ["\ufeff", "\u2028", " "]),
        (r"^\0$", ["\0"]),
        (r"^.$", ["\x85"]),
        (r"^\p{Lu}\p{Letter}\P{gc=Nd}$", ["ÄßX"]),
        (r"^\p{digit}+$", ["42", "\u0664\u0662"]),
    ],
)
def test_ecma_accepts(pattern: str, texts: list[str]) -> None:
    accepts = matcher(lambda builder: lower_pattern(builder, parse(pattern, "ecma"), UTF8, search=True))
    assert all(map(accepts, texts))


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        (r"^a$", ["a\n", "\na"]),
        (r"^\d$", ["\u0664"]),
        (r"^\w$", ["é"]),
        (r"^.$", ["\n", "\r", "\u2028", "\u2029"]),
        (r"^\s$", ["\x1c", "\x85"]),
        (r"[]", ["", "a"]),
        (r"\bé", ["é"]),
        (r"^\p{Zs}$", ["a", "\n"]),
    ],
)
def test_ecma_rejects(pattern: str, texts: list[str]) -> None:
    accepts = matcher(lambda builder: lower_pattern(builder, parse(pattern, "ecma"), UTF8, search=True))
    assert not any(map(accepts, texts))


@pytest.mark.parametrize("name", ["L", "Lu", "LC", "Nd", "Zs", "Cn", "P"])
def test_unicode_properties_are_general_categories(name: str) -> None:
    wanted = ("Lu", "Ll", "Lt") if name == "LC" else (name,)
    expected = normalise((c, c) for c in range(sys.maxunicode + 1) if unicodedata.category(chr(c)).startswith(wanted))
    assert members(rf"\p{{{name}}}", "ecma") == expected


@pytest.mark.parametrize(
    ("pattern", "dialect", "named"),
    [
        ("a(?=bc)", "python", "lookahead"),
        ("(?!bc)", "python", "negative lookahead"),
        ("(?<=b|cd)", "ecma", "lookbehind"),
        ("(?<!bc)", "python", "negative lookbehind"),
        (r"(a)\1", "python", "back-reference"),
        (r"(?P<x>a)(?P=x)", "python", "back-reference"),
        (r"(?<x>a)\k<x>", "ecma", "back-reference"),
        (r"\k<x>(?<x>a)", "ecma", "back-reference"),
        ("(a)?(?(1)b|c)", "python", "conditional"),
        ("(?>a)", "python", "atomic"),
        ("a*+", "python", "possessive"),
    ],
)
def test_what_has_no_order_of_preference_is_refused_by_name(pattern: str, dialect: str, named: str) -> None:
    with pytest.raises(GrammarError, match="not supported") as caught:
        lower_preferred(GrammarBuilder(), parse(pattern, dialect), UTF8)  # type: ignore[arg-type]
    assert named in caught.value.message


@pytest.mark.parametrize(
    ("pattern", "dialect", "named", "column"),
    [
        (r"\p{Script=Latin}", "ecma", "Script=Latin", 1),
    ],
)
def test_unsupported_constructs_are_refused_by_name(pattern: str, dialect: str, named: str, column: int) -> None:
    with pytest.raises(GrammarError, match="not supported") as caught:
        parse(pattern, dialect)  # type: ignore[arg-type]
    assert named in caught.value.message
    assert (caught.value.line, caught.value.column) == (1, column)


@pytest.mark.parametrize(
    ("pattern", "line", "column"),
    [
        *(
            ("a**", 1, 3),
            ("(", 1, 1),
            ("a)", 1, 2),
            ("x\n[a", 2, 1),
            ("(?P<1>a)", 1, 1),
            ("\\", 1, 1),
            ("a{3,2}", 1, 2),
        ),
        *(
            ("(?i", 1, 1),
            ("\\q", 1, 1),
            ("\\x1", 1, 1),
            ("[z-a]", 1, 2),
        ),
        *(("\\N{no such}", 1, 1), ("a{99999999999}", 1, 2), ("(?L)a", 1, 1), ("*", 1, 1)),
    ],
)
def test_syntax_errors_have_a_place(pattern: str, line: int, column: int) -> None:
    with pytest.raises((re.error, OverflowError)):
        re.compile(pattern)
    with pytest.raises(GrammarError) as caught:
        parse(pattern)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert caught.value.text


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(st.text(alphabet="ab(|)[]^-*+?{}12,\\dwxnZ$.:P<=!#i ", max_size=12))
def test_whatever_parses_is_a_pattern_for_re_or_the_regex_package_and_means_the_same(pattern: str) -> None:
    try:
        tree = parse(pattern)
        accepts = matcher(lambda builder: lower_pattern(builder, tree, UTF8))
    except GrammarError:
        return
    try:
        compiled: Any = re.compile(pattern)
    except re.error:
        compiled = package.compile(pattern)
    for text in ["", "a", "b", "ab", "aab", "1", "(", "-", "[", "^", "{", "{1,2}", pattern]:
        assert accepts(text) == (compiled.fullmatch(text) is not None), (pattern, text)


def test_deep_nesting_is_an_error_or_works() -> None:
    assert regex("(" * 200 + "a" + "|b)*" * 200).compile().accepts(b"abba")
    assert regex("(^" * 150 + "a" + ")" * 150).compile().accepts(b"a")
    with pytest.raises(GrammarError, match="200 nested groups"):
        parse("(" * 10_000)


def test_big_bounds_stay_small() -> None:
    started = time.perf_counter()
    automaton = regex("(ab){1,10000}x{5000}").compile()
    assert automaton.accepts(b"ab" * 9_999 + b"x" * 5_000)
    assert not automaton.accepts(b"ab" * 10_001 + b"x" * 5_000)
    assert not automaton.accepts(b"ab" + b"x" * 4_999)
    # A copy per count would take far longer than the few hundredths of a second measured; the bound leaves two orders.
    assert time.perf_counter() - started < 5


def test_anchors_in_large_repetitions() -> None:
    for count in (50, 51, 500):
        automaton = regex(f"(^a|b){{{count}}}").compile()
        assert automaton.accepts(b"a" + b"b" * (count - 1))
        assert not automaton.accepts(b"b" * (count - 1) + b"a")


def test_grammars_are_values() -> None:
    grammar = regex("a+b?")
    assert pickle.loads(pickle.dumps(grammar)) == grammar
    assert grammar.kind == "regex"
    assert grammar.source == "a+b?"
    with pytest.raises(GrammarError):
        regex(3)  # type: ignore[arg-type]
    with pytest.raises(GrammarError):
        parse(b"a")  # type: ignore[arg-type]
