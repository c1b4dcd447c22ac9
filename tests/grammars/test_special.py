"""Special tokens: exactly the token of a name, never text that looks like it."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tamis.engine.predicate import predicate
from tamis.engine.vllm.vocabularies import text_of
from tamis.grammars import (
    Grammar,
    GrammarError,
    Vocabulary,
    ebnf,
    gbnf,
    json_schema,
    lark,
    recursive,
    regex,
    special,
    special_bytes,
    substring_of,
    text,
)

NAMES = {8: "<call>", 9: "</call>", 10: "<|end|>"}
# Every way to spell special_bytes("<call>") out of parts must be closed.
TOKENS: list[bytes | None] = [
    None, b"a", b"b", b"<call>", b"\xff", b"\xff<call>\xfe", b"a\xff", b"\xfe", None, None, None, None, b"<", b"call>",
    b"<call>\xfe", b"\xff<", "é".encode(), b"\xc3", b"\xa9",
]  # fmt: skip
EOS = [0, 10]
VOCABULARY = Vocabulary(TOKENS, EOS, NAMES)
EVERY = np.arange(len(TOKENS), dtype=np.int32)


def allowed(grammar: Grammar, tokens: list[int]) -> set[int]:
    """What may follow `tokens`; mask, check and advance must agree."""
    bound = grammar.bind(VOCABULARY)
    state = bound.replay(np.array(tokens, dtype=np.int32))
    assert state >= 0
    checked = bound.check(np.array([state]), EVERY[None, :])[0]
    mask = np.unpackbits(bound.mask(state).view(np.uint8), bitorder="little")[: len(TOKENS)].astype(bool)
    advanced = bound.advance(np.full(len(TOKENS), state), EVERY)
    assert (mask == checked).all()
    assert (mask == (advanced >= 0)).all()
    return set(np.flatnonzero(mask).tolist())


def test_a_special_token_is_not_its_text() -> None:
    grammar = special("<call>") + "a" + special("</call>")
    assert allowed(grammar, []) == {8}
    assert allowed(grammar, [8]) == {1}
    assert allowed(grammar, [8, 1]) == {9}
    assert allowed(grammar, [8, 1, 9]) == {0, 10}
    assert allowed(text("<call>"), []) == {3, 12}


@pytest.mark.parametrize(
    "grammar",
    [
        regex(r"[\s\S]*"),
        regex(r"(?!z)[\s\S]*"),
        regex(r"\xff?[^a]*"),
        ~text("z"),
        ~(special("<call>") + "a"),
        ebnf(r"root ::= ([^z] | #xFF | #xFE)*"),
        gbnf(r'root ::= [^z]* "\xff"*'),
        lark(r'start: /[^z]+/ | "\xff"'),
        lark(r'start: /[^z]+/ | "\xff"', parser="earley"),
        json_schema({}) | regex(".*"),
        json_schema({"not": {"type": "string", "pattern": "a"}}) | regex(".*"),
        substring_of("<call>é\xff\xfe"),
        recursive(lambda self: regex("[^z]") + self | ""),
    ],
)
def test_no_other_grammar_lets_one_in(grammar: Grammar) -> None:
    for tokens in ([], [1], [12], [16], [12, 13]):
        if grammar.bind(VOCABULARY).replay(np.array(tokens, dtype=np.int32)) >= 0:
            assert not allowed(grammar, tokens) & {4, 5, 6, 7, 8, 9, 11, 14, 15}, tokens
    automaton = grammar.compile()
    for prefix in (b"", b"<", "é".encode()[:1]):
        state = automaton.advance(automaton.start, prefix)
        for byte in (b"\xff", b"\xfe"):
            assert state is None or automaton.advance(state, byte) is None


def test_operators_work_on_special_tokens() -> None:
    either = (special("<call>") | special("</call>") | "a").zero_or_more()
    assert allowed(either, [8, 9, 1]) == {0, 1, 8, 9, 10}
    assert allowed(either - special("<call>"), []) == {0, 1, 8, 9, 10}
    assert allowed(either - special("<call>"), [8]) == {1, 8, 9}
    assert allowed(either & ~text(""), [1]) == {0, 1, 10}
    assert allowed(either & special("</call>"), []) == {9}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([1, 2, 8, 9]), max_size=6))
def test_members_as_tokens(tokens: list[int]) -> None:
    grammar = recursive(lambda self: (special("<call>") + self + special("</call>") | "a").zero_or_more())
    depth, well = 0, True
    for token in tokens:
        depth += {8: 1, 9: -1}.get(token, 0)
        well = well and depth >= 0 and token != 2
    bound = grammar.bind(VOCABULARY)
    state = bound.replay(np.array(tokens, dtype=np.int32))
    assert (state >= 0) == well
    if well:
        assert bound.is_complete(state) == (depth == 0)
    spelled = b"".join(special_bytes(NAMES[t]) if t in NAMES else TOKENS[t] or b"" for t in tokens)
    assert grammar.compile().accepts(spelled) == (well and depth == 0)


def test_an_unknown_token_names_its_neighbours() -> None:
    with pytest.raises(GrammarError, match="no special token '<calls>'") as caught:
        (special("<calls>") + "a").bind(VOCABULARY)
    assert caught.value.hint is not None
    assert "'<call>'" in caught.value.hint
    assert "<|end|>" not in caught.value.hint
    with pytest.raises(GrammarError, match="no special token"):
        special("<calls>").compile().bind(VOCABULARY)
    with pytest.raises(GrammarError, match="none"):
        special("x").bind(Vocabulary([None, b"a"], [0]))
    assert special("<calls>").compile().special_tokens == ["<calls>"]


def test_a_stop_id_is_no_part_of_a_string() -> None:
    with pytest.raises(GrammarError, match=r"'<\|end\|>' ends a string"):
        special("<|end|>").bind(VOCABULARY)
    other = Vocabulary(TOKENS, [0], NAMES)
    assert special("<|end|>").bind(other).replay(np.array([10], dtype=np.int32)) >= 0


def test_tokens_keep_their_bytes() -> None:
    assert [VOCABULARY.token_bytes(i) for i in range(len(TOKENS))] == TOKENS
    assert VOCABULARY.special_tokens == NAMES
    for tokens, names, message in (
        ([b"a"], {0: "x"}, "token 0 has bytes"),
        ([None], {0: ""}, "needs a name"),
        ([None], {1: "x"}, "not in a vocabulary"),
        ([None], {-1: "x"}, "not in a vocabulary"),
    ):
        with pytest.raises(ValueError, match=message):
            Vocabulary(tokens, [], names)


def test_a_grammar_with_special_tokens_travels() -> None:
    grammar = special("é>") + "a"
    assert pickle.loads(pickle.dumps(grammar)) == grammar
    assert special_bytes("é>") == b"\xff" + "é>".encode() + b"\xfe"


def test_predicates_see_names() -> None:
    seen: list[str] = []
    constraint = (special("<call>") + regex("[ab]*")) & predicate(
        lambda prefix: seen.append(prefix) or "b" not in prefix
    )
    bound = constraint.bind(VOCABULARY)
    state = bound.replay(np.array([8, 1], dtype=np.int32))
    assert state >= 0
    assert seen[-1] == "<call>a"
    assert bound.check(np.array([state]), EVERY[None, :])[0].nonzero()[0].tolist() == [0, 1, 10]


def test_results_show_names() -> None:
    assert text_of(VOCABULARY, [8, 1, 9]) == "<call>a</call>"


def test_two_ids_of_one_name_are_both_allowed() -> None:
    twice = Vocabulary([None, None, b"a"], [], {0: "x", 1: "x"})
    mask = special("x").bind(twice).mask(special("x").compile().start)
    assert mask[0] == 0b11


def test_every_pair_of_tokens_agrees_with_bytes() -> None:
    """Token by token, or all bytes at once: the same answer, save for tokens that no text can hold."""
    grammar = (special("<call>") | regex("[a-zé<>]")).zero_or_more()
    automaton, bound = grammar.compile(), grammar.bind(VOCABULARY)
    spelled = {t: special_bytes(NAMES[t]) if t in NAMES else TOKENS[t] for t in range(len(TOKENS)) if t not in EOS}
    for pair in itertools.product(spelled, repeat=2):
        parts = [spelled[token] for token in pair]
        unread = any(part is None or (t not in NAMES and b"\xff" in part) for t, part in zip(pair, parts, strict=True))
        expected = not unread and automaton.advance(automaton.start, b"".join(parts)) is not None  # type: ignore[arg-type]
        assert (bound.replay(np.array(pair, dtype=np.int32)) >= 0) == expected, pair
