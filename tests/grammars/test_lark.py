"""Lark grammars against lark's own LALR(1) parser with the contextual lexer."""

from __future__ import annotations

import functools
import itertools
import json
import pickle
import random
import re
from importlib import import_module
from pathlib import Path

import lark as lark_package
import pytest
import random_lark
from lark import Lark
from lark.indenter import Indenter, PythonIndenter
from random_lark import accepted_by_lark, judged
from tamis.grammars import Automaton, Grammar, GrammarError, lark

BoundedParser = import_module("tamis.grammars.lark.analysis").BoundedParser
LIBRARY = Path(lark_package.__file__).parent / "grammars"

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

# Each with the alphabet of the texts to try.
GRAMMARS = {
    "the longest token is forced": ('start: A "b"\nA: /[ab]+/', "ab"),
    "the first alternative, not the longest": ("start: A B?\nA: /a|ab/\nB: /b/", "ab"),
    "a name is no keyword inside": ('start: "if" NAME | NAME "=" NAME\nNAME: /[fi]+/\n%ignore " "', "if= "),
    "a keyword where it is expected only": ('start: NAME ("i" NAME)*\nNAME: /[ij]+/\n%ignore " "', "ij "),
    "priorities of terminals": ('start: (A | B)+ "!"\nA.2: /a/\nB: /ab/', "ab!"),
    "no keyword of another priority": ('start: A | B "b"\nA.2: "ab"\nB: /[a]b?/', "ab"),
    "a keyword before a line feed": ('start: (A | "ab" "!")+\nA: /a?b\\n?/', "ab\n!"),
    "a keyword in any case": ('start: "if"i N+\nN: /[ifIF]+/\n%ignore " "', "ifI "),
    "two keywords for one text": ('start: "a"i "!" | "A" "?" | N\nN: /[aA]/', "aA!?"),
    "an ignored keyword": ('start: N+\nN: /[ab]+/\n%ignore "ab"\n%ignore " "', "ab "),
    "a keyword of an ignored terminal": ('start: "a" | N\nN: "b"\nI: /[a]/\n%ignore I', "ab"),
    "a lazy string": ('start: S+\nS: /".*?"/', 'a"'),
    "an escaped string": ('start: S+\nS: /"(?:[^"\\\\]|\\\\.)*"/', 'a"\\'),
    "an end looked ahead for": ('start: (A | "b")+\nA: /a+(?=b)/', "ab"),
    "an end that must not follow": ('start: (A | "b")+\nA: /a+(?!b)/', "ab"),
    "a long look ahead": ("start: (A | B)+\nA: /a(?=b*c)/\nB: /[abc]/", "abc"),
    "what was before": ("start: (A | B)+\nA: /(?<=b)a/\nB: /b|aa/", "ab"),
    "what was not before": ("start: (A | B)+\nA: /(?<!ab)a/\nB: /b|aaa/", "ab"),
    "word boundaries": ('start: (A | B | "a")+\nA: /\\ba\\b/\nB: / |b\\B/', "ab "),
    "anchors": ("start: (A | B | C)+\nA: /^a/m\nB: /b$/\nC: /[ab\\n]/", "ab\n"),
    "comments": ("start: A*\nA: /a/\n%ignore /#[^\\n]*/\n%ignore /\\n/\n%ignore /(?m:^b)/", "a#\nb"),
    "a longer ignored terminal wins": ('start: "a"+\n%ignore /ab/\n%ignore "b"', "ab"),
    "the longest one may come late": ("start: (A | B)+\nA: /a(?:.*b)?/\nB: /c/", "abc"),
    "rounds that match nothing": ("start: (A | B)+\nA: /(?:a|b*?)*c|(?:(?:a?)*?b)*?a/\nB: /[abc]/", "abc"),
    "atomic groups": ("start: (A | B)+\nA: /(?>a|ab)c|b++a/\nB: /[abc]/", "abc"),
    "references": ("start: (A | B)+\nA: /(?P<q>[ab]+)c(?P=q)/\nB: /[abc]/", "abc"),
    "references by number count from the first terminal": ("start: (A | B)+\nA: /(b)a\\1|a/\nB: /bbbb|b/", "ab"),
    "characters of several bytes": ("start: (A | B)+\nA: /[à-ü]+/i\nB: /€/", "àÜ€a"),
    "characters of every length": ('start: (A | "a")+\nA: /[^a-z]/', "aé\u0800€\uffff😀"),
    "a set that is none to others": ("start: (A | B)+\nA: /[[:a]b/\nB: /[[:ab:]]/", "[:ab]"),
    "lookahead of the parser": ('start: x "b" | y "c"\nx: "a"\ny: "a"', "abc"),
    "shift is preferred": ('start: "a" start ["b" start] | "c"', "abc"),
    "a rule of a higher priority": ('start: x | y\nx.2: "a"\ny: "a"', "ab"),
    "the empty text": ('start: x*\nx: "a" "b"', "ab"),
    "templates": ('start: _list{A, "b"}\n_list{item, sep}: item (sep item)*\nA: "a"i', "aAb"),
    "extended and overridden": (
        "%import common.DIGIT\n%extend DIGIT: A\n%override B: /b/\nstart: DIGIT+ B\nA: /a/\n%import common.CR -> B",
        "ab1",
    ),
}


