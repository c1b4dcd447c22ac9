"""Grammars made by operators, against sets of words."""

from __future__ import annotations

import itertools
import json
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tamis.grammars import (
    Grammar,
    GrammarError,
    choice,
    ebnf,
    gbnf,
    json_schema,
    lark,
    recursive,
    regex,
    special,
    substring_of,
    text,
    within,
)

ALPHABET = "abé"
LONGEST = 4
WORDS = ["".join(word) for n in range(LONGEST + 1) for word in itertools.product(ALPHABET, repeat=n)]
Words = frozenset[str]


def accepts(grammar: Grammar, string: str) -> bool:
    try:
        return grammar.compile().accepts(string.encode())
    except GrammarError as error:
        if "accepts no string" not in error.message:
            raise
        return False


def words_of(grammar: Grammar) -> Words:
    return frozenset(word for word in WORDS if accepts(grammar, word))


def sums(left: Words, right: Words) -> Words:
    return frozenset(a + b for a in left for b in right if len(a + b) <= LONGEST)


def powers(words: Words, least: int, most: int) -> Words:
    found, power = frozenset[str](), frozenset({""})
    for n in range(most + 1):
        found |= power if n >= least else frozenset()
        power = sums(power, words)
    return found


LEAVES: list[tuple[Grammar, Words]] = [
    (grammar, words_of(grammar))
    for grammar in (
        text("a"),
        text("é"),
        text(""),
        choice(["ab", "b"]),
        regex("a*b?"),
        regex(r"(?=.b).*"),
        ebnf('root ::= "a" root "b" | ""'),
        gbnf('root ::= root "a" | "b"'),
        lark('start: A "b"?\nA: /a+/'),
        substring_of("abé a"),
    )
]


