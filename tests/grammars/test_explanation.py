"""Explanations: the place where a text dies is exact, and the rules, pointers and continuations told are right."""

from __future__ import annotations

import itertools
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_grammars import ALPHABET, build_rules, context_free
from tamis.grammars import Explanation, Grammar, choice, ebnf, gbnf, json_schema, lark, regex, special, text
from tamis.grammars._core import CompileError, GrammarBuilder
from tamis.grammars.explanation import _labelled
from tamis.grammars.instances import instance_pointer

PERSON = json_schema(
    {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 3},
            "age": {"type": "integer", "minimum": 0},
            "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        },
        "required": ["name", "age"],
        "additionalProperties": False,
    }
)
SUMS = 'root ::= expr\nexpr ::= term ([+-] term)*\nterm ::= num | "(" expr ")"\nnum ::= [0-9]+ ("." [0-9]+)?\n'
LEFT = """root ::= e
e ::= e "+" t | t
t ::= f | t "*" f
f ::= [0-9] | "(" e ")" | word
word ::= /[a-z]+/ - "end"
"""
ASSIGNMENTS = """start: stmt+
stmt: NAME "=" expr ";"
?expr: expr "+" term | term
?term: NUMBER | NAME | "(" expr ")"
NAME: /[a-z]+/
NUMBER: /[0-9]+/
%ignore " "
"""


def told(explanation: Explanation) -> dict[str, tuple[str, ...]]:
    """What is expected, by the rules under way."""
    return {" > ".join(place.rules): place.expected for place in explanation.places}


@pytest.mark.parametrize(
    ("text", "verdict", "offset", "instance", "expected"),
    [
        ('{"name": "abcd"', "refused", 13, "/name", {"# > /properties/name": ("'\"'",)}),
        ('{"nam": 3', "refused", 5, "/nam", {"#": ("'e\"'",)}),
        ('{"name": "x", "age": -1', "refused", 22, "/age", {"# > /properties/age": ('"0"',)}),
        ('{"name"', "incomplete", 7, "/name", {"#": ('":"', "white space")}),
        ('{"name":"x","age":3} x', "refused", 21, "", {"": ("white space",)}),
        ("x", "refused", 0, "", {"": ("white space",), "#": ('"{"',)}),
        (' {"name":"x","age":3}', "accepted", 21, "", {}),
    ],
)
def test_schemas(text: str, verdict: str, offset: int, instance: str, expected: dict[str, tuple[str, ...]]) -> None:
    explanation = PERSON.explain(text)
    assert (explanation.verdict, explanation.offset, explanation.instance) == (verdict, offset, instance)
    assert explanation.accepted == (verdict == "accepted")
    assert told(explanation) == expected


def test_machines_say_what_they_refuse() -> None:
    explanation = PERSON.explain('{"name":"x","age":3,"tags":["a","a"]}')
    assert explanation.offset == 34
    assert explanation.instance == "/tags/1"
    (place,) = explanation.places
    assert place.rules == ("#", "/properties/tags")
    assert place.refusals == ("items that differ (uniqueItems)",)


def test_all_schemas_that_have_a_say_are_named() -> None:
    one, other = {"properties": {"a": {"minimum": 5}}}, {"properties": {"a": {"type": "integer"}}}
    explanation = json_schema({"type": "object", "allOf": [one, other]}, whitespace="compact").explain('{"a":3x')
    assert explanation.offset == 6
    assert {place.rules[-1] for place in explanation.places} == {
        "/allOf/0/properties/a and /allOf/1/properties/a",
    }


@pytest.mark.parametrize(
    ("grammar", "text", "offset", "expected"),
    [
        (gbnf(SUMS), "1+", 2, {"expr > term": ('"("',), "expr > num": ("[0-9]",)}),
        (
            gbnf(SUMS),
            "1+(2*3",
            4,
            {
                "expr > term": ('")"',),
                "expr > term > expr": ('"+"', '"-"'),
                "expr > term > expr > num": ("[.0-9]",),
            },
        ),
        (ebnf(LEFT), "1+(2*3%", 6, {"e > t > f": ('")"',), "e > t > f > e": ('"+"',), "e > t > f > e > t": ('"*"',)}),
        (ebnf(LEFT), "1+end", 5, {"e > t > word": ("[a-z]",)}),
        (lark(ASSIGNMENTS), "a = 1 + ; ", 8, {"stmt > expr": ("NAME", '" "', "NUMBER", '"("')}),
        (lark(ASSIGNMENTS), "a = 1 2", 6, {"stmt > term": ('" "', '"+"', '";"')}),
        (lark(ASSIGNMENTS), "a", 1, {"stmt": ("NAME (begun)", '" "', '"="')}),
        (lark(ASSIGNMENTS), "A", 0, {"": ("NAME", '" "')}),
        (regex(r"ab(c|\d{2})x"), "ab1x", 3, {r"column 6: \d": None}),
        (regex("a(b|cd)\nx"), "ac\n", 2, {"line 1, column 6: d": ('"d\\nx"',)}),
        (choice(["yes", "no", "never"]), "nx", 1, {"": ('"ever"', '"o"')}),
    ],
    ids=lambda value: value.kind if isinstance(value, Grammar) else None,
)
def test_rules(grammar: Grammar, text: str, offset: int, expected: dict[str, tuple[str, ...] | None]) -> None:
    explanation = grammar.explain(text)
    assert explanation.offset == offset
    found = told(explanation)
    assert set(found) == set(expected)
    for rules, what in expected.items():
        assert what is None or set(found[rules]) == set(what), rules