def lalr(source: str, **options: object) -> Lark:
    return Lark(source, parser="lalr", lexer="contextual", **options)


def agree(automaton: Automaton, parser: Lark, text: str) -> bool:
    """Whether both judge a text alike, which is asserted to be viable if lark accepts it."""
    viable, complete = judged(automaton, text)
    accepted = accepted_by_lark(parser, text)
    assert viable or not accepted, text
    return complete == accepted


@pytest.mark.parametrize("name", GRAMMARS)
def test_small_grammars_agree_with_lark(name: str) -> None:
    source, alphabet = GRAMMARS[name]
    parser = lalr(source)
    automaton = lark(source).compile()
    length = 6 if len(alphabet) < 4 else 5
    for text in ("".join(letters) for n in range(length + 1) for letters in itertools.product(alphabet, repeat=n)):
        assert agree(automaton, parser, text), text


def check_random_grammar(seed: int) -> bool:
    """Whether lark takes the grammar of this seed, and so it was compared."""
    rng = random.Random(seed)
    source = random_lark.grammar(rng)
    letter = rng.choice(["", "", "", "i", "m", "s"])
    flags = getattr(re, letter.upper()) if letter else 0
    try:
        parser = lalr(source, g_regex_flags=flags)
        for lexer in parser.parser.lexer.lexers.values():
            _ = lexer.scanner  # lark finds some mistakes here, that is when it parses
    except Exception:
        with pytest.raises(GrammarError):
            lark(source, g_regex_flags=letter)
        return False
    try:
        automaton = lark(source, g_regex_flags=letter).compile()
    except GrammarError as error:
        if "no text matches the rule" not in error.message:  # the only ones that lark alone takes
            raise
        return False
    texts = random_lark.texts(rng, 30)
    for text in texts:
        accepted = accepted_by_lark(parser, text, seconds=2)
        if accepted is None:
            return False  # `re` does not end
        viable, complete = judged(automaton, text)
        assert (complete, viable or not accepted) == (accepted, True), (seed, source, letter, text)
        if accepted and len(texts) < 150:
            at = rng.randint(0, len(text))
            texts += [text[:at] + rng.choice(random_lark.ALPHABET) + text[at:], text + text[-3:]]
    return True


def test_random_grammars_agree_with_lark() -> None:
    assert sum(map(check_random_grammar, range(100))) > 30


@pytest.mark.slow
def test_many_random_grammars_agree_with_lark() -> None:
    assert sum(map(check_random_grammar, range(1000, 5000))) > 1500


def test_json_with_larks_library() -> None:
    parser = lalr(JSON_GRAMMAR)
    automaton = lark(JSON_GRAMMAR).compile()
    value = {"a": [1, -2.5e3, 'x"y\\'], "b": {"": None}, "é": [True, False, [], {}]}
    good = [json.dumps(value), json.dumps(value, indent=2, ensure_ascii=False), " [ ] ", "-1", '"\\u0041"']
    bad = ['{"a" "b": 1}', '{"a":}', '["a\\"]', "[1,]", "", "tru", "01x", '"a\n"']
    for text in good + bad:
        assert agree(automaton, parser, text)
        assert accepted_by_lark(parser, text) == (text in good)


