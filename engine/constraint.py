"""What the samplers ask of a constraint, and the intersection of several constraints."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

MASK_CACHE = 256
"""Masks kept per bound constraint; a mask of 49,152 tokens takes 6 KiB."""


class TokenVocabulary(Protocol):
    """The part of a vocabulary that constraints written in Python rely on."""

    @property
    def size(self) -> int:
        """Number of token ids."""

    @property
    def eos_ids(self) -> Sequence[int]:
        """Token ids that end a string."""

    def token_bytes(self, token: int) -> bytes | None:
        """The bytes of a token; None for a special token, which is never allowed as text."""


@runtime_checkable
class BoundConstraint(Protocol):
    """A constraint over one vocabulary. States are integers: forking is copying one.

    A prefix may be accepted although it cannot be completed (found out later at the cost of weight), but never
    rejected although it can. EOS ids are tokens: allowed if and only if the string is complete. State -1 is where a
    token that is not allowed leads: checks of it are False and it leads to itself; it has no mask.

    Two attributes may be left out. `cheap_masks`, true if a mask costs about as much as a pass over a row of logits:
    then the estimator "auto" prefers masks to checks. `allows_everything`, true if there is nothing to check. A method
    `completion(state) -> bytes | None` may say the shortest bytes after which the string may end.
    """

    @property
    def start(self) -> int:
        """The state of the empty string."""

    def check(self, states: NDArray[np.int64], tokens: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Whether tokens (S, K) may come next in states (S,): (S, K); token -1 is padding and gives False."""

    def advance(self, states: NDArray[np.int64], tokens: NDArray[np.int32]) -> NDArray[np.int64]:
        """The states (S,) after tokens (S,) in states (S,); -1 where the token is not allowed."""

    def replay(self, tokens: NDArray[np.int32]) -> int:
        """The state after tokens (T,) from the start; -1 if they are not allowed."""

    def mask(self, state: int) -> NDArray[np.uint32]:
        """All allowed tokens: (ceil(V / 32),), bit i % 32 of word i // 32."""

    def is_complete(self, state: int) -> bool:
        """Whether the string may end here."""


class Constraint(Protocol):
    """A constraint that knows of no vocabulary yet: a grammar, a predicate, a conjunction.

    `bind(vocabulary, prefix)`, which grammars, predicates and their conjunctions have, is for prompts whose last token
    was taken back: the strings are those of the constraint behind these bytes.
    """

    def bind(self, vocabulary: TokenVocabulary) -> BoundConstraint:
        """The constraint over the tokens of `vocabulary`."""


def bound_behind(constraint: Constraint, vocabulary: TokenVocabulary, prefix: bytes) -> BoundConstraint:
    """A constraint bound to a vocabulary, behind a prefix if there is one; see `Constraint`."""
    if not prefix:
        return constraint.bind(vocabulary)
    return constraint.bind(vocabulary, prefix)  # type: ignore[call-arg]


def allowed_tokens(mask: NDArray[np.uint32], size: int) -> NDArray[np.int32]:
    """The token ids below `size` whose bits are set in `mask`, ascending."""
    bits = np.unpackbits(np.ascontiguousarray(mask, dtype="<u4").view(np.uint8), bitorder="little")
    return np.flatnonzero(bits[:size]).astype(np.int32)


