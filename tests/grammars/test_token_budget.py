"""Token budgets against a reader that knows where every token begins and ends."""

from __future__ import annotations

import itertools
import json
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tamis.grammars import (
    Grammar,
    GrammarError,
    Vocabulary,
    from_structural_tag,
    gbnf,
    json_schema,
    recursive,
    regex,
    special,
    special_bytes,
    text,
    within,
)

NAMES = {6: "<s>"}
TOKENS = [None, b"a", b"b", b"ab", b"ba", b"aba", None]
SPELLED = [special_bytes(NAMES[i]) if i in NAMES else piece for i, piece in enumerate(TOKENS)]
VOCABULARY = Vocabulary(TOKENS, [0], NAMES)
EVERY = np.arange(len(TOKENS), dtype=np.int32)
SEQUENCES = [tokens for n in range(5) for tokens in itertools.product(range(1, len(TOKENS)), repeat=n)]

Tree = tuple[Any, ...]

LEAVES: list[Tree] = [("leaf", g) for g in (text("a"), text("b"), regex("a*"), regex("(ab)*b?"), special("<s>"))]
LEAVES += [("leaf", gbnf('root ::= "a" root "b" | "b"')), ("leaf", regex("[ab]*"))]


@st.composite
def trees(draw: st.DrawFn, depth: int = 3) -> Tree:
    if depth == 0:
        return draw(st.sampled_from(LEAVES))
    kind = draw(st.sampled_from(["leaf", "seq", "seq", "alt", "and", "star", "within", "within"]))
    if kind == "leaf":
        return draw(st.sampled_from(LEAVES))
    if kind == "within":
        return (kind, draw(trees(depth - 1)), draw(st.integers(1, 3)))
    if kind == "star":
        return (kind, draw(trees(depth - 1)))
    return (kind, draw(trees(depth - 1)), draw(trees(depth - 1)))


def grammar_of(tree: Tree) -> Grammar:
    kind, *rest = tree
    if kind == "leaf":
        return rest[0]
    if kind == "within":
        return within(grammar_of(rest[0]), tokens=rest[1])
    parts = [grammar_of(part) for part in rest]
    if kind == "star":
        return parts[0].zero_or_more()
    return {"seq": lambda: parts[0] + parts[1], "alt": lambda: parts[0] | parts[1], "and": lambda: parts[0] & parts[1]}[
        kind
    ]()


def matches(tree: Tree, tokens: tuple[int, ...]) -> bool:
    """Whether the tree reads the bytes of these tokens, budgets included, by trying every way to cut them."""
    pieces = [SPELLED[token] or b"" for token in tokens]
    data = b"".join(pieces)
    owner = [i for i, piece in enumerate(pieces) for _ in piece]

    @cache
    def reads(tree: Tree, i: int, j: int) -> bool:
        kind, *rest = tree
        if kind == "leaf":
            return rest[0].compile().accepts(data[i:j])
        if kind == "within":
            return len(set(owner[i:j])) <= rest[1] and reads(rest[0], i, j)
        if kind == "seq":
            return any(reads(rest[0], i, k) and reads(rest[1], k, j) for k in range(i, j + 1))
        if kind == "star":
            return i == j or any(reads(rest[0], i, k) and reads(tree, k, j) for k in range(i + 1, j + 1))
        first, second = reads(rest[0], i, j), reads(rest[1], i, j)
        return first or second if kind == "alt" else first and second

    return reads(tree, 0, len(data))


def bits(mask: Any) -> Any:
    return np.unpackbits(mask.view(np.uint8), bitorder="little")[: len(TOKENS)].astype(bool)


@settings(max_examples=100, deadline=None)
@given(trees(), st.randoms(use_true_random=False))
def test_budgets_are_counted_exactly(tree: Tree, random: Any) -> None:
    try:
        grammar = grammar_of(tree)
        bound = grammar.bind(VOCABULARY)
    except GrammarError as error:
        assert "accepts no string" in error.message  # noqa: PT017
        assert not any(matches(tree, tokens) for tokens in random.sample(SEQUENCES, 100))
        return
    for tokens in random.sample(SEQUENCES, 150):
        state, alive = bound.start, True
        for token in tokens:
            checked = bound.check(np.array([state]), EVERY[None, :])[0]
            after = bound.advance(np.full(len(TOKENS), state), EVERY)
            assert (bits(bound.mask(state)) == checked).all()
            assert (checked == (after >= 0)).all()
            assert checked[0] == bound.is_complete(state)
            state = int(after[token])
            if state < 0:
                alive = False
                break
        replayed = bound.replay(np.array(tokens, dtype=np.int32))
        assert replayed == (state if alive else -1)
        assert (alive and bound.is_complete(state)) == matches(tree, tokens), tokens
    assert Grammar.from_spec(json.loads(json.dumps(grammar.to_spec()))) == grammar


