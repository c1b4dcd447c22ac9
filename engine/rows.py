"""Sampling without replacement from rows of weights on the host: the order in which the tokens of a row are tested.

A draw takes one uniform: it picks a block by the block sums, then a token within the block, removes the token and sums
its block anew. So the mass left is always a sum over what remains, no draw is ever repeated, and the order follows the
same law as sorting log p + Gumbel noise, at the cost of the draws that are looked at.
"""

import threading
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .kernel import kernel
from .randomness import ORDER_STREAM, uniform_pair
from .target import BLOCK, block_sum, sum_blocks, truncate_row, truncation_threshold, weigh_row


class Parameters(Protocol):
    """Per-row settings of a batch of R rows, as arrays."""

    keys: NDArray[np.uint64]
    inverse_temperature: NDArray[np.float32]
    top_k: NDArray[np.int64]
    top_p: NDArray[np.float64]
    min_p: NDArray[np.float64]
    truncates: NDArray[np.bool_]
    greedy: NDArray[np.bool_]


class Candidates:
    """The tokens of R rows in the order of testing, as far as they were drawn.

    tokens (R, C) int32, weights (R, C) float64: candidate j and its unnormalised probability (a logit in greedy rows).
    before (R, C) float64: the mass that was left before draw j. left (R,): the mass left after the last one drawn.
    totals (R,): the mass of the whole row.
    length (R,): candidates drawn; exhausted (R,): nothing of positive probability is left after them.
    """

    __slots__ = ("before", "exhausted", "left", "length", "tokens", "totals", "weights")

    def __init__(self, rows: int, capacity: int) -> None:
        """Room for `capacity` candidates in each of `rows` rows."""
        self.tokens = np.empty((rows, capacity), dtype=np.int32)
        self.weights = np.empty((rows, capacity), dtype=np.float64)
        self.before = np.empty((rows, capacity), dtype=np.float64)
        self.totals = np.empty(rows, dtype=np.float64)
        self.left = np.empty(rows, dtype=np.float64)
        self.length = np.zeros(rows, dtype=np.int64)
        self.exhausted = np.zeros(rows, dtype=np.bool_)

    @property
    def capacity(self) -> int:
        """Candidates that fit."""
        return self.tokens.shape[1]

    def reserve(self, capacity: int) -> None:
        """Make room for `capacity` candidates per row, at least doubling."""
        if capacity <= self.capacity:
            return
        extra = max(capacity, 2 * self.capacity) - self.capacity
        for name in ("tokens", "weights", "before"):
            array = getattr(self, name)
            setattr(self, name, np.concatenate([array, np.empty((array.shape[0], extra), dtype=array.dtype)], axis=1))


