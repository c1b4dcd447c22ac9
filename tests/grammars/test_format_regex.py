"""The format "regex" against the grammar of ECMA-262 (2025) with the flag u. V8 14.4 judges all of these alike, but for
bounds of repetitions beyond 32 bits, which it takes for infinite.
"""

from __future__ import annotations

import json

import pytest
from tamis.grammars import Automaton, json_schema

VALID = r"""
a|b|	(|a)	()	[]	[^]	[]a	[^^]	[-]	[a-]	[--0]	[a-b-c]	[a-b--z]	[\d-]	[-\d]
[\-a]	[\b]	[\0]	[.*+?(){}$|/^-]
^a$	^^	\b\B	.	/	a/b	é	𝒜+	a*	a+?	a??	a{2}	a{2,}?	a{02,2}	a{0}
a{99999999999999999999}	(?:a)*	(a)*	[a]*	\d+	\x41*
a{9,10}	a{10,10}	a{12345678901234567890,12345678901234567891}
\d\D\s\S\w\W	\f\n\r\t\v	\cA\cz	\0	\0a	\x4f	\u004f	\u{4f}	\u{0000000004f}	\u{10ffff}
\ud83d	\udc00	\ud83d\ude00
\^\$\\\.\*\+\?\(\)\[\]\{\}\|\/
(a)\1	\1(a)	(\1)	(?:\2)(a)(b)	(((((((((())))))))))\10	(?<a>x)\1
(?<a>x)\k<a>	\k<a>(?<a>x)	(?<a>\k<a>)	(?<$_1>)	(?<𝒜>)	(?<\u0061>)\k<a>	(?<a\u{62}>)\k<ab>
(?<\ud835\udc9c>)\k<𝒜>	(?<a‌>)
(?<a>x)|(?<a>y)	(?:(?<a>x)|(?<a>y))\k<a>	(?<a>)(?<b>)	(?<a>(?<b>))	((?<a>)|(?<a>))|(?<a>)
(?=a)	(?!a)	(?<=a)	(?<!a)	(?=(a))\1	(?i:a)	(?ims:a)	(?-i:a)	(?i-ms:a)	(?i-:a)
\p{L}	\P{Lu}	\p{gc=Lu}	\p{General_Category=Uppercase_Letter}	\p{Script=Greek}	\p{sc=Grek}
\p{scx=Old_Italic}	\p{Alphabetic}	\p{Any}
[\p{L}\d]	[a-z\u{1f600}-\u{1f64f}]	[\ud83d\ude00-\ud83d\ude4f]	[\ud83d-\ude00]	[\x61-z]	[\cA-\cB]
[\t-\r]
[\ud83d\ud83d\ude00]	[\u{d83d}\u{ffff}]	[a-\u{00007a}]	[\u{10000}-\ud83d\ude00]
"""
INVALID = r"""
(	)	a)	(a	(?	(?:	[	[a	[^	]	a]	}	{	a}	{1}	a{	a{1	a{,1}
a{1,2	a{2,1}	a{ 1}	*	+	?	a**	a+*	a???	a{1}{2}	^*	$+	\b?	|*	(*a)
(?=a)*	(?!a)+	(?<=a)*	(?<!a){2}	a{10,9}	a{12345678901234567891,12345678901234567890}
\	\a	\e	\_	\-	\Z	\A	\z	\é	\00	\01	\08	\c	\c1	\cé	\x	\x4	\x4g
\u	\u004	\u{	\u{}	\u{g}	\u{110000}	\u{4f
\1	(a)\2	(?:a)\1	\8	(((((((((())))))))))\11	\99999999999999999999
(?<a	(?<>)	(?<1>)	(?<a-b>)	(?<a>x)(?<a>y)	(?<a>(?<a>x))	((?<a>x)|b)(?<a>y)	(?<\x61>)
(?<\u{110000}>)	(?<\ud835>)	(?<\ud835\u0061>)
\k	\k<	\k<a	\k<>	\k<a>	\k<a>(?<b>)	(?<a>)\k<b>	\k{a}
(?a)	(?i)a	(?-:a)	(?ii:a)	(?i-i:a)	(?x:a)	(?i-s-m:a)	(?#a)	(?>a)	(?P<a>a)	(?'a'a)
(?(1)a)	(?R)
\p	\p{	\pL	\p{}	\p{lu}	\p{Lu	\p{L=Lu}	\p{gc=Greek}	\p{sc=Lu}	\p{Script}
\p{Block=Greek}	\p{ L}	\p{IsGreek}	\P{Emoji=Yes}
[b-a]	[\d-a]	[a-\d]	[\w-\d]	[\p{L}-z]	[a-\p{L}]	[\B]	[\k]	[\1]	[\00]	[\c]	[\c1]
[a--]	[z-\x41]	[\u{10000}-\uffff]	[\ud83d\ude4f-\ud83d\ude00]
[\u{d83d}-\ud83c\udfff\ud83d-a]
"""


