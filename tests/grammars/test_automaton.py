"""The automaton against the slow reference, and its own promises: masks, checks, viability, forks, threads, limits."""

from __future__ import annotations

import itertools
import threading

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from random_grammars import ALPHABET, build, build_rules, combined, context_free, regular
from reference import ReferenceBuilder
from tamis.grammars import AutomatonLimitError, Vocabulary, ebnf, json_schema, regex
from tamis.grammars._core import Automaton, CompileError, GrammarBuilder

WORDS = [bytes(w) for n in range(5) for w in itertools.product(ALPHABET, repeat=n)]
FEW = settings(max_examples=120)


def compiled(builder: GrammarBuilder, node: int) -> Automaton | None:
    try:
        return builder.compile(node)
    except CompileError as error:
        if "accepts no string" not in str(error):
            raise
        return None


def viable_prefixes(automaton: Automaton | None) -> dict[bytes, int]:
    """Every word of WORDS that the automaton lets in, with its state."""
    if automaton is None:
        return {}
    found = {}
    for word in WORDS:
        state = automaton.advance(automaton.start, word)
        if state is not None:
            found[word] = state
    return found


@FEW
@given(context_free(combinations=False))
def test_context_free_grammars_agree_with_the_reference(grammar: dict) -> None:
    """Acceptance and prefix viability, both ways, on every word up to length 4."""
    reference = ReferenceBuilder()
    oracle = build_rules(reference, grammar)
    builder = GrammarBuilder()
    automaton = compiled(builder, build_rules(builder, grammar))
    prefixes = viable_prefixes(automaton)
    for word in WORDS:
        assert (word in prefixes) == reference.viable(oracle, word), word
        accepted = word in prefixes and automaton is not None and automaton.is_complete(prefixes[word])
        assert accepted == reference.accepts(oracle, word), word


@FEW
@given(context_free())
def test_context_free_grammars_with_regular_combinations_accept_what_the_reference_accepts(grammar: dict) -> None:
    reference = ReferenceBuilder()
    oracle = build_rules(reference, grammar)
    builder = GrammarBuilder()
    automaton = compiled(builder, build_rules(builder, grammar))
    for word in WORDS:
        assert (automaton is not None and automaton.accepts(word)) == reference.accepts(oracle, word), word


@FEW
@given(combined())
def test_intersections_and_complements_of_rules_accept_what_the_reference_accepts(grammar: dict) -> None:
    reference = ReferenceBuilder()
    oracle = build_rules(reference, grammar, start="v")
    builder = GrammarBuilder()
    try:
        automaton = compiled(builder, build_rules(builder, grammar, start="v"))
    except CompileError as error:
        if "begins with itself" not in str(error):
            raise
        reject()
    for word in WORDS:
        assert (automaton is not None and automaton.accepts(word)) == reference.accepts(oracle, word), word


@FEW
@given(regular())
def test_regular_grammars_agree_with_the_reference(recipe: tuple) -> None:
    reference = ReferenceBuilder()
    oracle = build(reference, recipe)
    builder = GrammarBuilder()
    automaton = compiled(builder, build(builder, recipe))
    prefixes = viable_prefixes(automaton)
    for word in WORDS:
        accepted = word in prefixes and automaton is not None and automaton.is_complete(prefixes[word])
        assert accepted == reference.accepts(oracle, word), word
        if accepted:
            assert all(word[:cut] in prefixes for cut in range(len(word)))


def completion(automaton: Automaton, state: int, budget: int = 4000) -> bytes | None:
    """Some completion of the state in bytes, breadth first."""
    queue, seen = [(state, b"")], {state}
    while queue and budget:
        here, text = queue.pop(0)
        if automaton.is_complete(here):
            return text
        for byte in range(256):
            following = automaton.advance(here, bytes([byte]))
            if following is not None and following not in seen:
                seen.add(following)
                queue.append((following, text + bytes([byte])))
                budget -= 1
    return None