TREE = r"""
?start: _NL* tree
tree: NAME _NL [_INDENT tree+ _DEDENT]
NAME: /\w+/
%declare _INDENT _DEDENT
%import common.WS_INLINE
%ignore WS_INLINE
_NL: /(\r?\n[\t ]*)+/
"""
PARENTHESES = r"""
start: (line | _NL)*
line: (NAME | list)+ _NL [_INDENT line+ _DEDENT]
list: LPAR (NAME | list)* RPAR
LPAR: "("
RPAR: ")"
NAME: /[a-z]+/
COMMENT: /#[^\n]*/
_NL: (/\r?\n[\t ]*/ | COMMENT)+
%ignore /[ \t]+/
%ignore COMMENT
%declare _INDENT _DEDENT
"""


@pytest.mark.parametrize("source", [TREE, PARENTHESES])
def test_indentation(source: str) -> None:
    class Four(Indenter):
        NL_type, INDENT_type, DEDENT_type = "_NL", "_INDENT", "_DEDENT"
        OPEN_PAREN_types, CLOSE_PAREN_types, tab_len = ["LPAR"], ["RPAR"], 4

    parser = lalr(source, postlex=Four())
    options = {"NL_type": "_NL", "OPEN_PAREN_types": ["LPAR"], "CLOSE_PAREN_types": ["RPAR"], "tab_len": 4}
    automaton = lark(source, indenter=options).compile()
    rng = random.Random(1)
    accepted = 0
    pieces = ["a", "bc", "\n", "\n  ", "\n    ", "\n\t", "\n \t ", "(", ")", "# x y\n", "\n\n", "\r\n  ", " "]
    weights = [6, 2, 4, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1]
    for _ in range(4000):
        text = "".join(rng.choices(pieces, weights, k=rng.randint(1, 9)))
        text += rng.choice(["\n", ""])
        assert agree(automaton, parser, text), text
        accepted += bool(accepted_by_lark(parser, text))
    assert accepted > 200


@functools.cache
def python_automaton() -> tuple[Lark, Automaton]:
    source = (LIBRARY / "python.lark").read_text()
    parser = lalr(source, start="file_input", postlex=PythonIndenter())
    return parser, lark(source, "file_input", indenter={}).compile()


def test_larks_python_grammar() -> None:
    parser, automaton = python_automaton()
    text = Path(functools.__file__).with_name("textwrap.py").read_text() + "\n"
    assert agree(automaton, parser, text)
    assert automaton.accepts(text.encode())
    rng = random.Random(0)
    for _ in range(20):
        at = rng.randrange(2000)
        mutant = text[:at] + rng.choice(["(", ")", "'", " x ", "\n", "\n ", ":", '"""', "#", "if", "0"]) + text[at:2500]
        assert agree(automaton, parser, mutant + "\n"), at


def test_larks_other_grammars() -> None:
    meta = lark((LIBRARY / "lark.lark").read_text()).compile()
    parser = lalr((LIBRARY / "lark.lark").read_text())
    for name in ("lark.lark", "python.lark", "common.lark", "unicode.lark"):
        text = (LIBRARY / name).read_text()
        for end in range(0, len(text), 499):
            assert agree(meta, parser, text[:end]), (name, end)
        assert agree(meta, parser, text)
    for name in ("common", "unicode"):
        names = re.findall(r"^([A-Z]\w*)\s*:", (LIBRARY / f"{name}.lark").read_text(), re.MULTILINE)
        assert len(names) > 1
        source = "".join(f"%import {name}.{each} -> {each}\n" for each in names) + "start: " + " | ".join(names)
        assert agree(lark(source).compile(), lalr(source), "x1 ")