def test_earley_rules_and_terminals() -> None:
    explanation = lark(ASSIGNMENTS, parser="earley").explain("a = 1 2")
    assert explanation.offset == 6
    assert told(explanation)['start > stmt > expr > "+"'] == ('"+"',)
    assert told(explanation)['start > ";"'] == ('";"',)


def test_exclusions_and_intersections_name_the_part_that_refuses() -> None:
    (place,) = ebnf(LEFT).explain("1+end+").places
    assert place.refusals == ('an exclusion of what stands here, u"e" u"n" u"d"',)
    (place,) = regex(r"(?=.*\d)[a-z\d]{3,5}").explain("abcde").places
    assert "no text that goes on so is in all of them" in place.refusals[0]


def test_other_spellings_are_left_out_of_what_is_expected() -> None:
    grammar = json_schema({"enum": ["Accepted", "Blocked", "h1", "h2", "a\\b"]})
    assert set(grammar.explain('"U"').expected) == {"'Accepted\"'", "'Blocked\"'", '"h"', '"a\\\\"'}
    assert set(grammar.explain('"h4').expected) == {"'1\"'", "'2\"'"}
    assert ord("\\") in grammar.explain('"h4').next_bytes
    assert regex(r"1|\\u003[12]").explain("z").expected == ('"1"', '"\\\\u003"')


def test_special_tokens() -> None:
    assert (special("<x>") + "a" | special("<y>") | "bc").explain("a").expected == (
        '"bc"',
        'the special token "<x>"',
        'the special token "<y>"',
    )
    assert (text("ab") + special("<x>")).explain("").expected == ('"ab"',)
    assert (text("ab") + special("<x>")).explain("ab").expected == ('the special token "<x>"',)


def test_message() -> None:
    assert str(PERSON.explain('{"name": "x",\n "age": é}')) == (
        'refused at line 2, column 9 (byte 22): "é"\n'
        '   "age": é}\n'
        "          ^\n"
        "in the instance at /age\n"
        "in # > /properties/age\n"
        "  expected [\\-0-9]\n"
        "in #\n"
        "  expected white space"
    )
    assert str(regex("ab?").explain("ac")) == (
        'refused at line 1, column 2 (byte 1): "c"\n  ac\n   ^\n'
        'in column 2: b\n  expected "b"\nthe text could have ended here'
    )
    assert str(regex("a").explain("a")) == "accepted"
    assert str(regex("a").explain("")).startswith("ends too early, at line 1, column 1 (byte 0)")


@pytest.mark.parametrize(
    ("prefix", "pointer"),
    [
        (b"", ""),
        (b"[1, 2", "/1"),
        (b'{"a": {"b/~c": [true, {"d"', "/a/b~1~0c/1/d"),
        (b'{"a": "x,{[:"', "/a"),
        (b'{"a": 1, ', ""),
        (b'{"a": [1]', "/a"),
        (b'{"\\u0061": [', "/a/0"),
        (b'{"a\\', "/a\\"),
        (b'{"a": 1} ', ""),
    ],
)
def test_instance_pointers(prefix: bytes, pointer: str) -> None:
    assert instance_pointer(prefix) == pointer


def test_bytes_and_characters() -> None:
    explanation = regex("é+").explain(b"\xc3\xa9\xff")
    assert (explanation.offset, explanation.column, explanation.found) == (2, 2, '"\\\\xff"')
    explanation = regex("[à-ü]b").explain(b"\xc3b")
    assert (explanation.offset, explanation.expected) == (1, ("the rest of a character (a byte of a0-bc)",))
    assert regex("[à-ü]b").explain("xb").expected == ("[à-ü]",)
    assert regex("é").explain("x").expected == ('"é"',)
    assert regex(r"[^é\n]").explain("\n").expected == ("any character but [\\né]",)
    assert regex(".*").explain("a\ud800").offset == 2  # no UTF-8 has surrogates
    with pytest.raises(TypeError, match="str or bytes"):
        regex("a").explain(5)  # type: ignore[arg-type]


GRAMMARS = [
    gbnf('root ::= "a" root "b" | "c"*'),
    ebnf("s ::= s 'a' | 'b' c? | d c ::= 'c' s? d ::= /a[bc]+/ - 'abc'"),
    regex("(ab|a)*c?(?!b)"),
    regex("a*b{1,2}(c|ab){2}"),
    lark("start: (A | B)+ \nA: /a+b/\nB: /a|c/"),
    lark("start: a start b | \na: /a/\nb: /b|c/", parser="earley"),
    choice(["abc", "ab", "ca"]),
]