@settings(max_examples=60)
@given(st.one_of(regular(0), regular(1), regular(2)), st.binary(max_size=6))
def test_every_viable_prefix_can_be_completed(recipe: tuple, walk: bytes) -> None:
    """Combinations included: the automaton never walks into a dead end in bytes."""
    builder = GrammarBuilder()
    automaton = compiled(builder, build(builder, recipe))
    if automaton is None:
        return
    state, text = automaton.start, b""
    for choice in walk:  # a random walk over what is allowed
        allowed = [b for b in range(256) if automaton.advance(state, bytes([b])) is not None]
        assert allowed or automaton.is_complete(state)
        if not allowed:
            break
        text += bytes([allowed[choice % len(allowed)]])
        state = automaton.advance(automaton.start, text)
        assert state is not None
    rest = completion(automaton, state)
    assert rest is not None
    assert automaton.accepts(text + rest)


@settings(max_examples=60)
@given(regular(1), st.text(alphabet='ab("é😀', max_size=5))
def test_utf8_agrees_with_the_reference(recipe: tuple, text: str) -> None:
    reference, builder = ReferenceBuilder(), GrammarBuilder()
    oracle, automaton = build(reference, recipe), compiled(builder, build(builder, recipe))
    data = text.encode()
    assert (automaton is not None and automaton.accepts(data)) == reference.accepts(oracle, data)


JSON_SPELLINGS = {
    "a": [b"a", b"\\u0061"],
    "b": [b"b", b"\\u0062"],
    '"': [b'\\"', b"\\u0022"],
    "é": ["é".encode(), b"\\u00E9", b"\\u00e9"],
    "😀": ["😀".encode(), b"\\ud83d\\ude00", b"\\uD83D\\uDE00"],
}
SPELLING = st.sampled_from(sorted(JSON_SPELLINGS)).flatmap(lambda character: st.sampled_from(JSON_SPELLINGS[character]))


@settings(max_examples=60)
@given(regular(2), st.lists(SPELLING, max_size=4))
def test_json_spellings_agree_with_the_reference(recipe: tuple, pieces: list[bytes]) -> None:
    reference, builder = ReferenceBuilder(), GrammarBuilder()
    oracle, automaton = build(reference, recipe), compiled(builder, build(builder, recipe))
    data = b"".join(pieces)
    assert (automaton is not None and automaton.accepts(data)) == reference.accepts(oracle, data)


TOKENS = [None, b"a", b"b", b"(", b"ab", b"ba", b"((", b"aab", b"a(b", b"", None]
SMALL = Vocabulary(TOKENS, [10])


@FEW
@given(context_free())
def test_mask_check_and_advance_agree(grammar: dict) -> None:
    builder = GrammarBuilder()
    automaton = compiled(builder, build_rules(builder, grammar))
    if automaton is None:
        return
    bound = automaton.bind(SMALL)
    every = np.arange(SMALL.size, dtype=np.int32)
    for state in {s for w, s in viable_prefixes(automaton).items() if len(w) < 3}:
        states = np.full(SMALL.size, state, dtype=np.int64)
        checked = bound.check(np.array([state]), every[None, :])[0]
        advanced = bound.advance(states, every)
        mask = np.unpackbits(bound.mask(state).view(np.uint8), bitorder="little")[: SMALL.size].astype(bool)
        assert (checked == mask).all()
        assert (checked == (advanced >= 0)).all()
        assert checked[10] == bound.is_complete(state)
        assert not checked[[0, 9]].any()  # special, and a token without bytes
        for token, text in enumerate(TOKENS):
            if text:
                following = automaton.advance(state, text)
                assert (-1 if following is None else following) == advanced[token]


