"""`Grammar` itself: equality, specifications, the options of the front ends, errors of compilation."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from tamis.grammars import AutomatonLimitError, Grammar, GrammarError, json_schema, lark, regex

GRAMMARS = [regex("a+"), lark('begin: "a"', start="begin"), json_schema({"type": "null"}, whitespace="compact")]


@pytest.mark.parametrize("grammar", GRAMMARS, ids=repr)
def test_specification_and_pickle(grammar: Grammar) -> None:
    for other in (Grammar.from_spec(grammar.to_spec()), pickle.loads(pickle.dumps(grammar))):
        assert other == grammar
        assert hash(other) == hash(grammar)
        assert other.compile() is grammar.compile()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lark", 'start: "a"', {"strat": "x"}), "unknown option 'strat' of lark\n  known options: start"),
        (("lark", 'start: "a"', {"start": 3}), "the option start of lark must be str, not int"),
        (("lark", 'start: "a"', {"source": "x"}), "unknown option 'source'"),
        (("regex", "a", {"flags": {1}}), "unknown option 'flags' of regex\n  regex has no options"),
        (("regex", "a", ["flags"]), "options of a grammar are a dictionary, not list"),
        (("json_schema", "{}", {"whitespace": 3}), "the option whitespace of json_schema must be str, not int"),
        (("json_schema", "{}", {"whitespace": "none"}), "whitespace must be one of 'flexible', 'compact', 'any'"),
        (("json_schema", "{}", {"resources": {}}), "the option resources of json_schema must be"),
        (("json_schema", "{}", {"resources": "3"}), "resources must be a JSON object"),
        (("regexp", "a"), "unknown kind of grammar 'regexp'"),
        ((["regex"], "a"), "unknown kind of grammar"),
        (("regex", b"a"), "the source of a grammar is a str, not bytes"),
    ],
)
def test_bad_arguments(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(GrammarError) as caught:
        Grammar(*arguments)
    assert message in str(caught.value)
    with pytest.raises(GrammarError):
        Grammar.from_spec(dict(zip(("kind", "source", "options"), arguments, strict=False)))


@pytest.mark.parametrize(
    "spec", [None, 3, "regex", [], {}, {"kind": "regex"}, {"kind": "regex", "source": "a", "x": 1}]
)
def test_bad_specification(spec: Any) -> None:
    with pytest.raises(GrammarError, match="a grammar specification"):
        Grammar.from_spec(spec)


def test_grammar_beyond_its_memory_limit() -> None:
    with pytest.raises(GrammarError, match="too large") as caught:
        json_schema({"enum": [str(i) for i in range(1000)]}).compile(memory_limit=1000)
    assert "memory_limit" in caught.value.message
    assert caught.value.hint is not None


def test_grammar_beyond_what_can_be_counted() -> None:
    """Whether pattern and constant agree is not settled beyond a bound; what follows is right or refused."""
    automaton = json_schema({"pattern": "(a?){5000}a{5000}", "const": "a" * 6000}).compile(memory_limit=1 << 28)
    with pytest.raises(AutomatonLimitError):
        automaton.accepts(b'"' + b"a" * 6000 + b'"')


def test_grammar_that_accepts_nothing() -> None:
    with pytest.raises(GrammarError, match="accepts no string"):
        regex("a\\bb").compile()


@pytest.mark.parametrize("kind", ["regex", "ebnf", "gbnf", "lark", "choice", "json_schema"])
def test_lone_surrogates_are_refused_with_their_place(kind: str) -> None:
    with pytest.raises(GrammarError) as caught:
        Grammar(kind, '\n"\ud800"')
    assert (caught.value.line, caught.value.column) == (2, 2)


@pytest.mark.parametrize(
    ("kind", "source"), [("choice", "[" * 100_000), ("json_schema", "5"), ("json_schema", "[]"), ("choice", "{}")]
)
def test_sources_of_the_wrong_form_are_refused(kind: str, source: str) -> None:
    with pytest.raises(GrammarError):
        Grammar.from_spec({"kind": kind, "source": source})
