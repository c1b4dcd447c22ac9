"""The regex package's and Rust's syntax against the package: the shared patterns, and others of the same kinds."""

from __future__ import annotations

import itertools
import warnings
from pathlib import Path

import pytest
import regex as package
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tamis.bench.domains.patterns import judge, read_patterns
from tamis.grammars import AutomatonLimitError, GrammarError, regex
from tamis.grammars._core import EmptyLanguageError, GrammarBuilder
from tamis.grammars.builder import UTF8
from tamis.grammars.regex import lower_pattern, parse

FILE = Path(__file__).parents[2] / ".." / "shared" / "data" / "patterns_dev.csv"


@pytest.mark.skipif(not FILE.exists(), reason=f"the patterns are not at {FILE}")
def test_shared_patterns_are_accepted_and_agree() -> None:
    patterns, _ = read_patterns(FILE)
    assert patterns
    for pattern in patterns:
        result = judge(pattern, walks=5)
        assert not result.refused, (pattern, result.refused)
        assert not result.disagreements, (pattern, result.disagreements)
        assert not result.dead_prefixes, (pattern, result.dead_prefixes)


# One pattern a line.
KINDS = r"""
(?<a>\w)(?<b>\w)\g<b>\g<a>
(?<q>['"])(?:(?!\1)[^\\]|\\.)*+\1
(?|(a)|(b))(c)\2\1
(?<n>a)|(?<n>b)
(?:(?<n>a)|(?<n>b))\1
(?i)(?<w>[a-z]+) (?P=w)
(?(?=(\w))\1\1|-)
(a)(?=(?<x>b))\2\1?
(?V1)(a|b\1)+
(?>\d+|\p{L}+)\.
\p{L}++\d
(?>(?:ab|a)*)b?\p{L}
(?:\p{Lu}\p{Ll}*+)++
(?>\p{N}{1,3})\d
\p{L}?+a
(?>(?<y>a|ab))c(?(y)d|e)
(?>a*+\p{L}|b)+
\p{L}{2,3}+a?
(?<=\p{L}+)\d|a\d
(?<!\b(?:no|un))\p{L}{3,}
(?<=(?<!a)b.{0,2})\p{L}+|\w{1,3}(?<=b.)
\p{L}+(?<=a|bc)(?!d)
(?=\p{Lu})\w{2}(?<=\d)
(?:(?!ab)\p{L})+
(?:(?<!b)\p{L})+
(?=.*\d)(?=.*\p{Lu})(?!.*\s).{3,6}
(?(DEFINE)(?<o>\d{1,3}))(?&o)(?:\.(?&o)){3}
(?(DEFINE)(?<h>[\dA-F]{2}))(?&h)(?::(?&h))*
(<)?\p{L}+(?(1)>|)
(?<p>\()?\d+(?(p)\))
(?(?<=a)b|a)(?:(?(?<=a)b|c))
(?(?=\d)\d{2}|\p{L}{2})
(?<x>a)?b(?(x)c)
(?<s>\[(?&s)*\])
\((?:[^()]|(?R))*\)
(?<e>\d(?:[+*](?&e))?)
(?:a(?R)?b)
(\w)(?:(?R)|\w?)\1
(?<a>x(?&b)?)(?<b>y(?&a)?)
(?1)(?<z>a|b)
(?+1)-(\d)(?-1)
(?P>k)=(?<k>\w)
[\p{L}--[aeiou]]+
(?V1)[\p{L}--[aeiou]]+
(?V1)[\w&&[^\d_]]+
(?V1)[a-z~~[aeiou0-9]]+
(?V1)[[a-c]||[x-z]]+
[[:alpha:]_][[:alnum:]_]*
[^[:space:][:punct:]]+
[[:^digit:]]{2}
[[:xdigit:]]{2}
\p{Script=Greek}+\P{Lu}
\p{IsCyrillic}\p{InBasicLatin}
\p{Block=Latin-1 Supplement}
\p{^L}\P{^N}
\pL\PN
[\p{Lu}\p{Nd}-]+
\p{Latin}\p{Han}?
\p{East_Asian_Width=Wide}
\p{Numeric_Value=5}|\p{nv=1/2}
\p{Ideographic}\p{White_Space}
\h\p{L}
\m\w+\M \m\p{L}+\M
\G\p{L}\K\d
a\Rb|\p{L}\R\R
\X\p{L}?
\N{LATIN SMALL LETTER E WITH ACUTE}\p{L}
\p{L}\z
(?i)\p{Lu}b[a-c]
(?x) \p{L} # a letter
a(?i)b(?-i)c
a(?i:b|\p{Lu})c
(?m)^\p{L}$(?s:.)^b$
(?s)\p{L}.
(?w)\p{L}.$
(?a)\w\p{L}
(?if)straße|\p{Lt}
(?V1)(?i)STRASSE
(?iV1)[ß]s?
(?if)ﬁ\p{L}
(?b)\d+
(?p)\d+|a
(?r)\p{L}\d
(?<a>b)(?#comment \) on)c
\p{L}{,2}
(?x)\p{L} {2} \d + ?
^*\p{L}
\b?\p{L}
[]\p{L}]
\x41\p{L}\101
\p{L}(*FAIL)|b
(?:a(*PRUNE)b|\p{L})
(?>\p{L}(*PRUNE)b|c)|ab|cd
\p{L}(*SKIP)b|\p{L}c
(?=a(*PRUNE)b|\p{L})\w+
""".strip("\n").split("\n")


