"""A peer's masks as a constraint of tamis: locally constrained decoding as that engine does it, in the same sampler.

engine.generate(prompt, PeerConstraint("llguidance", schema), method="lcd")
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from ...engine.completion import Spelling
from ...engine.constraint import MaskCache, TokenByToken, TokenVocabulary
from . import engines
from .protocol import Engine, Matcher
from .tokens import Tokens

_MATCHERS = 4096


class PeerConstraint:
    """A JSON Schema (a JSON text) as the engine of this name understands it; see `engines.NAMES`."""

    def __init__(self, name: str, schema: str) -> None:
        """Nothing is compiled before `bind`."""
        self.name, self.schema = name, schema

    def bind(self, vocabulary: TokenVocabulary) -> BoundPeer:
        """Compile for a vocabulary.  Raises `protocol.Refused`."""
        texts = [vocabulary.token_bytes(token) for token in range(vocabulary.size)]
        spelling = Spelling(vocabulary)

        def encode(text: str) -> list[int]:
            # Some engines ask for an encoder, and any will do.
            tokens = spelling(text.encode())
            if tokens is None:
                raise ValueError(f"the vocabulary cannot write {text!r}")
            return tokens

        tokens = Tokens("the model's", texts, vocabulary.eos_ids[0], encode)
        return BoundPeer(engines.make(self.name, tokens), self, vocabulary)


class BoundPeer(TokenByToken):
    """A state is a node in the tree of accepted tokens; matchers of the latest states are kept, others replayed."""

    start = 0
    cheap_masks = True
    _ENDED = 1

    def __init__(self, engine: Engine, source: PeerConstraint, vocabulary: TokenVocabulary) -> None:
        """Compile the schema of `source`."""
        self._engine = engine
        self._compiled = engine.compile(source.schema)
        self._eos = np.array(vocabulary.eos_ids, dtype=np.int64)
        self._ends = frozenset(vocabulary.eos_ids)
        self._origin: list[tuple[int, int]] = [(-1, -1), (-1, -1)]
        self._children: dict[tuple[int, int], int] = {}
        self._matchers: OrderedDict[int, Matcher] = OrderedDict()
        self._masks = MaskCache()

    def _matcher(self, state: int) -> Matcher:
        """A matcher in `state`, which stays there."""
        matcher = self._matchers.get(state)
        if matcher is None:
            tokens = []
            node = state
            while node > 0:
                node, token = self._origin[node]
                tokens.append(token)
            matcher = self._engine.matcher(self._compiled)
            for token in reversed(tokens):
                if not matcher.advance(token):
                    raise RuntimeError(f"{self._engine!r} rejects token {token}, which its mask allowed")
            self._matchers[state] = matcher
            if len(self._matchers) > _MATCHERS:
                self._matchers.popitem(last=False)
        self._matchers.move_to_end(state)
        return matcher

    def mask(self, state: int) -> NDArray[np.uint32]:
        """The engine's own mask (ceil(V / 32),), its one end token standing for all."""
        if state == self._ENDED:
            return np.zeros_like(self._engine.mask)
        mask = self._masks.get(state)
        if mask is None:
            self._matcher(state).fill_mask()
            mask = self._engine.mask.copy()
            first = int(self._eos[0])
            if mask[first >> 5] >> np.uint32(first & 31) & np.uint32(1):
                for token in self._eos.tolist():
                    mask[token >> 5] |= np.uint32(1 << (token & 31))
            self._masks.put(state, mask)
        return mask

    def check(self, states: NDArray[np.int64], tokens: NDArray[np.int32]) -> NDArray[np.bool_]:
        """What the masks of states (S,) say of tokens (S, K); -1 is padding."""
        allowed = np.zeros(tokens.shape, dtype=np.bool_)
        for row, state in enumerate(states.tolist()):
            if state >= 0:
                words = self.mask(state)[tokens[row] >> 5]
                allowed[row] = (words >> (tokens[row] & 31).astype(np.uint32) & np.uint32(1)).astype(np.bool_)
        return allowed & (tokens >= 0)

    def _after(self, state: int, token: int) -> int:
        """The state after one token, -1 where the mask does not allow it."""
        if state < 0 or not bool(self.check(np.array([state]), np.array([[token]], dtype=np.int32))[0, 0]):
            return -1
        if token in self._ends:
            return self._ENDED
        child = self._children.get((state, token))
        if child is None:
            child = len(self._origin)
            self._origin.append((state, token))
            self._children[state, token] = child
            fork = self._matcher(state).fork()
            if fork is not None and fork.advance(token):
                self._matchers[child] = fork
        return child

    def is_complete(self, state: int) -> bool:
        """Whether the mask allows the end token."""
        return bool(self.check(np.array([state]), self._eos[None, :1].astype(np.int32))[0, 0])