def test_imports_are_given_as_texts(tmp_path: Path) -> None:
    files = {
        "names.lark": "NAME: LETTER+\nLETTER: /[a-z]/\n",
        "sql/list.lark": "%import .parts (_COMMA)\n_list{x}: x (_COMMA x)*\n",
        "sql/parts.lark": '_COMMA: ","\n',
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    source = "%import .names.NAME\n%import sql.list._list\nstart: _list{NAME}\n"
    source += "%import .sql.parts._COMMA\n%import common.WS\n%ignore WS"
    grammar = lark(source, imports=files)
    parser = lalr(source, import_paths=[str(tmp_path)])
    for text in ("a", "ab , c", "a,", "1", ",", ""):
        assert agree(grammar.compile(), parser, text)
    assert pickle.loads(pickle.dumps(grammar)) == grammar


def test_options_and_values() -> None:
    source = 'start: "a"\nother: "b" start'
    grammar = lark(source, start="other")
    assert grammar.compile().accepts(b"ba")
    assert pickle.loads(pickle.dumps(grammar)) == grammar
    assert grammar.options == {"start": "other"}
    assert lark(source) != grammar
    assert lark(source, parser="earley").options == {"start": "start", "parser": "earley"}
    assert Grammar.from_spec(lark(TREE, indenter={"NL_type": "_NL"}).to_spec()).options["indenter"]
    assert lark("start: A\nA: /a/", g_regex_flags="i").compile().accepts(b"A")


def test_viability_is_noticed_early() -> None:
    """Nothing is kept that no token can save, also where the parser alone knows, and inside of characters."""
    automaton = lark('start: ("(" x ")" | "[" x "]")\nx: NAME\nNAME: /[a-zé]+/').compile()
    for text, viable in {"(é": True, "(é)": True, "(a]": False, "[a)": False, "()": False, "(é1": False}.items():
        assert judged(automaton, text)[0] == viable, text
    state = automaton.advance(automaton.start, b"(\xc3")
    assert state is not None
    assert automaton.advance(state, b"\xa8") is None
    assert automaton.advance(automaton.start, b"(\xe2") is None


@pytest.mark.parametrize(
    ("source", "message", "line", "column"),
    [
        ("start: a", "'a' used but not defined", 1, 8),
        ('start: "a" b+\nb: ("x"\n', "Unexpected|parenthesis", 2, 8),
        ('start: A\nA: "x" B\nB: A', "Recursion in terminal 'A'", 2, 1),
        ('start: "a"\nstart: "b"', "defined more than once", 1, 1),
        ('%ignore BLANKS\nstart: "a"', "BLANKS", 1, 9),
        ("start: A\nA: /x*/", "zero-width", 2, 4),
        ('start: "y" /x*/', "zero-width", 1, 12),
        ("start: A\n%declare A", "declared", 1, 8),
        ("start: A\nA: /(/", "bad regular expression", 2, 4),
        ("start: A\nA: /a{9999999}/", "instructions", 2, 1),
        ("start: (A | B)+\nA: /(?P<x>a)/\nB: /(?P<x>b)/", "redefinition of group name 'x'", None, None),
        ("%import .local (x)\nstart: x", "nothing to import as 'local.lark'", 1, 1),
        ("%import nosuch.X\nstart: X", "nothing to import", 1, 1),
        ("%import common.NOPE\nstart: NOPE", "'NOPE' used but not defined", 1, 16),
        ('begin: "a"', "undefined rule: 'start'", None, None),
        ("", "undefined rule: 'start'", None, None),
        ('start: "a"~3..1', "Bad Range", None, None),
        ('start: x | y\nx: "a"\ny: "a"', "not LALR.1.: Reduce/Reduce collision", 2, 1),
        ('start: "x" | "a" b\nb: "c" b', "no text matches the rule b", 2, 1),
        ('start: "a" start', "no text matches the rule start", 1, 1),
        ("start: A\nA: /(?i)a/", "global flags not at the start", None, None),
    ],
)
def test_errors_have_a_place(source: str, message: str, line: int | None, column: int | None) -> None:
    with pytest.raises(GrammarError, match=message) as caught:
        lark(source)
    assert (caught.value.line, caught.value.column) == (line, column)


def test_a_conflict_names_the_way_out() -> None:
    source = 'start: x | y\nx: "a"\ny: "a"'
    with pytest.raises(GrammarError, match="parser='earley'"):
        lark(source)
    assert lark(source, parser="earley").compile().accepts(b"a")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"parser": "cyk"}, "unknown parser 'cyk'"),
        ({"indenter": {"nl": "X"}}, "unknown option 'nl'.*known options: NL_type"),
        ({"indenter": {"tab_len": 0}}, "tab_len must be a number"),
        ({"indenter": {"OPEN_PAREN_types": "LPAR"}}, "OPEN_PAREN_types must be a list"),
        ({"indenter": {}}, "the grammar has no terminal _NEWLINE"),
        ({"indenter": {}, "parser": "earley"}, "indenter is for parser='lalr' alone"),
        ({"imports": {"a.lark": 3}}, "imports: names"),
        ({"g_regex_flags": "q"}, "unknown g_regex_flags 'q'"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(GrammarError, match=f"(?s){message}"):
        lark('start: "a"', **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("quote", ['"', "/"])
def test_literals_without_an_end(quote: str) -> None:
    """lark's lexer takes exponential time for them."""
    with pytest.raises(GrammarError, match=f"lacks its closing {quote}") as caught:
        lark(f'start: "/" A // "/\nA: {quote}a' + "\\" * 60 + "\n" + ("B: /b" if quote == '"' else ""))
    assert (caught.value.line, caught.value.column) == (2, 4)
    automaton = lark(f"start: A\nA: {quote}{2 * chr(92)}" + "\\" * 60 + quote).compile()
    assert automaton.accepts(b"\\" * 31)


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("start: " + " ".join(f'("a{i}")?' for i in range(25)), 1),
        ('start: ("a"|"b")~40', 1),
        ('start: t{"a"}\nt{x}: x t{t{x}} | x', 2),
        ('start: t{"a","b"}\nt{x,y}: t{t{x,y},t{x,y}} | x', 2),
        ('start: A\nA: "a"~-1', 2),
        ("start: A0\n" + "".join(f"A{i}: A{i + 1} A{i + 1}\n" for i in range(40)) + 'A40: "a"', 2),
    ],
)
def test_what_lark_would_expand_without_end_is_refused(source: str, line: int) -> None:
    with pytest.raises(GrammarError) as caught:
        lark(source)
    assert caught.value.line == line


