"""Stop strings: a string also ends where one of them has been written, and what stands before it is the text.

With stop strings S and the language L of the constraint, the strings are those of L behind which an end token or a
member of S comes, in which no stop string stands earlier. A token may reach beyond the end of a stop string; what it
writes there belongs to no text. No end token is owed after a stop string: the probability of such a string is that of
its tokens.

Stop strings may begin inside a token, so the constraint is read byte by byte here: grammars and predicates can be,
constraint objects that know tokens only cannot.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, AnyStr, Protocol

import numpy as np
from numpy.typing import NDArray

from .constraint import MaskCache, TokenByToken, TokenVocabulary, allowed_tokens, mask_of
from .errors import InputError, shown
from .predicate import Conjunction, Predicate

_STEPS = 65536


class Reader(Protocol):
    """A constraint over bytes; states are immutable and can be hashed."""

    start: Any

    def advance(self, state: Any, data: bytes) -> Any:
        """The state after `data`, None if it is rejected."""

    def is_complete(self, state: Any) -> bool:
        """Whether a string may end in `state`."""


class _Anything:
    """What accepts every string."""

    start = 0

    def advance(self, state: int, data: bytes) -> int:
        return state

    def is_complete(self, state: int) -> bool:
        return True


class _All:
    """What all of several readers accept."""

    def __init__(self, readers: Sequence[Reader]) -> None:
        self._readers = list(readers)
        self.start = tuple(reader.start for reader in readers)

    def advance(self, state: tuple[Any, ...], data: bytes) -> tuple[Any, ...] | None:
        after = []
        for reader, part in zip(self._readers, state, strict=True):
            part = reader.advance(part, data)
            if part is None:
                return None
            after.append(part)
        return tuple(after)

    def is_complete(self, state: tuple[Any, ...]) -> bool:
        return all(reader.is_complete(part) for reader, part in zip(self._readers, state, strict=True))


def reader_of(constraint: Any) -> Reader:
    """A constraint as a reader of bytes.

    Raises:
        InputError: it knows tokens only.
    """
    if constraint is None:
        return _Anything()
    if isinstance(constraint, Conjunction):
        return _All([reader_of(part) for part in constraint.parts])
    if isinstance(constraint, Predicate):
        reader: Reader = constraint.reader()
        return reader
    if hasattr(constraint, "compile"):
        automaton = constraint.compile()
        if automaton.special_tokens or automaton.counts_tokens:
            raise InputError("stop strings cannot be combined with special tokens or token budgets in a grammar")
        found: Reader = automaton
        return found
    raise InputError(
        f"stop strings need a grammar or a predicate, which can be read byte by byte; a {type(constraint).__name__} "
        f"cannot"
    )


def check_stops(stop: Any) -> tuple[str, ...]:
    """The stop strings of an argument `stop`: None, a str, or a list of them.

    Raises:
        InputError: it is none of these, or one is empty or no Unicode text.
    """
    if stop is None:
        return ()
    stops = (stop,) if isinstance(stop, str) else stop
    if not isinstance(stops, (list, tuple)):
        raise InputError(f"stop must be a str or a list of them, got {shown(stop)}")
    for string in stops:
        if not isinstance(string, str) or not string:
            raise InputError(f"a stop string must be a str that is not empty, got {shown(string)}")
        try:
            string.encode()
        except UnicodeEncodeError as error:
            raise InputError(f"the stop string {shown(string)} is no Unicode text: character {error.start}") from None
    return tuple(stops)


def cut(data: AnyStr, stops: Sequence[AnyStr]) -> AnyStr:
    """What stands before the stop string that ended first."""
    ends = [(found + len(stop), -len(stop), found) for stop in stops if (found := data.find(stop)) >= 0]
    return data[: min(ends)[2]] if ends else data


class BoundStops(TokenByToken):
    """A constraint with stop strings over the tokens of a vocabulary, behind a prefix.

    States are numbered. Each stands for the prefix's bytes to come; for the longest end of the text that may become a
    stop string, with the reader's state before it; and for the reader's state now, None where it rejects the text.
    State `ended` is where end tokens and stop strings lead.
    """

    ended = 1

    def __init__(
        self,
        reader: Reader,
        stops: Sequence[str],
        vocabulary: TokenVocabulary,
        prefix: bytes = b"",
        masks: Any = None,
    ) -> None:
        """`masks`: the same constraint over the same tokens with the reader's own states, if there is one; quicker."""
        self._reader = reader
        self._stops = sorted({stop.encode() for stop in stops}, key=len, reverse=True)
        self._begins = frozenset(stop[:size] for stop in self._stops for size in range(len(stop)))
        self._vocabulary = vocabulary
        self._eos = frozenset(vocabulary.eos_ids)
        self._numbers: dict[tuple[bytes, Any, bytes, Any], int] = {}
        self._states: list[Any] = []
        self._after_token: dict[tuple[int, int], int] = {}
        self._kept = MaskCache()
        self._masks = masks
        self._plain: NDArray[np.int32] | None = None
        self.start = self._number((prefix, reader.start, b"", reader.start))
        self._states.append(None)

    def _number(self, state: tuple[bytes, Any, bytes, Any]) -> int:
        number = self._numbers.get(state)
        if number is None:
            number = self._numbers[state] = len(self._states)
            self._states.append(state)
        return number

    def _step(self, state: tuple[bytes, Any, bytes, Any], piece: bytes) -> tuple[bytes, Any, bytes, Any] | bool | None:
        """The state after `piece`: None if it is rejected, True if a stop string ended the text."""
        unread, base, tail, now = state
        if unread:
            if not piece.startswith(unread[: len(piece)]):
                return None
            unread, piece = unread[len(piece) :], piece[len(unread) :]
        reader = self._reader
        for i in range(len(piece)):
            byte = piece[i : i + 1]
            tail += byte
            for stop in self._stops:
                if tail.endswith(stop):
                    before = reader.advance(base, tail[: -len(stop)])
                    return True if before is not None and reader.is_complete(before) else None
            now = None if now is None else reader.advance(now, byte)
            drop = next(size for size in range(len(tail) + 1) if tail[size:] in self._begins)
            if drop:
                base = None if base is None else reader.advance(base, tail[:drop])
                tail = tail[drop:]
            if now is None and not self._may_stop(base, tail):
                return None
        return unread, base, tail, now

    def _may_stop(self, base: Any, tail: bytes) -> bool:
        """Whether a stop string under way at the end of the text has a complete string before it."""
        for size in range(len(tail)):
            if base is None:
                return False
            if tail[size:] in self._begins and self._reader.is_complete(base):
                return True
            base = self._reader.advance(base, tail[size : size + 1])
        return False

    def _after(self, state: int, token: int) -> int:
        """The state after a token, -1 where it is not allowed."""
        if state < 0 or state == self.ended or token < 0:
            return -1
        key = (state, token)
        known = self._after_token.get(key)
        if known is None:
            if token in self._eos:
                known = self.ended if self.is_complete(state) else -1
            else:
                piece = self._vocabulary.token_bytes(token) if token < self._vocabulary.size else None
                after = self._step(self._states[state], piece) if piece else None
                known = self.ended if after is True else -1 if not after else self._number(after)
            if len(self._after_token) >= _STEPS:
                self._after_token.clear()
            self._after_token[key] = known
        return known

    def check(self, states: NDArray[np.int64], tokens: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Whether tokens (S, K) may come next in states (S,); -1 is padding."""
        answers = np.zeros(tokens.shape, dtype=np.bool_)
        for row, state in enumerate(states.tolist()):
            for column, token in enumerate(tokens[row].tolist()):
                answers[row, column] = self._after(state, token) >= 0
        return answers

    def mask(self, state: int) -> NDArray[np.uint32]:
        """All allowed tokens (ceil(V / 32),).

        Tokens in which no stop string begins are left to the constraint itself, where none is under way.
        """
        mask = self._kept.get(state)
        if mask is None:
            size = self._vocabulary.size
            if state == self.ended:
                return mask_of(np.empty(0, dtype=np.int32), size)
            unread, _, tail, now = self._states[state]
            asked = range(size)
            settled: list[int] = []
            if self._masks is not None and not unread and not tail and now is not None:
                plain = self._plain_tokens()
                settled = np.intersect1d(allowed_tokens(self._masks.mask(now), size), plain).tolist()
                asked = np.setdiff1d(np.arange(size), plain).tolist()
            allowed = [token for token in asked if self._after(state, token) >= 0]
            mask = mask_of(np.array(settled + allowed, dtype=np.int32), size)
            self._kept.put(state, mask)
        return mask

    def _plain_tokens(self) -> NDArray[np.int32]:
        """The tokens in which no byte begins a stop string."""
        if self._plain is None:
            begins = {stop[:1] for stop in self._stops}
            pieces = ((token, self._vocabulary.token_bytes(token)) for token in range(self._vocabulary.size))
            plain = [token for token, piece in pieces if piece and not any(begin in piece for begin in begins)]
            self._plain = np.array(plain, dtype=np.int32)
        return self._plain

    def completion(self, state: int) -> bytes | None:
        """What completes the text as it stands, if the reader knows."""
        unread, _, _, now = self._states[state]
        find = getattr(self._reader, "completion", None)
        if now is None or find is None:
            return None if now is None else bytes(unread)
        found = find(now)
        return None if found is None else unread + found

    def is_complete(self, state: int) -> bool:
        """Whether an end token may come."""
        if state < 0 or state == self.ended:
            return False
        unread, _, _, now = self._states[state]
        return not unread and now is not None and self._reader.is_complete(now)
