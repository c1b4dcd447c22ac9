"""GBNF: llama.cpp's syntax, recursion of every kind, and errors with a place."""

from __future__ import annotations

import itertools
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import ReferenceBuilder
from tamis.grammars import GrammarError, gbnf
from tamis.grammars._core import CompileError, GrammarBuilder
from tamis.grammars.gbnf import lower

ARITHMETIC = r"""
# a comment before the first rule
root  ::= (expr "=" ws term "\n")+
expr  ::= term ([-+*/] term)*   # and one at the end of a line
term  ::= ident | num | "(" ws expr ")" ws
ident ::= [a-z] [a-z0-9_]* ws
num   ::= [0-9]+ ws
ws    ::= [ \t\n]*
"""


@pytest.mark.parametrize(
    ("source", "accepted", "rejected"),
    [
        (ARITHMETIC, ["a=1\n", "(a +b )*3=2\nx=y\n"], ["a", "1=1", "(a=1\n", ""]),
        ('root ::= ("list" | "listen") "ed"', ["listed", "listened"], ["list", "listen"]),
        ('root ::= "a"{2} "b"{1,} "c"{0,2}', ["aab", "aabbbcc"], ["ab", "aac", "aabccc"]),
        ('root ::= "ab"{ 1 , 2 }', ["ab", "abab"], ["", "a", "ababab"]),
        ("root ::= [^a-c\\n\\]]+", ["d-[", "é\U0001f600"], ["", "a", "\n", "]"]),
        (
            "root ::= [a-] [\\x41-\\u0043] [\\U0001F600]",
            ["aA\U0001f600", "-C\U0001f600"],
            ["bA\U0001f600", "aD\U0001f600"],
        ),
        ('root ::= . "\\"\\\\\\t\\r\\n\\-"', ['\n"\\\t\r\n-', 'é"\\\t\r\n-'], ['"\\\t\r\n-']),
        ('root ::= "" | x\nx ::= x "a" | "b"', ["", "b", "baa"], ["a", "bb"]),
        ('root ::= x root y | ""\nx ::= "a"?\ny ::= "b"', ["", "b", "abb", "aabb"], ["a", "ba"]),
        ('root ::= a |\n  # still the same rule\n  "c"\na ::= (\n "x"\n "y" )*', ["c", "xyxy", ""], ["x"]),
        ("root ::= r-1\nr-1 ::= [0-9]*+?", ["", "12"], ["a"]),
        ('root ::= "a"\r\n\r\n# end', ["a"], ["b"]),
    ],
)
def test_accepts_and_rejects(source: str, accepted: list[str], rejected: list[str]) -> None:
    automaton = gbnf(source).compile()
    assert [text for text in accepted if not automaton.accepts(text.encode())] == []
    assert [text for text in rejected if automaton.accepts(text.encode())] == []


@pytest.mark.parametrize(
    ("source", "message", "line", "column"),
    [
        ("", "root", 1, 1),
        ('a ::= "x"', "needs a rule named 'root'", 1, 1),
        ('root ::= "a', "closing quote", 1, 10),
        ('root ::= "a"\n\nroot ::= "b"', "defined twice", 3, 1),
        ('root ::= "a" |\n  x-1', "'x-1' is not defined", 2, 3),
        ("root ::= <think>", "token references are not supported", 1, 10),
        ('root ::= !<[3]> "a"', "token references are not supported", 1, 10),
        ('root ::= "\\q"', "unknown escape", 1, 11),
        ('root ::= "\\x1"', "2 hexadecimal digits", 1, 11),
        ('root ::= "\\U00110000"', "no such character", 1, 11),
        ('root ::= "a" )', "unexpected '\\)'", 1, 14),
        ('root ::= ("a"', "closing '\\)'", 1, 10),
        ("root ::= [a", "closing '\\]'", 1, 10),
        ("root ::= [z-a]", "swapped", 1, 11),
        ("root ::= []", "empty", 1, 10),
        ("root ::= *", "nothing to repeat", 1, 10),
        ('root ::= "a"{3,2}', "exceeds", 1, 13),
        ('root ::= "a"{x}', "number of repetitions", 1, 13),
        ('root ::= "a"{99999999999}', "repetitions go up to", 1, 13),
        ('root = "a"', "expected '::='", 1, 6),
        ('my_rule ::= "a"', "expected '::='", 1, 3),
        ('"a" ::= b', "expected the name", 1, 1),
        ("root ::= " + "(" * 300, "nested groups", 1, 110),
    ],
)
def test_errors_have_a_place(source: str, message: str, line: int, column: int) -> None:
    with pytest.raises(GrammarError, match=message) as caught:
        gbnf(source)
    assert (caught.value.line, caught.value.column) == (line, column)


def test_a_grammar_without_texts_does_not_compile() -> None:
    with pytest.raises(GrammarError, match="accepts no string"):
        gbnf('root ::= "a" root').compile()


def test_long_rule_chains_do_not_overflow() -> None:
    source = "root ::= r0\n" + "\n".join(f'r{n} ::= "a" r{n + 1}' for n in range(3000)) + '\nr3000 ::= "b"'
    assert gbnf(source).compile().accepts(b"a" * 3000 + b"b")


def test_grammars_are_values() -> None:
    grammar = gbnf(ARITHMETIC)
    assert pickle.loads(pickle.dumps(grammar)) == grammar
    assert grammar.source == ARITHMETIC


def expressions() -> st.SearchStrategy[str]:
    atoms = st.sampled_from(['"a"', '"b"', '"ab"', "[^a]", "[ab]", '""', "root", "x", "y"])
    return st.recursive(
        atoms,
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=3).map(" ".join),
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"({' | '.join(parts)})"),
            st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{2,}"])).map(lambda p: f"({p[0]}){p[1]}"),
        ),
        max_leaves=5,
    )


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.tuples(expressions(), expressions(), expressions()))
def test_random_grammars_agree_with_the_reference(bodies: tuple[str, str, str]) -> None:
    """Acceptance and viability of every text up to length 4; recursion left, right, nested and empty."""
    source = "\n".join(f"{name} ::= {body}" for name, body in zip(("root", "x", "y"), bodies, strict=True))
    reference, builder = ReferenceBuilder(), GrammarBuilder()
    oracle, node = lower(reference, source), lower(builder, source)
    try:
        automaton = builder.compile(node)
    except CompileError:
        assert not reference.viable(oracle, b"")
        return
    for text in (bytes(letters) for n in range(5) for letters in itertools.product(b"abc", repeat=n)):
        state = automaton.advance(automaton.start, text)
        assert (state is not None) == reference.viable(oracle, text), (source, text)
        assert automaton.accepts(text) == reference.accepts(oracle, text), (source, text)
