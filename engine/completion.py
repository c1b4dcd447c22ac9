"""Completions: how a string that ran out of tokens is brought to its end.

A particle that has drawn N = max_tokens tokens without an end token may be completed by force: by the shortest bytes
after which the constraint lets it end, in the longest tokens that write them, and the end token. Each of these tokens
multiplies the weight by its probability, so the target is the model's distribution over the strings that end within N
tokens, and over those whose first N tokens are followed by exactly this completion. A prefix that is complete after N
tokens still owes the probability of its end token.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .constraint import BoundConstraint, TokenByToken, mask_of

MOST_TOKENS = 128
"""Longest completion in tokens, the end token included."""


class Spelling:
    """Bytes as tokens of a vocabulary, the longest that fits each time."""

    def __init__(self, vocabulary: Any) -> None:
        """Of the tokens that are text."""
        self._tokens: dict[bytes, int] = {}
        for token in range(vocabulary.size - 1, -1, -1):
            piece = vocabulary.token_bytes(token)
            if piece:
                self._tokens[piece] = token
        self._longest = max(map(len, self._tokens), default=0)

    def __call__(self, data: bytes) -> list[int] | None:
        """The tokens; None if some byte has none."""
        tokens = []
        while data:
            sizes = range(min(self._longest, len(data)), 0, -1)
            size = next((size for size in sizes if data[:size] in self._tokens), 0)
            if not size:
                return None
            tokens.append(self._tokens[data[:size]])
            data = data[size:]
        return tokens


def completion_of(
    constraint: BoundConstraint, state: int, spelling: Spelling, eos: Sequence[int]
) -> tuple[int, ...] | None:
    """The tokens that complete a string, an end token included; None if none are known, or too many.

    The constraint says the bytes by its method `completion`; one that has none can only end at once. Whatever it says
    is read once more by the constraint itself.
    """
    find = getattr(constraint, "completion", None)
    data = b"" if find is None else find(state)
    tokens = None if data is None else spelling(data)
    if tokens is None or len(tokens) >= MOST_TOKENS:
        return None
    for token in tokens:
        state = int(constraint.advance(np.array([state], dtype=np.int64), np.array([token], dtype=np.int32))[0])
        if state < 0:
            return None
    return (*tokens, min(eos)) if constraint.is_complete(state) else None


class Forced(TokenByToken):
    """The constraint that allows one token after the other: state i is in front of tokens[i]."""

    start = 0
    cheap_masks = True

    def __init__(self, tokens: Sequence[int], size: int) -> None:
        """Over a vocabulary of `size` tokens."""
        self.tokens = tuple(tokens)
        self._size = size

    def _after(self, state: int, token: int) -> int:
        """The state after a token, -1 if it is not the one."""
        return state + 1 if 0 <= state < len(self.tokens) and self.tokens[state] == token else -1

    def check(self, states: NDArray[np.int64], tokens: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Whether tokens (S, K) are the ones of states (S,)."""
        answers = np.zeros(tokens.shape, dtype=np.bool_)
        for row, state in enumerate(states.tolist()):
            if 0 <= state < len(self.tokens):
                answers[row] = tokens[row] == self.tokens[state]
        return answers

    def mask(self, state: int) -> NDArray[np.uint32]:
        """The one token, (ceil(V / 32),)."""
        return mask_of(np.array(self.tokens[state : state + 1], dtype=np.int32), self._size)

    def is_complete(self, state: int) -> bool:
        """Never asked: the end token is one of the tokens."""
        return False