@pytest.mark.parametrize("grammar", GRAMMARS, ids=repr)
def test_offsets_are_exact(grammar: Grammar) -> None:
    """The bytes before the offset begin some text, with the next they begin none; so says the automaton with names."""
    words = [bytes(word) for n in range(9) for word in itertools.product(b"abc", repeat=n)]
    automaton = grammar.compile()
    texts = {word for word in words if automaton.accepts(word)}
    short = {word[:n] for word in texts for n in range(len(word) + 1)}
    labelled = _labelled(grammar)
    for word in (word for word in words if len(word) <= 3):
        explanation = grammar.explain(word)
        alive = next((n for n in range(len(word)) if word[: n + 1] not in short), len(word))
        assert explanation.offset == alive, word
        assert explanation.accepted == (word in texts)
        assert explanation.may_end == (word[:alive] in texts)
        assert labelled.accepts(word) == (word in texts)
        if not explanation.accepted:
            assert {bytes([b]) for b in explanation.next_bytes} == {
                bytes([b]) for b in b"abc" if word[:alive] + bytes([b]) in short
            }
            union = {byte for place in explanation.places for byte in place.next_bytes}
            assert union == set(explanation.next_bytes), word


WORDS = [bytes(word) for n in range(4) for word in itertools.product(ALPHABET, repeat=n)]


@settings(max_examples=150, deadline=None)
@given(context_free())
def test_places_of_random_grammars(grammar: dict) -> None:  # type: ignore[type-arg]
    """The automaton with names has the same prefixes, and its places tell all bytes that may come and no others."""
    plain, labelled = GrammarBuilder(), GrammarBuilder(labels=True)
    try:
        one = plain.compile(build_rules(plain, grammar))
        other = labelled.compile(build_rules(labelled, grammar))
    except CompileError:
        return
    for word in WORDS:
        state, read = other.longest(other.start, word)
        assert one.longest(one.start, word)[1] == read
        refused = word[read] if read < len(word) else None
        places = other.diagnose(state, refused)
        assert {byte for _, found, _, _ in places for byte in found} == set(other.next_bytes(state)), word
        for rules, _, _, _ in places:
            assert all(name for name in rules)


@settings(max_examples=40, deadline=None)
@given(
    st.recursive(
        st.sampled_from([{"type": "integer"}, {"type": "string", "maxLength": 2}, {"enum": ["a", 1]}, {}]),
        lambda inner: st.one_of(
            st.builds(lambda a, b: {"type": "object", "properties": {"a": a, "b": b}, "required": ["a"]}, inner, inner),
            st.builds(lambda a: {"type": "array", "items": a, "maxItems": 2}, inner),
            st.builds(lambda a, b: {"anyOf": [a, b]}, inner, inner),
            st.builds(lambda a, b: {"allOf": [a, {"not": b}]}, inner, inner),
        ),
        max_leaves=4,
    ),
    st.recursive(
        st.sampled_from([0, "", "a", "abc", None, 1.5]),
        lambda inner: st.one_of(
            st.builds(lambda a: {"a": a}, inner),
            st.builds(lambda a: {"b": a, "c": a}, inner),
            st.lists(inner, max_size=3),
        ),
        max_leaves=4,
    ),
)
def test_schemas_and_instances(schema: dict, instance: object) -> None:  # type: ignore[type-arg]
    try:
        grammar = json_schema(schema)
        automaton = grammar.compile()
    except ValueError:
        return
    text = json.dumps(instance).encode()
    explanation = grammar.explain(text)
    assert explanation.accepted == automaton.accepts(text)
    if not explanation.accepted:
        assert automaton.longest(automaton.start, text)[1] == explanation.offset
        assert explanation.places
        assert str(explanation)
        union = {byte for place in explanation.places for byte in place.next_bytes}
        assert union == set(explanation.next_bytes)


def test_hostile_texts_and_grammars_are_bounded() -> None:
    begin = time.monotonic()
    nested = json_schema({"type": ["array", "null"], "items": {"$ref": "#"}})
    explanation = nested.explain("[" * 20_000 + "x")
    assert explanation.offset == 20_000
    assert len(str(explanation)) < 10_000
    explanation = gbnf('root ::= "(" root ")" | ""').explain("(" * 100_000 + "x")
    assert explanation.offset == 100_000
    assert told(explanation)["root"] == ('"("', f'"{")" * 41}..."')
    assert len(str(regex("a*").explain("a" * 1_000_000 + "\n" + "b" * 1_000_000))) < 1000
    assert regex("a{1000000}").explain("a" * 1000).offset == 1000
    assert choice([f"text {n}" for n in range(10_000)]).explain("text x").offset == 5
    assert regex("a" * 100_000).explain("b").expected[0].startswith('"aaaa')
    assert time.monotonic() - begin < 60