@st.composite
def expressions(draw: st.DrawFn, depth: int = 3) -> tuple[Grammar, Words]:
    """A grammar with its words up to the length of WORDS."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(LEAVES))
    left, words = draw(expressions(depth - 1))
    operator = draw(st.sampled_from("+|&-~?*{"))
    if operator == "~":
        return ~left, frozenset(WORDS) - words
    if operator == "?":
        return left.optional(), words | {""}
    if operator == "*":
        return left.zero_or_more(), powers(words, 0, LONGEST)
    if operator == "{":
        least = draw(st.integers(0, 3))
        most = draw(st.integers(least, 4))
        return left.repeat(least, most), powers(words, least, most)
    right, others = draw(expressions(depth - 1))
    if operator == "+":
        return left + right, sums(words, others)
    if operator == "|":
        return left | right, words | others
    if operator == "&":
        return left & right, words & others
    return left - right, words - others


@settings(max_examples=150, deadline=None)
@given(expressions())
def test_operators_are_operations_on_sets(made: tuple[Grammar, Words]) -> None:
    grammar, words = made
    assert words_of(grammar) == words
    again = Grammar.from_spec(json.loads(json.dumps(grammar.to_spec())))
    assert again == grammar
    assert words_of(again) == words


@settings(max_examples=80, deadline=None)
@given(expressions(), st.data())
def test_no_prefix_of_a_member_is_refused(made: tuple[Grammar, Words], data: st.DataObject) -> None:
    grammar, words = made
    if words:
        automaton = grammar.compile()
        member = data.draw(st.sampled_from(sorted(words))).encode()
        assert all(automaton.advance(automaton.start, member[:n]) is not None for n in range(len(member) + 1))


def test_strings_are_texts_on_either_side() -> None:
    a = regex("a+")
    assert words_of("b" + a + "b") == {"bab", "baab"}
    assert words_of("b" | a | "") == {"", "b", "a", "aa", "aaa", "aaaa"}
    assert words_of("a" & a) == words_of(a & "a") == {"a"}
    assert words_of(a - "aa") == {"a", "aaa", "aaaa"}
    assert words_of("a" - a) == set()
    with pytest.raises(TypeError):
        a + 3  # type: ignore[operator]


def test_a_complement_is_within_texts() -> None:
    automaton = (~text("a")).compile()
    assert automaton.accepts(b"")
    assert automaton.accepts("\U0010ffff\n\0é".encode())
    assert not automaton.accepts(b"a")
    for byte in (b"\x80", b"\xc0", b"\xf5", b"\xfe", b"\xff", b"\xed\xa0"):
        assert automaton.advance(automaton.start, byte) is None, byte
    assert not automaton.accepts("é".encode()[:1])


def test_recursion() -> None:
    balanced = recursive(lambda self: ("a" + self + "b").optional())
    assert words_of(balanced) == {"", "ab", "aabb"}
    left = recursive(lambda self: self + "a" | "b")
    assert words_of(left) == {"b", "ba", "baa", "baaa"}
    assert words_of(recursive(lambda self: self + "a")) == set()
    inner = recursive(lambda x: recursive(lambda y: "a" + x + "b" | y + "é" | ""))
    assert words_of(inner) == {"", "é", "éé", "ééé", "éééé", "ab", "abé", "abéé", "aéb", "aébé"} | {
        "aabb",
        "aééb",
    }
    value, values = recursive(lambda value, values: ("a" | "b" + values + "b", (value + "é").zero_or_more()))
    assert words_of(value) == {"a", "bb", "baéb"}
    assert words_of(values) == {"", "aé", "aéaé", "bbé"}
    for grammar in (balanced, value, values):
        assert pickle.loads(pickle.dumps(grammar)) == grammar
        assert pickle.loads(pickle.dumps(grammar)).compile() is grammar.compile()
    assert recursive(lambda self: "a" + self | "b") == recursive(lambda self: "a" + self | "b")


def test_recursion_through_any_front_end() -> None:
    nested = recursive(lambda self: json_schema({"type": "integer"}, whitespace="compact") | "[" + self + "]")
    assert accepts(nested, "[[12]]")
    assert not accepts(nested, "[[12]")


def test_a_placeholder_is_not_used_before_it_is_defined() -> None:
    kept: list[Grammar] = []
    for use in (Grammar.compile, hash, Grammar.to_spec):
        with pytest.raises(GrammarError, match="'self' is used while it is still being defined"):
            recursive(lambda self, use=use: kept.append(self) or use(self))  # type: ignore[misc]
    assert repr(kept[0]) == "<Grammar algebra, not defined yet>"
    with pytest.raises(GrammarError, match="still being defined"):
        (kept[0] + "a").compile()


def test_a_long_chain_is_linear() -> None:
    grammar = text("")
    for i in range(3000):
        grammar = grammar + f"{i}," if i % 2 else grammar + regex(f"{i},")
    assert accepts(grammar, "".join(f"{i}," for i in range(3000)))
    for _ in range(3000):
        grammar = ("(" + grammar + ")").optional()
    assert Grammar.from_spec(grammar.to_spec()) == grammar


def test_shared_parts_are_written_once() -> None:
    grammar = regex("a")
    for _ in range(15):
        grammar = grammar + grammar
    assert len(grammar.source) < 2000
    assert accepts(grammar, "a" * 2**15)
    for _ in range(40):
        grammar = grammar + grammar
    with pytest.raises(GrammarError, match="too large"):
        grammar.compile()
    with pytest.raises(GrammarError, match="too large"):
        Grammar.from_spec(grammar.to_spec())


def test_equal_grammars_share_an_automaton() -> None:
    first, second = regex("a") + "b" | special("x"), regex("a") + "b" | special("x")
    assert first == second
    assert len({first, second}) == 1
    assert first.compile() is second.compile()
    assert first != regex("a") + "b"


def test_what_begins_with_itself_in_an_intersection_is_refused() -> None:
    with pytest.raises(GrammarError, match="'loop' begins with itself"):
        recursive(lambda loop: "a" | (loop + "b") & regex("ab*")).compile()
    with pytest.raises(GrammarError, match="'loop' begins with itself"):
        recursive(lambda loop: ~loop).compile()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: text(3), "a text is a str, not int"),
        (lambda: text("\ud800"), "lone surrogate"),
        (lambda: regex("a") + "\ud800", "lone surrogate"),
        (lambda: special(""), "the name of a special token"),
        (lambda: special(b"x"), "the name of a special token"),
        (lambda: text("a").repeat(2, 1), "the upper bound of this repetition, 1, is below the lower one, 2"),
        (lambda: text("a").repeat(-1, 1), "a bound of a repetition is an integer from 0"),
        (lambda: text("a").repeat(1.5, None), "a bound of a repetition is an integer from 0"),
        (lambda: text("a").repeat(True, None), "a bound of a repetition is an integer from 0"),
        (lambda: recursive("a"), "recursive takes a function"),
        (lambda: recursive(lambda: "a"), "one placeholder or more"),
        (lambda: recursive(lambda *all: "a"), "one placeholder or more"),
        (lambda: recursive(lambda a: None), "what defines 'a' must be a Grammar or a str, not NoneType"),
        (lambda: recursive(lambda a, b: a), "1 grammars for the 2 placeholders a, b"),
        (lambda: substring_of("a", unit="letters"), "unknown unit 'letters'"),
        (lambda: substring_of(b"a"), "is a str, not bytes"),
        (lambda: substring_of("\udfff"), "lone surrogate"),
        (lambda: substring_of("a" * (1 << 23 | 1)), "too long"),
    ],
)
def test_bad_arguments(make: Any, message: str) -> None:
    with pytest.raises(GrammarError, match=message):
        make()


NODE = ["text", "a"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "not a JSON text"),
        ("[" * 100_000, "not a JSON text"),
        ("[]", "an object of nodes"),
        ({"nodes": [NODE], "start": 0, "more": 1}, "an object of nodes"),
        ({"start": 0}, "at /nodes: algebra: a list is expected"),
        ({"nodes": [], "start": 0}, "at /start: algebra: a place among the 0 before"),
        ({"nodes": [NODE], "start": True}, "at /start"),
        ({"nodes": [NODE, ["sequence", 0, 1]], "start": 0}, "at /nodes/1/2: algebra: a place among the 1 before"),
        ({"nodes": [NODE, ["sequence", 0]], "start": 0}, "sequence needs two operands or more"),
        ({"nodes": [["txt", "a"]], "start": 0}, "at /nodes/0: algebra: no such node"),
        ({"nodes": [["text", "a", "b"]], "start": 0}, "no such node"),
        ({"nodes": [[]], "start": 0}, "no such node"),
        ({"nodes": [[["text"], "a"]], "start": 0}, "no such node"),
        ({"nodes": [["text", "\ud800"]], "start": 0}, "at /nodes/0: the source has a lone surrogate"),
        ({"nodes": [["special", ""]], "start": 0}, "at /nodes/0: the name of a special token"),
        ({"nodes": [NODE, ["repeat", 0, 3, 1]], "start": 0}, "at /nodes/1: the upper bound"),
        ({"nodes": [["rule", 0]], "start": 0}, "at /nodes/0/1: algebra: a place among the 0"),
        ({"nodes": [["rule", 0]], "start": 0, "rules": [["x"]]}, "at /rules/0: algebra: a rule is its name"),
        ({"nodes": [["rule", 0]], "start": 0, "rules": [["x", 7]]}, "at /rules/0/1"),
        ({"nodes": [["operand", 0]], "start": 0, "operands": [{"kind": "regex", "source": "("}]}, "at /operands/0"),
        (
            {"nodes": [["operand", 0]], "start": 0, "operands": [{"kind": "algebra", "source": "{}"}]},
            "written as nodes",
        ),
        ({"nodes": [["operand", 0]], "start": 0, "operands": [3]}, "at /operands/0: algebra: a grammar specification"),
    ],
)
def test_bad_sources(source: Any, message: str) -> None:
    with pytest.raises(GrammarError) as caught:
        Grammar("algebra", source if isinstance(source, str) else json.dumps(source))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("nest", "message"),
    [
        (lambda g: ~g, "more than 500 of & - ~ and within"),
        (lambda g: regex("a*") - g, "more than 500 of & - ~ and within"),
        (lambda g: ("a" + g) & regex("a*"), "more than 500 of & - ~ and within"),
        (lambda g: within("a" + g, tokens=9), "more than 500 of & - ~ and within"),
        (lambda g: (g + "a").repeat(2, 9), "more than 10000 parts"),
        (lambda g: "a" + g | "b", "more than 10000 parts"),
    ],
)
def test_deep_nesting(nest: Any, message: str) -> None:
    grammar = text("a")
    for _ in range(200):
        grammar = nest(grammar)
    grammar.compile()
    for _ in range(20_000):
        grammar = nest(grammar)
    for use in (grammar.compile, lambda: Grammar.from_spec(grammar.to_spec())):
        with pytest.raises(GrammarError, match=f"nested too deeply: {message}"):
            use()