@FEW
@given(context_free(), st.lists(st.integers(1, 8), max_size=6))
def test_the_cut_into_tokens_does_not_matter_and_forks_replay(grammar: dict, tokens: list[int]) -> None:
    builder = GrammarBuilder()
    automaton = compiled(builder, build_rules(builder, grammar))
    if automaton is None:
        return
    bound = automaton.bind(SMALL)
    text = b"".join(TOKENS[t] or b"" for t in tokens)
    by_bytes = automaton.advance(automaton.start, text)
    by_tokens = bound.replay(np.array(tokens, dtype=np.int32))
    assert by_tokens == (-1 if by_bytes is None else by_bytes)
    state = bound.start
    for token in tokens:  # step by step, as a particle goes
        state = int(bound.advance(np.array([state]), np.array([token], dtype=np.int32))[0])
    assert state == by_tokens


class Expressions:
    def __init__(self) -> None:
        self.builder = GrammarBuilder()
        b = self.builder
        self.node = b.rule("expression")
        number = b.repeat(b.chars([(48, 57)], 0), 1, -1)
        nested = b.seq([b.literal(b"("), self.node, b.literal(b")")])
        b.define(self.node, b.alt([b.seq([self.node, b.chars([(43, 43), (45, 45)], 0), self.node]), nested, number]))


def test_left_recursion_becomes_a_loop() -> None:
    """Ten thousand operands in a row need no more states than a few."""
    expressions = Expressions()
    automaton = expressions.builder.compile(expressions.node)
    assert automaton.accepts(b"1" + b"+1" * 10_000)
    assert automaton.statistics()["contexts"] < 20_100
    few = expressions.builder.compile(expressions.node)
    assert few.accepts(b"(" * 200 + b"7" + b")" * 200)
    assert not few.accepts(b"(" * 200 + b"7" + b")" * 199)


def test_passes_are_named_and_printed() -> None:
    b = GrammarBuilder()
    s = b.rule("s")
    b.define(s, b.alt([b.seq([s, b.literal(b"x")]), b.literal(b"y")]))
    steps = dict(b.trace(s))
    assert steps["source"] == 'start ::= s\ns ::= s "x" | "y"\n'
    assert 's ::= "y" "x"*' in steps["remove_left_recursion"]
    assert "expand_booleans" in steps


def test_right_recursion_does_not_grow() -> None:
    b = GrammarBuilder()
    s = b.rule("s")
    big = b.seq([b.literal(bytes([c]) * 3) for c in range(97, 123)])  # too big to be inlined
    b.define(s, b.alt([b.seq([big, s]), big]))
    automaton = b.compile(s)
    text = b"".join(bytes([c]) * 3 for c in range(97, 123))
    assert automaton.accepts(text * 100)
    assert automaton.statistics()["contexts"] <= 3


def test_big_counts_are_lazy() -> None:
    b = GrammarBuilder()
    node = b.repeat(b.alt([b.literal(b"ab"), b.literal(b"c")]), 3, 1_000_000)
    automaton = b.compile(node)
    assert automaton.memory_bytes < 100_000
    assert automaton.accepts(b"ab" * 500)
    assert not automaton.accepts(b"cc")


def test_many_threads_share_one_automaton() -> None:
    expressions = Expressions()
    shared = expressions.builder.compile(expressions.node)
    words = [b"1+2", b"(1", b"((3-4)", b"1++", b"12-3+(4)", b"()"] * 20
    alone = expressions.builder.compile(expressions.node)
    expected = [alone.accepts(word) for word in words]
    found: list[list[bool]] = []

    def work() -> None:
        found.append([shared.accepts(word) for word in words])

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 16
    assert shared.statistics()["states"] == alone.statistics()["states"]


def test_memory_is_bounded() -> None:
    b = GrammarBuilder()
    node = b.repeat(b.chars([(97, 122)], 0), 3, 1_000_000)
    automaton = b.compile(node, memory_limit=200_000)
    with pytest.raises(AutomatonLimitError, match="memory_limit"):
        automaton.advance(automaton.start, b"x" * 100_000)
    assert automaton.accepts(b"xxx")  # what is known stays usable