def mask_of(tokens: NDArray[np.int32], size: int) -> NDArray[np.uint32]:
    """The mask (ceil(size / 32),) with the bits of `tokens` (K,) set."""
    bits = np.zeros(-(-size // 32) * 32, dtype=np.uint8)
    bits[tokens] = 1
    return np.packbits(bits, bitorder="little").view("<u4").astype(np.uint32)


def masks_of(constraint: BoundConstraint, states: NDArray[np.int64]) -> NDArray[np.uint32]:
    """The masks (S, ceil(V / 32)) of states (S,), in one call where the constraint takes several states at once."""
    together = getattr(constraint, "masks", None)
    masks = np.stack([constraint.mask(state) for state in states.tolist()]) if together is None else together(states)
    return np.ascontiguousarray(masks, dtype=np.uint32)


class MaskCache:
    """The masks of the states asked for last."""

    __slots__ = ("_masks",)

    def __init__(self) -> None:
        """Start empty."""
        self._masks: OrderedDict[int, NDArray[np.uint32]] = OrderedDict()

    def get(self, state: int) -> NDArray[np.uint32] | None:
        """The mask of `state` if it is still here."""
        mask = self._masks.get(state)
        if mask is not None:
            self._masks.move_to_end(state)
        return mask

    def put(self, state: int, mask: NDArray[np.uint32]) -> None:
        """Keep the mask of `state`, dropping the one that was not asked for longest."""
        self._masks[state] = mask
        if len(self._masks) > MASK_CACHE:
            self._masks.popitem(last=False)


class TokenByToken:
    """`advance` and `replay` of a bound constraint that goes from state to state one token at a time."""

    start: int

    def _after(self, state: int, token: int) -> int:
        """The state after one token, -1 where it is not allowed."""
        raise NotImplementedError

    def advance(self, states: NDArray[np.int64], tokens: NDArray[np.int32]) -> NDArray[np.int64]:
        """The states (S,) after tokens (S,); -1 where the token is not allowed."""
        after = [self._after(*pair) for pair in zip(states.tolist(), tokens.tolist(), strict=True)]
        return np.array(after, dtype=np.int64)

    def replay(self, tokens: NDArray[np.int32]) -> int:
        """The state after tokens (T,) from the start; -1 if they are not allowed."""
        state = self.start
        for token in tokens.tolist():
            state = self._after(state, token)
            if state < 0:
                return -1
        return state


class Both:
    """The intersection of two bound constraints over the same vocabulary; `second` sees what `first` allowed only.

    States are numbered pairs.
    """

    def __init__(self, first: BoundConstraint, second: BoundConstraint, vocabulary_size: int) -> None:
        """Intersect; put the cheaper constraint first."""
        self._first = first
        self._second = second
        self._size = vocabulary_size
        self._numbers: dict[tuple[int, int], int] = {}
        self._pairs: list[tuple[int, int]] = []
        self._masks = MaskCache()
        self.start = self._number(first.start, second.start)

    def _number(self, first: int, second: int) -> int:
        """The number of a pair of states."""
        pair = (first, second)
        number = self._numbers.get(pair)
        if number is None:
            number = len(self._pairs)
            self._numbers[pair] = number
            self._pairs.append(pair)
        return number

    def _pair(self, state: int) -> tuple[int, int]:
        """The states of the two parts; -1 where neither goes on."""
        return self._pairs[state] if state >= 0 else (-1, -1)

    def _split(self, states: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The states of the two parts."""
        pairs = np.array([self._pair(state) for state in states.tolist()], dtype=np.int64).reshape(-1, 2)
        return np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])

    def check(self, states: NDArray[np.int64], tokens: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Whether tokens (S, K) may come next in states (S,) under both."""
        first, second = self._split(states)
        allowed = self._first.check(first, tokens)
        if not allowed.any():
            return allowed
        return self._second.check(second, np.where(allowed, tokens, np.int32(-1)))

    def advance(self, states: NDArray[np.int64], tokens: NDArray[np.int32]) -> NDArray[np.int64]:
        """The states (S,) after tokens (S,); -1 where either part rejects."""
        first, second = self._split(states)
        after = np.full(states.shape, -1, dtype=np.int64)
        next_first = self._first.advance(first, tokens)
        alive = np.flatnonzero(next_first >= 0)
        if alive.size:
            next_second = self._second.advance(second[alive], tokens[alive])
            for index, right in zip(alive.tolist(), next_second.tolist(), strict=True):
                if right >= 0:
                    after[index] = self._number(int(next_first[index]), right)
        return after

    def replay(self, tokens: NDArray[np.int32]) -> int:
        """The state after tokens (T,) from the start; -1 if either part rejects."""
        first = self._first.replay(tokens)
        if first < 0:
            return -1
        second = self._second.replay(tokens)
        return -1 if second < 0 else self._number(first, second)

    def mask(self, state: int) -> NDArray[np.uint32]:
        """The tokens that both allow; the second part is asked about those of the first part's mask only."""
        mask = self._masks.get(state)
        if mask is None:
            first, second = self._pair(state)
            tokens = allowed_tokens(self._first.mask(first), self._size)
            allowed = self._second.check(np.array([second], dtype=np.int64), tokens[None, :])[0]
            mask = mask_of(tokens[allowed], self._size)
            self._masks.put(state, mask)
        return mask

    def is_complete(self, state: int) -> bool:
        """Whether both parts may end here."""
        first, second = self._pair(state)
        return self._first.is_complete(first) and self._second.is_complete(second)

    def completion(self, state: int) -> bytes | None:
        """What completes the first part; the second may refuse it."""
        find = getattr(self._first, "completion", None)
        first, _ = self._pair(state)
        found: bytes | None = b"" if find is None else find(first)
        return found
