"""Lark grammars against lark's own Earley parser with the dynamic_complete lexer."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lark import Lark
from lark.exceptions import LarkError, UnexpectedInput
from tamis.grammars import GrammarError, lark

JSON_GRAMMAR = r"""
?start: value
?value: object | array | string | SIGNED_NUMBER -> number | "true" -> true | "false" -> false | "null" -> null
array: "[" [value ("," value)*] "]"
object: "{" [pair ("," pair)*] "}"
pair: string ":" value
string: ESCAPED_STRING
%import common.ESCAPED_STRING
%import common.SIGNED_NUMBER
%import common.WS
%ignore WS
"""

GRAMMARS = [
    ('start: "a" "b"*', "ab"),
    ('start: A+\nA: "a" | "ab"', "ab"),
    ("start: A B\nA: /a|ab/\nB: /b?a/", "ab"),
    ("start: A+\nA: /b.*?b/", "ab"),
    ("start: A*\nA: /a+/\n%ignore /b/", "ab"),
    ('start: x "b"~1..2\n?x: x "a" | -> empty', "ab"),
    ('start: _list{A, "b"}\n_list{item, sep}: item (sep item)*\nA: "a"i', "aAb"),
    ('start: ["a"] ["b"] (A | B)?\nA.2: "ab"\nB.1: /a./', "ab"),
    ('start: start "a" start | "b"', "ab"),
    ('start: "(" start ")" | \n%ignore " "', "() "),
    ("start: W+\nW: /[ab]+/\n%ignore / +/\n%ignore /b /", "ab "),
    ('start: ID | KEYWORD ID\nKEYWORD: "ab"\nID: /[ab]+/\n%ignore " "', "ab "),
    ('start: A B\nA: /(?i:a) b?/x\nB: "b"', "aAb"),
    ("start: S+\nS: /a.*?(?<!b)a/", "ab"),
    ("start: L*\nL: /[^a]*?a/s", "ab\n"),
    ("start: A~2\nA: /a{1,2}?|b/", "ab"),
    ('start: x\nx: y "a" | "b"\ny: x | ', "ab"),
]


def accepted_by_lark(parser: Lark, text: str) -> bool:
    try:
        parser.parse(text)
    except UnexpectedInput:
        return False
    return True


def test_the_longest_token_is_not_forced() -> None:
    """The example of lark()'s docstring."""
    text = 'start: A "b"\nA: /[ab]+/'
    assert lark(text, parser="earley").compile().accepts(b"ab")
    assert accepted_by_lark(Lark(text, parser="earley", lexer="dynamic_complete"), "ab")
    assert not accepted_by_lark(Lark(text, parser="lalr", lexer="contextual"), "ab")


def texts(alphabet: str, length: int) -> list[str]:
    return ["".join(letters) for n in range(length + 1) for letters in itertools.product(alphabet, repeat=n)]


@pytest.mark.parametrize(("source", "alphabet"), GRAMMARS)
def test_small_grammars_agree_with_lark(source: str, alphabet: str) -> None:
    parser = Lark(source, parser="earley", lexer="dynamic_complete")
    automaton = lark(source, parser="earley").compile()
    for text in texts(alphabet, 5):
        assert automaton.accepts(text.encode()) == accepted_by_lark(parser, text), (source, text)


def sources() -> st.SearchStrategy[str]:
    """Two rules and three terminals over a and b, perhaps with an ignored blank."""
    symbols = st.sampled_from(["start", "x", "A", "B", "C", '"a"', '"b"', '"ba"'])
    term = st.tuples(symbols, st.sampled_from(["", "", "?", "*", "+", "~2", "~1..2"])).map("".join)
    group = st.lists(term, min_size=1, max_size=2).map(lambda terms: "[" + " ".join(terms) + "]")
    expansion = st.lists(st.one_of(term, group), min_size=0, max_size=3).map(" ".join)
    body = st.lists(expansion, min_size=1, max_size=3).map(" | ".join)
    pattern = st.sampled_from(
        ["a", "ab", "a|ab", "ab|a", "a*?b", "a+", "[ab]", "a?b", "(a|b)+?b", "b{1,2}", "(?i:a)b?"]
    )
    return st.tuples(body, body, pattern, pattern, pattern, st.sampled_from(["", '%ignore " "'])).map(
        lambda parts: "start: {}\nx: {}\nA: /{}/\nB: /{}/\nC: /{}/\n{}".format(*parts)
    )