@pytest.mark.parametrize("pattern", KINDS)
def test_kinds(pattern: str) -> None:
    result = judge(pattern, seed=1, walks=8)
    assert not result.refused
    assert not result.disagreements
    assert not result.dead_prefixes
    assert result.members


def exotic_patterns() -> st.SearchStrategy[str]:
    leaves = st.sampled_from(
        [
            "a",
            "b",
            "ab",
            "[ab]",
            ".",
            "",
            "a?",
            "^",
            "$",
            r"\b",
            r"\m",
            r"\M",
            r"\K",
            r"\G",
            r"\p{L}",
            "[[:alpha:]]",
            "(*F)",
        ]
    )
    references = st.sampled_from(
        [r"\1", r"\2", r"\g<x>", "(?P=x)", "(?1)", "(?2)", "(?&x)", "(?R)?", "(?-1)", "(*PRUNE)", "(?i)", r"\R", r"\X"]
    )

    def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        signs = ["*", "+", "?", "{2}", "{,2}", "{2,}", "*?", "??", "*+", "?+", "{1,2}+"]
        return st.one_of(
            st.lists(st.one_of(inner, references), min_size=1, max_size=4).map("".join),
            st.lists(inner, min_size=2, max_size=3).map(lambda parts: "(?|" + "|".join(parts) + ")"),
            st.tuples(
                st.sampled_from(["(", "(?<x>", "(?<y>", "(?>", "(?i:", "(?=", "(?!", "(?<=", "(?<!", "(?(DEFINE)"]),
                inner,
            ).map(lambda pair: f"{pair[0]}{pair[1]})"),
            st.tuples(inner, st.sampled_from(signs)).map(lambda pair: f"(?:{pair[0]}){pair[1]}"),
            # Negated look-around in a condition loses branches in the package.
            st.tuples(st.sampled_from(["1", "x", "?=a", "?<=b"]), inner, inner).map(
                lambda p: f"(?({p[0]}){p[1]}|{p[2]})"
            ),
        )

    return st.recursive(leaves, grow, max_leaves=10)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(exotic_patterns().map(lambda pattern: pattern + r"\p{L}?"))
def test_random_patterns_agree_with_the_package(pattern: str) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled = package.compile(pattern)
    except package.error:
        assume(False)
    builder = GrammarBuilder()
    try:
        accepts = builder.compile(lower_pattern(builder, parse(pattern), UTF8)).accepts
    except EmptyLanguageError:
        accepts = lambda _: False  # noqa: E731
    for text in ["".join(letters) for n in range(5) for letters in itertools.product("abA"[: 5 - n], repeat=n)]:
        try:
            wanted = compiled.fullmatch(text, timeout=1) is not None
            assert accepts(text.encode()) == wanted, (pattern, text)
        except (AutomatonLimitError, TimeoutError, MemoryError):
            break


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        (r"\x{41}\u{42}\U{1F600}", ["AB😀"], ["A"]),
        (r"[\x{61}-z&&[^aeiou]]+", ["xyz"], ["xaz"]),
        (r"\u{61}[a-g--[c-e]]", ["aa", "ag"], ["ad"]),
        (r"\x{61}[a-g~~c-z]", ["aa", "az"], ["ad"]),
        (r"(?U)a+\x{62}", ["aab"], ["b"]),
        (r"(?P<year>\d{4})-(?<month>\d{2})", ["2024-05"], ["24-05"]),
        (r"(?i-s:A.)\p{Greek}", ["axα"], ["a\nα", "axa"]),
        (r"(?x: a \s b # comment" "\n)", ["a b"], ["ab"]),
        (r"[[:word:]]+[[:^lower:]]", ["aB", "__"], ["ab"]),
        (r"\A\pN\PN\z", ["1a"], ["a1", "1a\n"]),
        (r"(?s).(?-s).\p{Any}", ["\na\n"], ["\n\n\n"]),
        (r"\a\f\t\v\p{Cc}", ["\x07\x0c\t\x0b\x00"], ["\x07\x0c\t\x0ba"]),
    ],
)
def test_rust_style(pattern: str, matching: list[str], other: list[str]) -> None:
    accepts = regex(pattern).compile().accepts
    assert all(accepts(text.encode()) for text in matching)
    assert not any(accepts(text.encode()) for text in other)