def allowed(grammar: Grammar, *tokens: int) -> list[int]:
    bound = grammar.bind(VOCABULARY)
    state = bound.replay(np.array(tokens, dtype=np.int32))
    assert state >= 0, tokens
    return np.flatnonzero(bits(bound.mask(state))).tolist()


def test_a_token_that_crosses_the_border_counts() -> None:
    grammar = "a" + within(regex("[ab]*"), tokens=1) + special("<s>")
    assert allowed(grammar, 1) == [1, 2, 3, 4, 5, 6]  # "a" ends where the part begins: it has its token left
    assert allowed(grammar, 3) == [6]  # "ab" lies in both
    assert allowed(within(regex("a*"), tokens=1) + within(regex("b*"), tokens=1), 3) == [0]
    assert allowed(within(regex("a*"), tokens=1) + within(regex("b*"), tokens=1), 1) == [0, 2]


def test_budgets_count_special_tokens_and_nest() -> None:
    inner = within(special("<s>") | "a", tokens=1)
    grammar = within(inner.zero_or_more(), tokens=3)
    assert allowed(grammar, 6, 1) == [0, 1, 6]
    assert allowed(grammar, 6, 1, 6) == [0]
    assert allowed(within(within(regex("a*"), tokens=5), tokens=2), 1, 1) == [0]
    assert allowed(inner.repeat(0, 2), 1) == [0, 1, 6]
    assert allowed(inner.repeat(0, 2), 1, 1) == [0]


def test_budgets_inside_of_recursion() -> None:
    nested = recursive(lambda self: "a" + within(self, tokens=2) + "b" | "ab")
    assert allowed(nested, 1) == [1, 2, 3]
    assert allowed(nested, 1, 3) == [2]
    assert allowed(nested, 1, 1, 2) == [2]
    assert not nested.bind(VOCABULARY).replay(np.array([1, 1, 1, 2, 2, 2], dtype=np.int32)) >= 0


def test_a_spent_budget_leaves_what_follows() -> None:
    grammar = within(regex("[ab]*"), tokens=2) + special("<s>") + "a"
    assert allowed(grammar, 1) == [1, 2, 3, 4, 5, 6]
    assert allowed(grammar, 1, 5) == [6]
    assert allowed(grammar, 1, 5, 6) == [1]


def test_bytes_are_not_counted() -> None:
    grammar = within(regex("a*"), tokens=2)
    automaton = grammar.compile()
    assert automaton.accepts(b"a" * 100)
    state = automaton.start
    for _ in range(2):
        after = automaton.advance(state, b"aaa")
        assert after is not None
        ended = automaton.end_token(after)
        assert ended is not None
        state = ended
    assert automaton.is_complete(state)
    assert automaton.advance(state, b"a") is None
    assert regex("a*").compile().end_token(0) == 0


def test_it_takes_any_grammar() -> None:
    grammar = within(json_schema({"type": "array"}, whitespace="compact"), tokens=3)
    vocabulary = Vocabulary([None, b"[", b"]", b"[[", b"]]", b",", b"1"], [0])
    bound = grammar.bind(vocabulary)
    assert bound.is_complete(bound.replay(np.array([3, 6, 4], dtype=np.int32)))
    assert bound.replay(np.array([1, 6, 5, 6], dtype=np.int32)) == -1


def test_budgets_of_formats() -> None:
    format = {"type": "any_text", "max_tokens": 2, "excludes": ["bb"]}
    tag = {"type": "tag", "begin": "a", "content": format, "end": "bb"}
    grammar = from_structural_tag({"type": "structural_tag", "format": tag})
    assert allowed(grammar, 1, 1, 1) == [2]
    assert allowed(grammar, 1) == [1, 2, 3, 4, 5]
    nothing = from_structural_tag({"type": "structural_tag", "format": format | {"max_tokens": 0}})
    assert allowed(nothing) == [0]


def test_a_budget_in_a_complement_is_refused() -> None:
    inner = recursive(lambda self: within("a" + self | "b", tokens=3))
    for grammar in (~(inner + "a"), regex("a*") - inner, ~(~inner | "c")):
        with pytest.raises(GrammarError, match=r"within\(..., tokens=3\) stands inside of a complement"):
            grammar.compile()
        with pytest.raises(GrammarError, match="inside of a complement"):
            Grammar.from_spec(grammar.to_spec())
    assert allowed(inner - "aab", 1) == [1, 2, 3]


@pytest.mark.parametrize("tokens", [0, -1, 1.5, True, "3", None, 2_000_000_000])
def test_bad_budgets(tokens: Any) -> None:
    with pytest.raises(GrammarError, match="a token budget is an integer from 1 to"):
        within("a", tokens=tokens)
    source = json.dumps({"nodes": [["text", "a"], ["within", 0, tokens]], "start": 1})
    with pytest.raises(GrammarError, match="at /nodes/1: a token budget"):
        Grammar("algebra", source)
