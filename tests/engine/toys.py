"""Small constraints, vocabularies and models that tests can see through."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from tamis.engine.constraint import mask_of


class TokenDfa:
    """A finite automaton over token ids: `step` is (S, V), -1 where rejected; EOS is allowed in `complete` states.

    State S, one past the last, is where EOS leads.
    """

    def __init__(self, step: Sequence[Sequence[int]], complete: Sequence[int], eos: int) -> None:
        table = np.array(step, dtype=np.int64)
        self.eos = eos
        self.start = 0
        self.ended = table.shape[0]
        self.size = table.shape[1]
        table = np.vstack([table, np.full((1, self.size), -1)])
        table[:, eos] = -1
        table[list(complete), eos] = self.ended
        self._table = table
        self._complete = frozenset(complete)
        self.calls = 0

    def check(self, states: NDArray[np.int64], tokens: NDArray[np.int32]) -> NDArray[np.bool_]:
        self.calls += 1
        inside = (tokens >= 0) & (tokens < self.size)
        return inside & (self._table[states[:, None], np.where(inside, tokens, 0)] >= 0)

    def advance(self, states: NDArray[np.int64], tokens: NDArray[np.int32]) -> NDArray[np.int64]:
        return self._table[states, tokens]

    def replay(self, tokens: NDArray[np.int32]) -> int:
        state = self.start
        for token in tokens.tolist():
            state = int(self._table[state, token])
            if state < 0:
                return -1
        return state

    def mask(self, state: int) -> NDArray[np.uint32]:
        return mask_of(np.flatnonzero(self._table[state] >= 0).astype(np.int32), self.size)

    def is_complete(self, state: int) -> bool:
        return state in self._complete


def fixed(ok: Sequence[bool] | NDArray[np.bool_]) -> TokenDfa:
    """A constraint that always allows the same tokens; the last token plays EOS and follows `ok`, too."""
    flags = np.asarray(ok, dtype=bool)
    steps = np.where(flags, 0, -1)[None, :]
    return TokenDfa(steps.tolist(), [0] if flags[-1] else [], flags.size - 1)


class ListVocabulary:
    """A vocabulary given by the bytes of its tokens; None is special, the tokens `eos_ids` end a string."""

    def __init__(self, tokens: Sequence[bytes | None], eos_ids: Sequence[int]) -> None:
        self._tokens = list(tokens)
        self.size = len(self._tokens)
        self.eos_ids = list(eos_ids)

    def token_bytes(self, token: int) -> bytes | None:
        return self._tokens[token]


def table_model(vocabulary: int, seed: int, spread: float = 1.2) -> Callable[[tuple[int, ...]], NDArray[np.float32]]:
    """Logits (V,) that depend on the last two tokens, drawn once per seed: N(0, spread^2)."""
    table = np.random.default_rng(seed).normal(scale=spread, size=(vocabulary + 1, vocabulary + 1, vocabulary))

    def model(prefix: tuple[int, ...]) -> NDArray[np.float32]:
        last = prefix[-1] if prefix else vocabulary
        before = prefix[-2] if len(prefix) > 1 else vocabulary
        return table[last, before].astype(np.float32)

    return model