@settings(max_examples=60, deadline=None, derandomize=True)
@given(sources())
@example('start: x\nx: \nA: /a/\nB: /b/\nC: /a/\n%ignore " "')
def test_random_grammars_agree_with_lark(source: str) -> None:
    try:
        parser = Lark(source, parser="earley", lexer="dynamic_complete")
    except LarkError:
        with pytest.raises(GrammarError, match="lark"):
            lark(source, parser="earley")
        return
    grammar = lark(source, parser="earley")
    try:
        accepts = grammar.compile().accepts
    except GrammarError:
        assert not any(accepted_by_lark(parser, text) for text in texts("ab ", 3)), source
        return
    for text in texts("ab ", 3) + texts("ab", 4):
        assert accepts(text.encode()) == accepted_by_lark(parser, text), (source, text)


def test_json_with_larks_library() -> None:
    parser = Lark(JSON_GRAMMAR, parser="earley", lexer="dynamic_complete")
    automaton = lark(JSON_GRAMMAR, parser="earley").compile()
    value = {"a": [1, -2.5e3, 'x"y\\'], "b": {"": None}, "é": [True, False, [], {}]}
    good = [json.dumps(value), json.dumps(value, indent=2, ensure_ascii=False), " [ ] ", "-1", '"\\u0041"']
    bad = ['{"a" "b": 1}', '{"a":}', '["a\\"]', "[1,]", "", "tru", "01x", '"a\n"']
    for text in good + bad:
        assert automaton.accepts(text.encode()) == accepted_by_lark(parser, text) == (text in good), text


@pytest.mark.parametrize(
    ("source", "message", "line", "column"),
    [
        ("start: a", "'a' used but not defined", 1, 8),
        ('start: "a" b+\nb: ("x"\n', "Unexpected|parenthesis", 2, 8),
        ('start: A\nA: "x" B\nB: A', "Recursion in terminal 'A'", 2, 1),
        ('start: "a"\nstart: "b"', "defined more than once", 1, 1),
        ('%ignore BLANKS\nstart: "a"', "BLANKS", 1, 9),
        ("start: A\nA: /x*/", "zero-width", 2, 1),
        ("start: A\nA: /(?=ab)x/", "lookahead", 2, 1),
        ("start: A\nA: /x(?!y)/", "negative lookahead", 2, 1),
        ("start: A\nA: /x$/", "anchor \\$", 2, 1),
        ("start: A\nA: /x\\b/", "word boundary", 2, 1),
        ("start: A\nA: /(?<!y)x/", "lookbehind at the beginning", 2, 1),
        ("start: A\nA: /(x)\\1/", "back-reference", 2, 1),
        ('start: "y" /x$/', "anchor \\$", 1, 12),
        ("start: A\n%declare A", "declared", 1, 8),
        ("start: A\nA: /(/", "bad regular expression", 2, 4),
        ("%import .local (x)\nstart: x", "nothing to import as 'local.lark'", 1, 1),
        ("%import nosuch.X\nstart: X", "nothing to import", 1, 1),
        ("%import common.NOPE\nstart: NOPE", "'NOPE' used but not defined", 1, 16),
        ('begin: "a"', "undefined rule: 'start'", None, None),
        ("", "undefined rule: 'start'", None, None),
        ('start: "a"~3..1', "Bad Range", None, None),
    ],
)
def test_errors_have_a_place(source: str, message: str, line: int | None, column: int | None) -> None:
    with pytest.raises(GrammarError, match=message) as caught:
        lark(source, parser="earley")
    assert (caught.value.line, caught.value.column) == (line, column)


def test_a_grammar_without_texts_does_not_compile() -> None:
    with pytest.raises(GrammarError, match="accepts no string"):
        lark('start: "a" start', parser="earley").compile()


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("start: " + " ".join(f'("a{i}")?' for i in range(25)), 1),
        ('start: ("a"|"b")~40', 1),
        ('start: t{"a"}\nt{x}: x t{t{x}} | x', 2),
        ('start: t{"a","b"}\nt{x,y}: t{t{x,y},t{x,y}} | x', 2),
        ('start: A\nA: "a"~-1', 2),
    ],
)
def test_what_lark_would_expand_without_end_is_refused(source: str, line: int) -> None:
    with pytest.raises(GrammarError) as caught:
        lark(source, parser="earley")
    assert caught.value.line == line


def test_templates_may_use_themselves() -> None:
    automaton = lark('start: t{"a"} t{B}\nt{x}: x t{x} | x\nB: "b"', parser="earley").compile()
    assert automaton.accepts(b"aabb")
    assert not automaton.accepts(b"a")
