"""EBNF: the W3C's notation and its extensions, differences, and errors with a place."""

from __future__ import annotations

import itertools
import pickle
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tamis.grammars import GrammarError, ebnf

XML = """
/* pieces of the XML 1.0 grammar, as they stand in the specification */
document ::= CharData? ((Comment | PI) CharData?)*
Char     ::= #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF]
S        ::= (#x20 | #x9 | #xD | #xA)+
CharData ::= [^<&]* - ([^<&]* ']]>' [^<&]*)
Comment  ::= '<!--' ((Char - '-') | ('-' (Char - '-')))* '-->'
PI       ::= '<?' PITarget (S (Char* - (Char* '?>' Char*)))? '?>'
PITarget ::= Name - (('X' | 'x') ('M' | 'm') ('L' | 'l'))
Name     ::= [a-zA-Z_:] [a-zA-Z0-9._:-]*
"""


@pytest.mark.parametrize(
    ("source", "accepted", "rejected"),
    [
        (
            XML,
            ["", "text ]] >", "<!---->", "<!--a-b-->x", "<?xmlx y?>", "<?a ?? ?>"],
            ["<", "]]>", "a]]>b", "<!--a--b-->", "<!----->", "<?xml y?>", "<?XmL?>", "<?a ?>?>b?>&"],
        ),
        ('root ::= ("list"|"listen") "ed"', ["listed", "listened"], ["list"]),
        ("start = 'a' | b ; b : /x{2,}y?/i # comment\n// other\n", ["a", "xx", "XXY"], ["x", "xyy", "b"]),
        ("a-b.c_1 ::= \"x\" - 'y' (* note *) [^\\]#x41]", ["xz"], ["x]", "xA", "y"]),
        ('first ::= root2 | "q"\nroot2 ::= "r"{2,3}', ["q", "rr", "rrr"], ["r", "rrrr"]),
        ('a ::= b\nstart ::= "s"\nroot ::= "t"\nb ::= "b"', ["t"], ["s", "b"]),
        ('r ::= . #x41+ "\\u00e9\\\\" | ', ["\nAAé\\", ""], ["A"]),
        ('r ::= r "+" r | [0-9]', ["1", "1+2+3"], ["1+", ""]),
        ("r ::= 'a' 'b'* - ('b' 'b') 'c'", ["ac", "abc", "abbbc"], ["abbc"]),
        ("r ::= [a-c] - 'a' - 'b'", ["c"], ["a", "b", "d"]),
        ("r ::= /(a|ab)(?# note)\\/[\\/]/", ["a//", "ab//"], ["a/"]),
        (
            "[28]  a ::= '<' b? [VC: Root Element Type] '>' [ wfc: PE Between Declarations ]\n  [28a] b ::= [0-9]\n[3]",
            ["<>", "<13>"],
            ["<>3", "<1>"],
        ),
        ("r ::= '#' '//' \"(*\" '/*'", ["#//(*/*"], ["#"]),
    ],
)
def test_accepts_and_rejects(source: str, accepted: list[str], rejected: list[str]) -> None:
    automaton = ebnf(source).compile()
    assert [text for text in accepted if not automaton.accepts(text.encode())] == []
    assert [text for text in rejected if automaton.accepts(text.encode())] == []


@pytest.mark.parametrize(
    ("source", "message", "line", "column"),
    [
        ("", "at least one rule", 1, 1),
        ("/* only a comment */", "at least one rule", 1, 1),
        ("a", "expected '::='", 1, 2),
        ("a ::= b", "'b' is not defined", 1, 7),
        ("a ::= 'x'\na ::= 'y'", "defined twice", 2, 1),
        ('a ::= a "x" | ""\nb ::= "y"* - a', "difference needs operands without recursion", 2, 12),
        ("a ::= 'x' -", "take away", 1, 11),
        ("a ::= - 'x'", "missing in front", 1, 7),
        ("a ::= /x(/", "lacks its closing '\\)'", 1, 9),
        ("a ::=\n  'b' /x$/", "anchor \\$ is not supported", 2, 8),
        ("a ::= /x", "closing '/'", 1, 7),
        ("a ::= /(?=xy)/", "lookahead", 1, 8),
        ("a ::= { b }", "missing in front", 1, 7),
        ("a ::= [ b ", "closing '\\]'", 1, 7),
        ("a ::= []", "empty", 1, 7),
        ("a ::= [z-a]", "swapped", 1, 8),
        ("a ::= 'x' ]", "unexpected ']'", 1, 11),
        ("a ::= 'x", "closing quote", 1, 7),
        ("a ::= '\\q'", "unknown escape", 1, 8),
        ("a ::= #x110000", "no such character", 1, 7),
        ("a ::= ('x'", "closing '\\)'", 1, 7),
        ("a ::= /* x", "closing", 1, 7),
        ("a ::= 'x'{2", "expected '}'", 1, 10),
        ("a ::= " + "(" * 300, "nested groups", 1, 107),
    ],
)
def test_errors_have_a_place(source: str, message: str, line: int, column: int) -> None:
    with pytest.raises(GrammarError, match=message) as caught:
        ebnf(source)
    assert (caught.value.line, caught.value.column) == (line, column)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.lists(st.sampled_from(["a", "b", "ab", "ba", "aa"]), max_size=5),
    st.sampled_from(["", "a", "ab", "b*", "(a|b)b"]),
)
def test_differences_are_exact(taken: list[str], tail: str) -> None:
    """Against set difference over every text up to length 5."""
    pattern = "|".join([*taken, tail])
    automaton = ebnf(f"root ::= [ab]* - /(?:{pattern})/").compile()
    for text in ("".join(letters) for n in range(6) for letters in itertools.product("ab", repeat=n)):
        assert automaton.accepts(text.encode()) == (re.fullmatch(pattern, text) is None), (pattern, text)


def test_an_empty_difference_does_not_compile() -> None:
    with pytest.raises(GrammarError, match="accepts no string"):
        ebnf("a ::= 'x' - [a-z]").compile()


def test_grammars_are_values() -> None:
    grammar = ebnf(XML)
    assert pickle.loads(pickle.dumps(grammar)) == grammar


def test_long_chains_of_signs_are_no_deep_nesting() -> None:
    assert ebnf('root ::= "a"' + "*" * 2000).compile().accepts(b"aaa")
    assert not ebnf("root ::= [a-z]*" + ' - "a"' * 3000).compile().accepts(b"a")
    with pytest.raises(GrammarError) as caught:
        ebnf('root ::= "a"' + "{2,3}" * 2000)
    assert (caught.value.line, caught.value.column) == (1, 1)