@pytest.fixture(scope="module")
def automaton() -> Automaton:
    return json_schema({"type": "string", "format": "regex"}).compile()


def spelled(text: str, unfinished: bool = False) -> bytes:
    written = json.dumps(text, ensure_ascii=False).encode()
    return written[:-1] if unfinished else written


def listed(texts: str) -> list[str]:
    return [text for line in texts.strip("\n").split("\n") for text in line.split("\t")]


def test_expressions_of_every_kind(automaton: Automaton) -> None:
    assert automaton.accepts(b'""')
    for text in listed(VALID):
        assert automaton.accepts(spelled(text)), text
        assert json_schema({"type": "string", "format": "regex", "minLength": 1}).compile().accepts(spelled(text)), text


def test_what_is_no_expression(automaton: Automaton) -> None:
    for text in listed(INVALID):
        assert not automaton.accepts(spelled(text)), text


@pytest.mark.parametrize(
    ("text", "dies_at"),
    [
        ("a)", 1),
        ("a**", 2),
        ("a{2,1}", 5),
        ("[b-a]", 3),
        (r"[\d-a]", 4),
        (r"[z-\x5", 5),
        (r"[\u{10000}-\ue", 13),
        (r"\u{110000", 8),
        (r"\p{Scrz", 6),
        (r"\k<1", 3),
        ("(?<a>)(?<a>", 10),
        ("(?i-i", 4),
        ("(?=a)*", 5),
    ],
)
def test_texts_die_where_nothing_can_save_them(automaton: Automaton, text: str, dies_at: int) -> None:
    def viable(length: int) -> bool:
        return automaton.advance(automaton.start, spelled(text[:length], unfinished=True)) is not None

    assert [viable(n) for n in range(len(text) + 1)] == [n <= dies_at for n in range(len(text) + 1)]


def test_references_wait_for_their_groups(automaton: Automaton) -> None:
    for text in (r"\3()", r"\k<é>(?<e>)", r"\2(?<a>)"):
        assert automaton.advance(automaton.start, spelled(text, unfinished=True)) is not None
        assert not automaton.accepts(spelled(text))
    for text in (r"\3()()()", r"\k<é>(?<e>)(?<\u00e9>)", r"\2(?<a>)(?:)()"):
        assert automaton.accepts(spelled(text)), text


def test_escapes_of_json_count_for_their_characters(automaton: Automaton) -> None:
    assert automaton.accepts(rb'"\u0028a\u0029\\u{6\u0031}"')
    assert not automaton.accepts(rb'"\u0028a"')
    assert automaton.accepts(rb'"[\ud835\udc9c-\ud835\udc9d]"')
    assert not automaton.accepts(rb'"[\ud835\udc9d-\ud835\udc9c]"')


def test_a_schema_of_schemas_asserts_its_patterns() -> None:
    automaton = json_schema({"$ref": "https://json-schema.org/draft/2020-12/schema"}, property_order="any").compile()
    assert automaton.accepts(b'{"pattern": "^a+$", "patternProperties": {"^x": true}}')
    assert not automaton.accepts(b'{"pattern": "^(a$"}')