# In the manner of the AT&T tests of regular expressions: pattern, texts that match whole, texts that do not.
FOWLER = [
    ("abracadabra", ["abracadabra"], ["abracadabracadabra"]),
    ("a...b", ["abccb", "a123b"], ["a12b"]),
    ("(a)(b)(c)", ["abc"], ["ab", "acb"]),
    ("((foo)|(bar))*", ["", "foobar", "barfoobar"], ["fobar"]),
    ("a?(ab|ba)*", ["abababababab", "aba", "aab"], ["abb"]),
    ("(a*)*", ["", "aaaa"], ["b"]),
    ("(a*)+", ["", "aaaa"], ["ab"]),
    ("(a|b|c|d|e)(f|g|h)?(i|j)", ["ai", "bfj", "ehi"], ["af", "afh"]),
    ("[[:digit:][:alpha:]]+-[^[:digit:]]", ["a1-b"], ["a1-1", "-a"]),
    ("(([a-z]+)[.])?([a-z]+)://", ["x.http://", "ftp://"], ["x.://"]),
    ("(([^:]*:)*)([^/]*)/+", ["a:b:c//", "/"], ["a:b"]),
    ("((aa)|(bb)){2,3}", ["aabb", "aaaabb"], ["aa", "aaaaaaaa"]),
    ("(ab|a)(bcd|c)(d*)", ["abcd", "abcdd", "acd", "abbcd"], ["abd"]),
    ("((|f)|b)*ar", ["far", "bfar", "ar"], ["af"]),
    ("(|a)+", ["", "aaa"], ["b"]),
    ("[]-a]+", ["]^a", "_"], ["-", "b"]),
    ("[^]-]*", ["abc", ""], ["a-", "]"]),
    ("a{0}b|a{1}c|a{2,}d", ["b", "ac", "aad", "aaad"], ["ab", "c", "ad"]),
    ("(x{0,2}){3}", ["", "xxxxxx"], ["xxxxxxx"]),
    ("^(^a$|^b$)$", ["a", "b"], ["ab"]),
    (r"\.\*\[\]\{\}\^\$\|", [".*[]{}^$|"], [".*"]),
]


@pytest.mark.parametrize(("pattern", "matching", "other"), FOWLER)
def test_fowler_style(pattern: str, matching: list[str], other: list[str]) -> None:
    accepts = regex(pattern).compile().accepts
    for text in matching + other:
        assert accepts(text.encode()) == (text in matching), text


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        (r"\p{NoSuchProperty}", "unknown property"),
        (r"(?&nobody)", "no group"),
        (r"(?7)\p{L}", "no group"),
        (r"(?<a>b)(?<a>c)(?&a)", "several groups"),
        (r"(*ACCEPT)", "verb"),
        (r"\p{L}{e<=1}", "approximate"),
        (r"\L<words>", "named list"),
        (r"(?r)(\w)\1", "flag r"),
        (r"(?w)\b\p{L}", "under the flag w"),
        (r"(?(?=a)b|c|d)", "two branches"),
        (r"\p{L}**", "repeated"),
    ],
)
def test_what_is_refused_is_named(pattern: str, named: str) -> None:
    with pytest.raises(GrammarError) as caught:
        regex(pattern)
    assert named in caught.value.message
    assert caught.value.line


@pytest.mark.parametrize(
    ("pattern", "operator"),
    [("[a-z&&[^aeiou]]", "'&&' at column 5"), (r"x[\w--\d]", "'--' at column 5"), ("[[a-z]", "'[' at column 2")],
)
def test_sets_that_may_have_been_meant_otherwise_are_told(pattern: str, operator: str) -> None:
    with pytest.warns(SyntaxWarning) as told:
        regex(pattern)
    assert operator in str(told[0].message)


@pytest.mark.parametrize("pattern", [r"[a\[b]", "[[:alpha:]]", "(?V1)[a-z&&[^aeiou]]", "a&&b", "[--a]"])
def test_other_sets_are_not_told(pattern: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        regex(pattern)
