"""Masks, and the intersection of bound constraints."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tamis.engine.constraint import MASK_CACHE, Both, BoundConstraint, MaskCache, allowed_tokens, mask_of
from tamis.engine.predicate import predicate
from tamis.engine.vllm.constraints import AnyToken, AnyTokenBehind
from tamis.grammars import Vocabulary, regex
from toys import ListVocabulary, TokenDfa

EOS = 3
# Over tokens 0, 1, 2: an even number of 0s; no two equal tokens in a row; at most four tokens.
EVEN = TokenDfa([[1, 0, 0, -1], [0, 1, 1, -1]], [0], EOS)
ALTERNATING = TokenDfa([[1, 2, 3, -1], [-1, 2, 3, -1], [1, -1, 3, -1], [1, 2, -1, -1]], [0, 1, 2, 3], EOS)
SHORT = TokenDfa([[i + 1] * 3 + [-1] for i in range(4)] + [[-1] * 4], range(5), EOS)


@given(size=st.integers(1, 200), data=st.data())
def test_masks_and_token_lists_are_inverse(size, data):
    tokens = np.array(sorted(data.draw(st.sets(st.integers(0, size - 1)))), dtype=np.int32)
    mask = mask_of(tokens, size)
    assert mask.shape == (-(-size // 32),)
    np.testing.assert_array_equal(allowed_tokens(mask, size), tokens)
    for token in range(size):
        assert bool(mask[token // 32] >> np.uint32(token % 32) & 1) == (token in tokens)


def test_mask_cache_forgets_what_was_not_used_longest():
    cache = MaskCache()
    for state in range(MASK_CACHE):
        cache.put(state, mask_of(np.array([state % 32]), 32))
    assert cache.get(0) is not None
    cache.put(MASK_CACHE, mask_of(np.array([1]), 32))
    assert cache.get(0) is not None
    assert cache.get(1) is None


@settings(deadline=None)
@given(tokens=st.lists(st.integers(0, 3), max_size=7))
def test_intersection_accepts_what_both_accept(tokens):
    constraint = Both(Both(EVEN, ALTERNATING, 4), SHORT, 4)
    parts = (EVEN, ALTERNATING, SHORT)
    state, states = constraint.start, [part.start for part in parts]
    everything = np.arange(4, dtype=np.int32)
    for token in tokens:
        expected = np.ones(4, dtype=bool)
        for part, part_state in zip(parts, states, strict=True):
            expected &= part.check(np.array([part_state]), everything[None, :])[0]
        np.testing.assert_array_equal(constraint.check(np.array([state]), everything[None, :])[0], expected)
        np.testing.assert_array_equal(allowed_tokens(constraint.mask(state), 4), np.flatnonzero(expected))
        assert constraint.is_complete(state) == bool(expected[EOS])
        after = int(constraint.advance(np.array([state]), np.array([token], dtype=np.int32))[0])
        assert (after >= 0) == bool(expected[token])
        if after < 0:
            return
        state = after
        states = [int(part.advance(np.array([s]), np.array([token]))[0]) for part, s in zip(parts, states, strict=True)]
    assert constraint.replay(np.array(tokens, dtype=np.int32)) == state


def test_intersection_is_batched_and_padded():
    constraint = Both(EVEN, ALTERNATING, 4)
    after = constraint.advance(np.array([0, 0, 0]), np.array([0, 1, EOS], dtype=np.int32))
    tokens = np.array([[0, 1, -1], [1, 0, 3], [-1, -1, -1]], dtype=np.int32)
    np.testing.assert_array_equal(
        constraint.check(after, tokens), [[False, True, False], [False, True, True], [False, False, False]]
    )
    assert not constraint.is_complete(int(after[2]))
    assert isinstance(constraint, BoundConstraint)


def test_the_second_part_sees_only_what_the_first_allowed():
    asked = []

    class Spy(TokenDfa):
        def check(self, states, tokens):
            asked.extend(tokens[tokens >= 0].tolist())
            return super().check(states, tokens)

    spy = Spy([[0, 0, 0, -1]], [0], EOS)
    constraint = Both(TokenDfa([[0, -1, 0, -1]], [], EOS), spy, 4)
    constraint.check(np.array([0]), np.arange(4, dtype=np.int32)[None, :])
    constraint.mask(0)
    assert sorted(set(asked)) == [0, 2]


@pytest.mark.parametrize("constraint", [EVEN, ALTERNATING, SHORT, Both(EVEN, SHORT, 4)])
def test_nothing_follows_eos(constraint):
    ended = int(constraint.advance(np.array([constraint.start]), np.array([EOS], dtype=np.int32))[0])
    assert ended >= 0
    assert not constraint.is_complete(ended)
    assert not constraint.mask(ended).any()


VOCABULARY = ListVocabulary([b"a", b"b", b"ab", None], [EOS])


@pytest.mark.parametrize(
    "constraint",
    [
        Both(EVEN, SHORT, 4),
        AnyToken(4),
        AnyTokenBehind(VOCABULARY, 4, b"ab"),
        predicate(lambda prefix: True).bind(VOCABULARY),
        Both(AnyToken(4), predicate(lambda prefix: True).bind(VOCABULARY), 4),
        regex("[ab]*").bind(Vocabulary([b"a", b"b", b"ab", None], [EOS])),
    ],
)
def test_nothing_follows_what_is_not_allowed(constraint):
    dead = np.array([-1])
    assert not constraint.check(dead, np.arange(4, dtype=np.int32)[None, :]).any()
    assert constraint.advance(dead, np.array([0], dtype=np.int32)).tolist() == [-1]