class Order(Protocol):
    """A source of candidates."""

    candidates: Candidates

    def extend(self, rows: NDArray[np.int64], lengths: NDArray[np.int64]) -> None:
        """Draw until the given rows (S,) hold `lengths` (S,) candidates or are exhausted."""

    def settle(
        self, rows: NDArray[np.int64], masks: NDArray[np.uint32]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The first token of each row's order that its mask allows, (S,), and the allowed mass, (S,).

        rows (S,), masks (S, W). Token -1 and mass 0 where no allowed token has weight. Greedy rows: the allowed token
        of the largest logit, and mass 1.
        """

    def host_row(self, row: int) -> NDArray[np.float32]:
        """The logits of one row (V,) in host memory."""

    def close(self) -> None:
        """Let go of the memory; nothing can be drawn afterwards, `candidates` stay."""


@kernel
def _prepare(
    logits: NDArray[np.float32],
    bits: NDArray[np.int32],
    inverse_temperature: NDArray[np.float32],
    truncates: NDArray[np.bool_],
    top_k: NDArray[np.int64],
    top_p: NDArray[np.float64],
    min_p: NDArray[np.float64],
    greedy: NDArray[np.bool_],
    weights: NDArray[np.float32],
    block_sums: NDArray[np.float64],
    totals: NDArray[np.float64],
) -> None:
    """Weights, block sums and totals of all rows; greedy rows keep their logits and block maxima."""
    for row in range(logits.shape[0]):
        _, total = weigh_row(logits[row], bits[row], inverse_temperature[row], weights[row], block_sums[row])
        if np.isfinite(total):
            if greedy[row]:
                weights[row, :] = logits[row]
                for block in range(block_sums.shape[1]):
                    block_sums[row, block] = weights[row, block * BLOCK : (block + 1) * BLOCK].max()
            elif truncates[row]:
                threshold = truncation_threshold(weights[row], total, top_k[row], top_p[row], min_p[row])
                total = truncate_row(weights[row], block_sums[row], threshold)
        totals[row] = total


@kernel
def pick(weights: NDArray[np.float32], block_sums: NDArray[np.float64], target: float) -> int:
    """The first token at which the running sum of `weights` (V,) exceeds `target`; never one of weight 0."""
    block = -1
    for candidate in range(block_sums.size):
        if block_sums[candidate] > 0:
            block = candidate
            if target < block_sums[candidate]:
                break
            target -= block_sums[candidate]
    low = block * BLOCK
    part = weights[low : min(low + BLOCK, weights.size)]
    # When rounding lets the search run past the end, the last token of positive weight is the right one.
    token = -1
    cumulated = 0.0
    for i in range(part.size):
        if part[i] > 0:
            token = low + i
            cumulated += part[i]
            if target < cumulated:
                break
    return token


@kernel
def _pick_largest(values: NDArray[np.float32], block_maxima: NDArray[np.float64]) -> int:
    """The first token with the largest value, or -1 if all are -inf."""
    block = np.argmax(block_maxima)
    if block_maxima[block] == -np.inf:
        return -1
    low = block * BLOCK
    return int(low + np.argmax(values[low : low + BLOCK]))


@kernel
def _draw(
    rows: NDArray[np.int64],
    lengths: NDArray[np.int64],
    keys: NDArray[np.uint64],
    greedy: NDArray[np.bool_],
    weights: NDArray[np.float32],
    block_sums: NDArray[np.float64],
    tokens: NDArray[np.int32],
    token_weights: NDArray[np.float64],
    before: NDArray[np.float64],
    left: NDArray[np.float64],
    length: NDArray[np.int64],
    exhausted: NDArray[np.bool_],
) -> None:
    """Draw candidates of `rows` (S,) until there are `lengths` (S,) of them or the row is exhausted."""
    for s in range(rows.size):
        row = rows[s]
        mass = 0.0 if greedy[row] else sum_blocks(block_sums[row])
        while length[row] < lengths[s] and not exhausted[row]:
            position = length[row]
            if greedy[row]:
                token = _pick_largest(weights[row], block_sums[row])
            else:
                token = -1
                if mass > 0:
                    uniform = uniform_pair(keys[row], ORDER_STREAM, position)[0]
                    token = pick(weights[row], block_sums[row], uniform * mass)
            if token < 0:
                exhausted[row] = True
                break
            block = token // BLOCK
            part = weights[row, block * BLOCK : (block + 1) * BLOCK]
            tokens[row, position] = token
            token_weights[row, position] = weights[row, token]
            before[row, position] = mass
            if greedy[row]:
                weights[row, token] = -np.inf
                block_sums[row, block] = part.max()
                exhausted[row] = block_sums[row].max() == -np.inf
            else:
                weights[row, token] = np.float32(0)
                block_sums[row, block] = block_sum(part)
                mass = sum_blocks(block_sums[row])
                exhausted[row] = mass == 0
            length[row] = position + 1
        left[row] = mass


class _Workspace(threading.local):
    """A buffer that outlives a step: fresh pages for 32 rows of 49k weights cost as much as computing them.

    It is lent to one order at a time: a constraint written in Python may itself sample in the middle of a step.
    """

    def __init__(self) -> None:
        """Start without a buffer."""
        self._weights: NDArray[np.float32] | None = None

    def take(self, rows: int, vocabulary: int) -> NDArray[np.float32]:
        """A buffer of at least `rows` rows (., vocabulary) with arbitrary content; the caller's alone."""
        weights, self._weights = self._weights, None
        if weights is None or weights.shape[1] != vocabulary or weights.shape[0] < rows:
            weights = np.empty((rows, vocabulary), dtype=np.float32)
        return weights

    def give_back(self, weights: NDArray[np.float32]) -> None:
        """Keep a buffer for the next order."""
        self._weights = weights


_workspace = _Workspace()


class HostOrder:
    """Candidates of rows of logits (R, V) float32 in host memory. To be closed in the thread that made it."""

    def __init__(self, logits: NDArray[np.float32], parameters: Parameters, capacity: int = 32) -> None:
        """Turn the logits into weights; see `Candidates.totals` (NaN) for rows that are no distribution."""
        rows, vocabulary = logits.shape
        self._logits = logits
        self._parameters = parameters
        self._buffer = _workspace.take(rows, vocabulary)
        self._weights = self._buffer[:rows]
        self._block_sums = np.empty((rows, -(-vocabulary // BLOCK)), dtype=np.float64)
        self.candidates = Candidates(rows, min(capacity, vocabulary))
        _prepare(
            logits,
            logits.view(np.int32),
            parameters.inverse_temperature,
            parameters.truncates,
            parameters.top_k,
            parameters.top_p,
            parameters.min_p,
            parameters.greedy,
            self._weights,
            self._block_sums,
            self.candidates.totals,
        )

    def extend(self, rows: NDArray[np.int64], lengths: NDArray[np.int64]) -> None:
        """Draw until the given rows (S,) hold `lengths` (S,) candidates or are exhausted."""
        candidates = self.candidates
        candidates.reserve(min(int(lengths.max()), self._logits.shape[1]))
        _draw(
            rows,
            lengths,
            self._parameters.keys,
            self._parameters.greedy,
            self._weights,
            self._block_sums,
            candidates.tokens,
            candidates.weights,
            candidates.before,
            candidates.left,
            candidates.length,
            candidates.exhausted,
        )

    def settle(
        self, rows: NDArray[np.int64], masks: NDArray[np.uint32]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Tokens (S,) and allowed masses (S,) of `rows` under `masks` (S, W); see `Order.settle`."""
        candidates = self.candidates
        tokens = np.empty(rows.size, dtype=np.int64)
        allowed = np.empty(rows.size, dtype=np.float64)
        _settle(
            rows,
            masks,
            self._logits,
            self._parameters.greedy,
            self._parameters.keys,
            self._weights,
            candidates.tokens,
            candidates.weights,
            candidates.length,
            tokens,
            allowed,
        )
        return tokens, allowed

    def host_row(self, row: int) -> NDArray[np.float32]:
        """The logits of one row (V,)."""
        logits: NDArray[np.float32] = self._logits[row]
        return logits

    def close(self) -> None:
        """Give the buffer back for the next order."""
        _workspace.give_back(self._buffer)
        del self._buffer, self._weights


@kernel
def _allowed(mask: NDArray[np.uint32], token: int) -> bool:
    """Bit `token` of a mask; tokens beyond its end are not allowed."""
    word = token >> 5
    return word < mask.size and (mask[word] >> np.uint32(token & 31)) & np.uint32(1) != 0


@kernel
def look_up(mask: NDArray[np.uint32], tokens: NDArray[np.int32], out: NDArray[np.bool_]) -> None:
    """The mask's answers for `tokens` (K,) into `out` (K,)."""
    for i in range(tokens.size):
        out[i] = _allowed(mask, tokens[i])


@kernel
def _word_sum(word: np.uint32, weights: NDArray[np.float32]) -> float:
    """The mass of the tokens (up to 32 `weights`) whose bits are set in `word`."""
    if word == np.uint32(0xFFFFFFFF) and weights.size == 32:
        return block_sum(weights)
    total = 0.0
    for i in range(weights.size):
        if (word >> np.uint32(i)) & np.uint32(1) != 0:
            total += np.float64(weights[i])
    return total


@kernel
def _settle_row(
    mask: NDArray[np.uint32],
    logits: NDArray[np.float32],
    greedy: bool,
    uniform: float,
    weights: NDArray[np.float32],
    drawn: NDArray[np.int32],
    drawn_weights: NDArray[np.float64],
) -> tuple[int, float]:
    """The first token of the order that `mask` allows, and the allowed mass; see `Order.settle`."""
    words = min(mask.size, (logits.size + 31) // 32)
    if greedy:
        best = -1
        for word in range(words):
            if mask[word] != 0:
                for token in range(word * 32, min(word * 32 + 32, logits.size)):
                    if _allowed(mask, token) and logits[token] > -np.inf and (best < 0 or logits[token] > logits[best]):
                        best = token
        return best, np.float64(best >= 0)
    first = -1
    allowed = 0.0
    for j in range(drawn.size):
        if _allowed(mask, drawn[j]):
            allowed += drawn_weights[j]
            if first < 0:
                first = drawn[j]
    remaining = 0.0
    for word in range(words):
        if mask[word] != 0:
            remaining += _word_sum(mask[word], weights[word * 32 : word * 32 + 32])
    if first < 0 and remaining > 0:
        # Where rounding lets the search run past the end, any token of the last word of positive weight is as good.
        target = uniform * remaining
        chosen = 0
        for word in range(words):
            if mask[word] != 0:
                part = _word_sum(mask[word], weights[word * 32 : word * 32 + 32])
                if part > 0:
                    chosen = word
                    if target < part:
                        break
                    target -= part
        for token in range(chosen * 32, min(chosen * 32 + 32, logits.size)):
            if weights[token] > 0 and _allowed(mask, token):
                first = token
                target -= np.float64(weights[token])
                if target < 0:
                    break
    return first, allowed + remaining


@kernel
def _settle(
    rows: NDArray[np.int64],
    masks: NDArray[np.uint32],
    logits: NDArray[np.float32],
    greedy: NDArray[np.bool_],
    keys: NDArray[np.uint64],
    weights: NDArray[np.float32],
    drawn: NDArray[np.int32],
    drawn_weights: NDArray[np.float64],
    length: NDArray[np.int64],
    tokens: NDArray[np.int64],
    allowed: NDArray[np.float64],
) -> None:
    """`_settle_row` for `rows` (S,) with their masks (S, W), into tokens (S,) and allowed (S,)."""
    for s in range(rows.size):
        row = rows[s]
        count = length[row]
        uniform = uniform_pair(keys[row], ORDER_STREAM, count)[0]
        tokens[s], allowed[s] = _settle_row(
            masks[s], logits[row], greedy[row], uniform, weights[row], drawn[row, :count], drawn_weights[row, :count]
        )


@kernel
def draw_lifted(
    logits: NDArray[np.float32],
    mask: NDArray[np.uint32],
    inverse_temperature: np.float32,
    key: NDArray[np.uint64],
    draw: int,
) -> tuple[int, float]:
    """One token of an untruncated row (V,) restricted to the mask, and the log of the allowed mass.

    For rows in which truncation, or float32, leaves no mass to any allowed token: the weights are scaled by the largest
    allowed logit, so a probability of 1e-300 still has its weight. Returns (-1, -inf) if no token is allowed.
    """
    best = -1
    for token in range(logits.size):
        if _allowed(mask, token) and logits[token] > -np.inf and (best < 0 or logits[token] > logits[best]):
            best = token
    if best < 0:
        return -1, -np.inf
    weights = np.empty(logits.size, dtype=np.float32)
    block_sums = np.empty((logits.size + BLOCK - 1) // BLOCK, dtype=np.float64)
    maximum, whole = weigh_row(logits, logits.view(np.int32), inverse_temperature, weights, block_sums)
    allowed = 0.0
    for token in range(logits.size):
        weights[token] = np.float32(0)
        if _allowed(mask, token):
            weights[token] = np.exp(np.float64((logits[token] - logits[best]) * inverse_temperature))
            allowed += np.float64(weights[token])
    shift = np.float64(inverse_temperature) * (np.float64(logits[best]) - np.float64(maximum))
    target = uniform_pair(key, ORDER_STREAM, draw)[0] * allowed
    chosen = -1
    for token in range(logits.size):
        if weights[token] > 0:
            chosen = token
            target -= np.float64(weights[token])
            if target < 0:
                break
    return chosen, np.log(allowed) + shift - np.log(whole)
