"""Token automata: masks of many states, forced tokens, prefixes, and caches that stay within their bounds."""

from __future__ import annotations

import itertools
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from random_grammars import ALPHABET, build, regular
from tamis.grammars import Automaton, Vocabulary, json_schema, lark, regex, substring_of, within
from tamis.grammars._core import CompileError, GrammarBuilder

TOKENS = [b"a", b"b", b"c", b"ab", b"abc", b"ca", b"bb", None, b"", b"end"]
EOS = 9
VOCABULARY = Vocabulary(TOKENS, [EOS])


def allowed(mask: np.ndarray) -> list[int]:
    return [token for token in range(VOCABULARY.size) if mask[token // 32] >> (token % 32) & 1]


def test_masks_of_many_states() -> None:
    bound = regex("(ab|c)*").compile().bind(VOCABULARY)
    states = np.array([bound.start, bound.replay(np.array([0], dtype=np.int32)), bound.start])
    masks = bound.masks(states)
    assert masks.shape == (3, 1)
    assert masks.dtype == np.uint32
    for state, mask in zip(states.tolist(), masks, strict=True):
        assert (mask == bound.mask(state)).all()
    out = np.zeros((3, 1), dtype=np.uint32)
    assert bound.masks(states, out).ctypes.data == out.ctypes.data
    assert (out == masks).all()
    assert bound.masks(states[:0]).shape == (0, 1)
    with pytest.raises(ValueError, match=r"out is \(2, 1\), the masks of 3 states are \(3, 1\)"):
        bound.masks(states, np.zeros((2, 1), dtype=np.uint32))
    with pytest.raises(IndexError, match="does not belong"):
        bound.masks(np.array([10**6]))


def test_cached_masks_are_bounded() -> None:
    size = 1 << 17  # a mask takes 16 KiB, and 2 MiB are kept
    vocabulary = Vocabulary([b"x", *[None] * (size - 2), b""], [size - 1])
    bound = regex("x{1000}").compile().bind(vocabulary)
    state = bound.start
    for _ in range(500):
        assert bound.mask(state)[0] == 1
        assert bound.cached_mask_bytes <= 2 << 20
        state = bound.replay(np.zeros(0, dtype=np.int32)) if state < 0 else advanced(bound, state, 0)
    assert bound.cached_mask_bytes > 1 << 20
    assert (bound.mask(bound.start) == bound.masks(np.array([bound.start]))[0]).all()


def advanced(bound, state: int, token: int) -> int:  # type: ignore[no-untyped-def]
    return int(bound.advance(np.array([state]), np.array([token], dtype=np.int32))[0])


def test_forced_bytes() -> None:
    automaton = json_schema(
        {"properties": {"name": {"const": "x"}}, "required": ["name"], "type": "object"}, whitespace="compact"
    ).compile()
    assert automaton.forced(automaton.start) == b'{"'
    after = automaton.advance(automaton.start, b'{"n')
    assert after is not None
    assert automaton.forced(automaton.advance(automaton.start, b'{"\\u006eame"') or 0) == b':"'
    automaton = regex("abc(d|e)|abcf").compile()
    assert automaton.forced(automaton.start) == b"abc"
    assert automaton.forced(automaton.start, 2) == b"ab"
    automaton = regex("ab(cd)?").compile()
    assert automaton.forced(automaton.start) == b"ab"  # the text may end there
    automaton = regex("x{100000}").compile()
    assert len(automaton.forced(automaton.start)) == 4096


@settings(max_examples=80)
@given(regular())
def test_forced_bytes_begin_every_completion(expression: object) -> None:
    builder = GrammarBuilder()
    try:
        automaton = builder.compile(build(builder, expression))
    except CompileError:
        return
    words = [bytes(word) for n in range(6) for word in itertools.product(ALPHABET, repeat=n)]
    texts = [word for word in words if automaton.accepts(word)]
    for word in words[:40]:
        state = automaton.advance(automaton.start, word)
        if state is None:
            continue
        forced = automaton.forced(state, 5)
        assert all(text.startswith(word + forced) for text in texts if text.startswith(word))
        if len(forced) < 5:
            after = automaton.advance(state, forced)
            assert after is not None
            assert automaton.is_complete(after) or len(automaton.next_bytes(after)) != 1


def test_forced_tokens() -> None:
    """Several tokens may write forced bytes; the end counts as a choice."""
    bound = regex("(bca){2}").compile().bind(VOCABULARY)
    assert bound.forced(bound.start).tolist() == [1]  # then c or ca
    bound = regex("b(cb?)?").compile().bind(Vocabulary([b"b", b"c", b""], [2]))
    assert bound.forced(bound.start).tolist() == [0]
    bound = regex("bcb").compile().bind(Vocabulary([b"b", b"c", b""], [2]))
    assert bound.forced(bound.start).tolist() == [0, 1, 0, 2]
    assert bound.forced(bound.start, 2).tolist() == [0, 1]
    assert bound.forced(advanced(bound, bound.replay(np.array([0, 1, 0], dtype=np.int32)), 2)).tolist() == []
    two_ends = regex("b").compile().bind(Vocabulary([b"b", b"", b""], [1, 2]))
    assert two_ends.forced(two_ends.start).tolist() == [0]


@settings(max_examples=60)
@given(regular())
def test_a_prefix_is_a_literal_in_front(expression: object) -> None:
    """States, masks and checks behind a prefix are those of the sequence of prefix and grammar."""
    builder = GrammarBuilder()
    try:
        automaton = builder.compile(build(builder, expression))
    except CompileError:
        return
    for prefix in (b"a", b"ab", b"abca"):
        other = GrammarBuilder()
        whole = other.compile(other.seq([other.literal(prefix), build(other, expression)])).bind(VOCABULARY)
        bound = automaton.bind(VOCABULARY, prefix)
        agree(bound, whole)


def agree(bound, whole, depth: int = 4) -> None:  # type: ignore[no-untyped-def]
    pairs = [(bound.start, whole.start)]
    every = np.arange(VOCABULARY.size, dtype=np.int32)[None, :]
    for _ in range(depth):
        following = []
        for left, right in pairs:
            assert bound.is_complete(left) == whole.is_complete(right)
            assert allowed(bound.mask(left)) == allowed(whole.mask(right))
            assert (bound.check(np.array([left]), every) == whole.check(np.array([right]), every)).all()
            for token in allowed(bound.mask(left)):
                following.append((advanced(bound, left, token), advanced(whole, right, token)))
        pairs = following[:50]


def test_automata_are_shared_by_threads_and_retired_over_budget() -> None:
    grammar = regex("[ab]{3,100000}c?")
    limit = 1 << 20
    found: list[Automaton] = []
    barrier = threading.Barrier(8)

    def compile_it() -> None:
        barrier.wait()
        found.append(grammar.compile(memory_limit=limit))

    def work(automaton: Automaton) -> None:
        for letters in itertools.product(b"ab", repeat=6):
            automaton.accepts(bytes(letters) * 20)
            current = grammar.compile(memory_limit=limit)
            assert current.accepts(b"abab")

    threads = [threading.Thread(target=compile_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(automaton) for automaton in found}) == 1
    first = found[0]
    while first.memory_bytes <= limit // 2:
        first.accepts(b"a" * (first.statistics()["states"] + 500))
    second = grammar.compile(memory_limit=limit)
    assert second is not first
    assert second.memory_bytes < limit // 2
    assert first.accepts(b"aaac")  # whoever has it goes on with it
    threads = [threading.Thread(target=work, args=(second,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert grammar.compile(memory_limit=limit) is grammar.compile(memory_limit=limit)


@pytest.mark.parametrize(
    ("grammar", "cheap"),
    [
        (regex("a+b"), True),
        (json_schema({"type": "object", "properties": {"a": {"type": "integer"}}}), True),
        (json_schema({"type": "number", "multipleOf": 0.07}), True),
        (substring_of("abab"), True),
        (json_schema({"type": "array", "uniqueItems": True}), False),
        (json_schema({"type": "string", "format": "idn-hostname"}), False),
        (regex(r"(a+)b\1"), False),
        (lark('start: "a" start | "b"'), False),
        (within(regex("a*"), tokens=3), False),
    ],
    ids=str,
)
def test_masks_are_cheap_without_machines_that_ask_for_many_states(grammar, cheap) -> None:
    assert grammar.compile().bind(Vocabulary([b"a", b"b", None], eos_ids=[2])).cheap_masks is cheap