def test_hostile_grammars_end() -> None:
    """A parser with 2**18 states, one with many rules, threads without number, nesting without end."""
    letters = range(18)
    rules = ["start: " + " | ".join(f"x{i}" for i in letters)]
    for i in letters:
        others = " | ".join(f'"{chr(97 + j)}" x{i}' for j in letters if j != i)
        rules.append(f'x{i}: {others} | "{chr(97 + i)}" y{i}')
        rules.append(f"y{i}: " + " | ".join(f'"{chr(97 + j)}" y{i}' for j in letters) + f' | "{i}"')
    with pytest.raises(GrammarError, match="too large"):
        lark("\n".join(rules))
    with pytest.raises(GrammarError, match="too large"):
        lark("start: a0\n" + "".join(f"a{i}: a{i + 1}\n" for i in range(2500)) + 'a2500: "a"')
    automaton = lark("start: A\nA: /(?:a?){300}a{300}/").compile()
    assert automaton.accepts(b"a" * 300)
    assert not automaton.accepts(b"a" * 601)
    nested = lark('start: "(" start ")" | "x"').compile()
    assert nested.accepts(b"(" * 20_000 + b"x" + b")" * 20_000)


def test_the_bounded_analysis_is_larks() -> None:
    """The tables are lark's own, whatever the analysis leaves out."""
    for source in (JSON_GRAMMAR, GRAMMARS["lookahead of the parser"][0], (LIBRARY / "lark.lark").read_text()):
        whole = lalr(source).parser.parser._parse_table
        bounded = lalr(source, _plugins={"LALR_Parser": BoundedParser}).parser.parser._parse_table
        pairs = [(whole.start_states["start"], bounded.start_states["start"])]
        met = set(pairs)
        for left, right in pairs:
            assert whole.states[left].keys() == bounded.states[right].keys()
            for symbol, (action, target) in whole.states[left].items():
                other, bounded_target = bounded.states[right][symbol]
                assert action.name == other.name
                if action.name == "Reduce":
                    assert target == bounded_target
                elif (target, bounded_target) not in met:
                    met.add((target, bounded_target))
                    pairs.append((target, bounded_target))
        assert len(pairs) == len(whole.states) == len(bounded.states)