def test_hostile_rules_end_in_time() -> None:
    """A ring of left-recursive rules, and rules that double inside an intersection."""
    b = GrammarBuilder()
    ring = [b.rule(f"r{i}") for i in range(2000)]
    for i, rule in enumerate(ring[:-1]):
        b.define(rule, b.seq([ring[i + 1], b.literal(b"a")]))
    b.define(ring[-1], b.alt([b.literal(b"b"), b.seq([ring[0], b.literal(b"c")])]))
    assert b.compile(ring[0]).accepts(b"b" + b"a" * 1999 + b"c" + b"a" * 1999)

    b = GrammarBuilder()
    doubling = [b.rule(f"r{i}") for i in range(40)]
    for i, rule in enumerate(doubling[:-1]):
        b.define(rule, b.seq([doubling[i + 1], doubling[i + 1]]))
    b.define(doubling[-1], b.literal(b"b"))
    automaton = b.compile(b.intersect([doubling[0], b.complement(b.literal(b"x"))]))
    assert automaton.advance(automaton.start, b"b" * 1000) is not None
    assert not automaton.accepts(b"b" * 1000)


def test_bad_use_is_refused() -> None:
    b = GrammarBuilder()
    s = b.rule("s")
    with pytest.raises(CompileError, match="never defined"):
        b.compile(s)
    b.define(s, b.alt([b.literal(b"a"), b.seq([b.literal(b"("), s])]))
    with pytest.raises(CompileError, match="defined twice"):
        b.define(s, s)
    itself = b.rule("itself")
    b.define(itself, b.seq([b.complement(itself), b.literal(b"a")]))
    with pytest.raises(CompileError, match="begins with itself inside"):
        b.compile(itself)
    with pytest.raises(CompileError, match="accepts no string"):
        b.compile(b.intersect([b.literal(b"a"), b.literal(b"b")]))
    with pytest.raises(ValueError, match="another builder"):
        b.seq([123456])
    automaton = b.compile(s)
    with pytest.raises(IndexError, match="does not belong"):
        automaton.advance(10**6, b"a")
    bound = automaton.bind(SMALL)
    with pytest.raises(IndexError, match="does not belong"):
        bound.check(np.array([10**6]), np.zeros((1, 1), dtype=np.int32))
    with pytest.raises(IndexError, match="vocabulary"):
        bound.check(np.array([bound.start]), np.full((1, 1), 99, dtype=np.int32))
    with pytest.raises(TypeError, match="incompatible"):
        bound.advance(np.zeros(1), np.array([1.5]))
    with pytest.raises(ValueError, match="stop token"):
        Vocabulary([b"a"], [5])
    with pytest.raises(TypeError, match="token 1"):
        Vocabulary([b"a", "b"], [0])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("grammar", "begun", "completion"),
    [
        (regex("ab*c"), b"abb", b"c"),
        (regex("(abc|xy)?"), b"", b""),
        (regex("(abc|xy)?"), b"a", b"bc"),
        (regex("a(cc|bb|b[0-9]z)"), b"a", b"bb"),
        (
            json_schema(
                {"type": "object", "required": ["k"], "additionalProperties": False, "properties": {"k": {"const": 7}}}
            ),
            b"{",
            b'"k":7}',
        ),
        (json_schema({"type": "array", "items": {"type": "string"}, "minItems": 2}), b'["x', b'",""]'),
        (ebnf('root ::= "(" root ")" | "x"'), b"(((", b"x)))"),
    ],
    ids=str,
)
def test_the_shortest_completion(grammar, begun, completion):
    automaton = grammar.compile()
    state = automaton.advance(automaton.start, begun)
    assert automaton.completion(state) == completion
    assert automaton.is_complete(automaton.advance(state, completion))
    assert automaton.completion(state, most=1) in (None, b"")


def test_completions_behind_a_prefix():
    vocabulary = Vocabulary([b"a", b"b", b"c", None], eos_ids=[3])
    bound = regex("b?c").compile().bind(vocabulary, b"ab")
    assert bound.completion(bound.start) == b"abc"
    inside = int(bound.advance(np.array([bound.start]), np.array([0], dtype=np.int32))[0])
    assert bound.completion(inside) == b"bc"
