"""What no automaton decides: references, atomic groups, conditions, look-around of any length, against `re`."""

from __future__ import annotations

import itertools
import json
import re
import time
import warnings
from collections.abc import Callable

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tamis.grammars import AutomatonLimitError, regex
from tamis.grammars._core import EmptyLanguageError, GrammarBuilder
from tamis.grammars.builder import JSON, UTF8
from tamis.grammars.regex import lower_pattern, parse

TEXTS = ["".join(letters) for n in range(6) for letters in itertools.product("ab" if n > 4 else "abc", repeat=n)]
MANY = settings(max_examples=150, deadline=None, derandomize=True)


def acceptor(pattern: str, search: bool = False, codec: int = UTF8) -> Callable[[bytes], bool]:
    builder = GrammarBuilder()
    try:
        automaton = builder.compile(lower_pattern(builder, parse(pattern), codec, search=search))
    except EmptyLanguageError:
        return lambda _: False
    return automaton.accepts


def hard_patterns() -> st.SearchStrategy[str]:
    leaves = st.sampled_from(["a", "b", "ab", "[ab]", ".", "c", "", "a?", "^", "$", r"\b"])
    references = st.sampled_from([r"\1", r"\2", r"\3"])
    behind = st.sampled_from(["a", "b", "ab", "(?:a|b)", ".", "^", "a(?=b)", "(a)", "(?<!a)b"])

    def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        quantified = st.sampled_from(
            ["*", "+", "?", "{2}", "{1,2}", "{2,}", "*?", "+?", "??", "{1,2}?", "*+", "++", "?+", "{1,2}+"]
        )
        return st.one_of(
            st.lists(st.one_of(inner, references), min_size=1, max_size=4).map("".join),
            st.lists(inner, min_size=2, max_size=3).map(lambda parts: "(?:" + "|".join(parts) + ")"),
            inner.map(lambda part: f"({part})"),
            inner.map(lambda part: f"(?>{part})"),
            st.tuples(inner, quantified).map(lambda pair: f"(?:{pair[0]}){pair[1]}"),
            st.tuples(st.sampled_from(["(?=", "(?!"]), inner).map(lambda pair: f"{pair[0]}{pair[1]})"),
            st.tuples(st.sampled_from(["(?<=", "(?<!"]), behind).map(lambda pair: f"{pair[0]}{pair[1]})"),
            st.tuples(st.sampled_from("12"), inner, inner).map(lambda p: f"(?({p[0]}){p[1]}|{p[2]})"),
        )

    return st.recursive(leaves, grow, max_leaves=12)


@MANY
@given(hard_patterns())
def test_full_match_and_search_agree_with_re(pattern: str) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled = re.compile(pattern)
    except re.error:
        assume(False)
    full, search = acceptor(pattern), acceptor(pattern, search=True)
    for text in TEXTS:
        try:
            assert full(text.encode()) == (compiled.fullmatch(text) is not None), (pattern, text)
            assert search(text.encode()) == (compiled.search(text) is not None), (pattern, text)
        except AutomatonLimitError:
            break


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        (r"(?i)(ß)\1", ["ßß", "ẞß"], ["ßss"]),
        (r"(?i)([a-z]+)=\1", ["Ab=aB", "k=K"], ["ab=abc"]),
        (r"(?ai)(k)\1", ["kK"], ["k\u212a"]),
        (r"(\w+) \1", ["äö äö", "12 12"], ["a b", "aa a"]),
        (r"(['\"])(?:(?!\1).)*\1", ["'a\"b'", '""'], ["'a'b'", "'a\""]),
        (r"(?P<q>a|b)?(?(q)x|y)(?P=q)?", ["axa", "bx", "y"], ["ay", "x", "axb"]),
        (r"(.)(.)(.)?(?(3)\3|-)\2\1", ["abccba", "ab-ba"], ["abcba", "ab-ab"]),
        (r"(?=.*\d)(?=.*[a-z])(?!.*\s).{4,}", ["ab12", "1a__"], ["abcd", "1234", "a1 b2", "a1b"]),
        (r"(?:(?!foo)\w)+", ["fo", "barfofo"], ["foo", "barfoo"]),
        (r"(?<![a-z])(?>[a-z]+)(?<!ing)", ["walk"], ["walking"]),
    ],
)
def test_texts(pattern: str, matching: list[str], other: list[str]) -> None:
    accepts = regex(pattern).compile().accepts
    for text in matching + other:
        assert accepts(text.encode()) == (re.fullmatch(pattern, text) is not None) == (text in matching), text


def test_a_text_that_repeats_a_character_is_dead_at_once() -> None:
    """What more text cannot mend is refused where it happens, also inside of look-around."""
    automaton = regex(r"((\w)(?!.*\2))+").compile()
    assert automaton.advance(automaton.start, b"abcde") is not None
    assert automaton.advance(automaton.start, b"abca") is None
    automaton = regex(r"(?!.*(.)\1\1)[a-z]+").compile()
    assert automaton.advance(automaton.start, b"aabb") is not None
    assert automaton.advance(automaton.start, b"aabbb") is None


def test_characters_of_a_json_string_in_any_spelling() -> None:
    accepts = acceptor(r"(.)(\W)\1", codec=JSON)
    for spelling in [r"a\u002da", r"\u0061-a", r"\n\tX"[:4] + r"\n", r"\ud83d\ude00\"😀"]:
        text = json.loads(f'"{spelling}"')
        assert accepts(spelling.encode()) == (re.fullmatch(r"(.)(\W)\1", text) is not None), spelling
    assert not accepts(rb"\ud83d-\ud83d")
    assert not accepts(rb"a\u002db")


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a+)+\1b",
        r"(?:(a|b|ab)+)+\1c",
        r"((a*)*)*\2b",
        r"(?>(a+)+)\1",
        r"(a{1,1000}){1,1000}\1b",
        r"(a+a+)+y\1",
    ],
)
def test_hostile_patterns_end_in_time(pattern: str) -> None:
    automaton = regex(pattern).compile()
    started = time.perf_counter()
    state: int | None = automaton.start
    for _ in range(60):
        try:
            assert state is not None
            state = automaton.advance(state, b"a")
        except AutomatonLimitError:
            break
    assert time.perf_counter() - started < 10
