"""The walk along each row's order of candidates: what to draw and to test next, and when a row is done."""

import numpy as np
from numpy.typing import NDArray

from .estimators import (
    AUTO,
    DES_RAJ,
    EXACT,
    GEOMETRIC,
    MURTHY,
    PAPER,
    des_raj_weight,
    geometric_weight,
    murthy_weight,
    paper_weight,
    second_round_end,
    tail_tests,
)
from .kernel import kernel
from .randomness import ESTIMATOR_STREAM, uniform_pair

WALKING = 0
DONE = 1
NEEDS_MASK = 2
"""The mask settles the row: the first token of the order that it allows, and the exact weight."""
MASK_ANSWERS = 3
"""The walk goes on, its tests answered by the mask: an estimator that is unbiased over all paths only may not be
replaced on some of them."""

# Kinds beside those of `estimators`: how rows go that are not weighed by AWRS.
UNWEIGHED = 16
"""The first allowed token, weight 1: token masking."""
MODEL = 17
"""The first token, which is dead where it is not allowed: the model's own row as proposal."""
FREE = 18
"""The first token, allowed or not."""

PEAKED = 0.98
"""Share of the most probable token from which on two tests do for "auto": the relative standard deviation of the weight
is then at most 0.0101."""

_GREEDY_BLOCK = 2


@kernel
def first_lengths(
    kinds: NDArray[np.int64], tails: NDArray[np.int64], greedy: NDArray[np.bool_], totals: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Candidates to draw at first, per row: as many as are needed if the first one is accepted; 0: ask the mask.

    totals (R,): masses of the rows, in which the most probable token has the mass 1.
    """
    lengths = np.empty(kinds.size, dtype=np.int64)
    for row in range(kinds.size):
        largest = 1.0 / totals[row]
        if kinds[row] in (MODEL, FREE):
            lengths[row] = 1
        elif kinds[row] == EXACT:
            lengths[row] = 0
        elif greedy[row]:
            lengths[row] = _GREEDY_BLOCK
        elif kinds[row] == AUTO:
            lengths[row] = 2 if largest >= PEAKED else 0
        elif kinds[row] == MURTHY:
            lengths[row] = 1 + tail_tests(tails[row], min(largest, 1.0))
        elif kinds[row] == UNWEIGHED:
            lengths[row] = 1 if largest >= PEAKED else _GREEDY_BLOCK
        else:
            lengths[row] = 1 + tails[row]
    return lengths


@kernel
def _estimator_uniforms(key: NDArray[np.uint64], count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The coins and the repeats of positions 0 ... count - 1."""
    coins = np.empty(count, dtype=np.float64)
    repeats = np.empty(count, dtype=np.float64)
    for j in range(count):
        coins[j], repeats[j] = uniform_pair(key, ESTIMATOR_STREAM, j)
    return coins, repeats


@kernel
def test_ends(
    rows: NDArray[np.int64],
    lengths: NDArray[np.int64],
    kinds: NDArray[np.int64],
    greedy: NDArray[np.bool_],
    keys: NDArray[np.uint64],
    accepted: NDArray[np.int64],
    weights: NDArray[np.float64],
    before: NDArray[np.float64],
    length: NDArray[np.int64],
    exhausted: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Up to which position the candidates of `rows` (S,) have to be tested: `lengths` (R,), or all there are.

    In a second round the coins, known beforehand, may end it earlier.
    """
    ends = np.empty(rows.size, dtype=np.int64)
    assumed = np.zeros(0, dtype=np.bool_)
    for s in range(rows.size):
        row = rows[s]
        ends[s] = min(lengths[row], length[row])
        if kinds[row] in (PAPER, GEOMETRIC) and not greedy[row] and accepted[row] >= 0:
            drawn = length[row]
            coins, _ = _estimator_uniforms(keys[row], drawn + 1)
            if assumed.size < drawn:
                assumed = np.zeros(drawn, dtype=np.bool_)
            # If every untested candidate is rejected, the round ends where a coin ends it.
            end, _ = second_round_end(
                weights[row], before[row], assumed, accepted[row], drawn, drawn, exhausted[row], coins
            )
            ends[s] = min(end, ends[s])
    return ends


@kernel
def gather(
    rows: NDArray[np.int64], tested: NDArray[np.int64], ends: NDArray[np.int64], tokens: NDArray[np.int32]
) -> NDArray[np.int32]:
    """The untested candidates of `rows` (S,) up to `ends` (S,), padded with -1 to (S, K)."""
    width = 0
    for s in range(rows.size):
        width = max(width, ends[s] - tested[rows[s]])
    out = np.full((rows.size, width), -1, dtype=np.int32)
    for s in range(rows.size):
        row = rows[s]
        for i in range(ends[s] - tested[row]):
            out[s, i] = tokens[row, tested[row] + i]
    return out


@kernel
def scatter(
    rows: NDArray[np.int64],
    tested: NDArray[np.int64],
    ends: NDArray[np.int64],
    answers: NDArray[np.bool_],
    ok: NDArray[np.bool_],
) -> None:
    """Write the answers (S, K) for what `gather` returned to their places in `ok` (R, C)."""
    for s in range(rows.size):
        row = rows[s]
        for i in range(ends[s] - tested[row]):
            ok[row, tested[row] + i] = answers[s, i]


@kernel
def _second_round(
    row: int,
    kinds: NDArray[np.int64],
    budgets: NDArray[np.int64],
    keys: NDArray[np.uint64],
    weights: NDArray[np.float64],
    before: NDArray[np.float64],
    length: NDArray[np.int64],
    exhausted: NDArray[np.bool_],
    ok: NDArray[np.bool_],
    status: NDArray[np.int64],
    k: int,
    tested: NDArray[np.int64],
    lengths: NDArray[np.int64],
    log_weights: NDArray[np.float64],
) -> None:
    """Finish the second round of "paper" and "geometric", or say how far to draw."""
    drawn = length[row]
    coins, repeats = _estimator_uniforms(keys[row], drawn + 1)
    end, ended = second_round_end(weights[row], before[row], ok[row], k, tested[row], drawn, exhausted[row], coins)
    if ended:
        if kinds[row] == GEOMETRIC:
            weight = geometric_weight(weights[row], before[row], k, end, drawn, repeats)
        else:
            weight = paper_weight(before[row], k, end)
        log_weights[row] = np.log(weight)
        status[row] = DONE
    else:
        if tested[row] >= budgets[row]:
            status[row] = MASK_ANSWERS
        lengths[row] = tested[row] + max(1, tested[row] - k)


@kernel
def advance_walks(
    rows: NDArray[np.int64],
    ends: NDArray[np.int64],
    kinds: NDArray[np.int64],
    tails: NDArray[np.int64],
    budgets: NDArray[np.int64],
    greedy: NDArray[np.bool_],
    keys: NDArray[np.uint64],
    weights: NDArray[np.float64],
    before: NDArray[np.float64],
    left: NDArray[np.float64],
    length: NDArray[np.int64],
    exhausted: NDArray[np.bool_],
    ok: NDArray[np.bool_],
    status: NDArray[np.int64],
    accepted: NDArray[np.int64],
    tested: NDArray[np.int64],
    checks: NDArray[np.int32],
    lengths: NDArray[np.int64],
    log_weights: NDArray[np.float64],
) -> None:
    """Take in the answers of `rows` (S,) up to `ends` (S,): finish a row, or say how far to draw (`lengths`).

    The next length depends on the row and on the path so far only: the blocks grow with what was rejected, and after
    the accepted token at least as many more are tested as its share asks for. Whatever was tested beside them counts
    as tail, too.
    """
    for s in range(rows.size):
        row = rows[s]
        start = tested[row]
        tested[row] = ends[s]
        if status[row] != MASK_ANSWERS:
            checks[row] += ends[s] - start
        if kinds[row] in (MODEL, FREE):
            if ok[row, 0] or kinds[row] == FREE:
                accepted[row] = 0
                log_weights[row] = 0.0
            status[row] = DONE
            continue
        j = start
        while accepted[row] < 0 and j < ends[s]:
            if ok[row, j]:
                accepted[row] = j
            j += 1
        k = accepted[row]
        everything = exhausted[row] and tested[row] == length[row]
        two_rounds = kinds[row] in (PAPER, GEOMETRIC) and not greedy[row]
        if k < 0:
            if everything or kinds[row] == AUTO or (tested[row] >= budgets[row] and not two_rounds):
                status[row] = NEEDS_MASK
                continue
            longer = tested[row] + max(tested[row], tails[row] + 1)
            if tested[row] >= budgets[row]:
                status[row] = MASK_ANSWERS
                lengths[row] = longer
            else:
                lengths[row] = longer if status[row] == MASK_ANSWERS else min(longer, budgets[row])
            continue
        if greedy[row] or kinds[row] == UNWEIGHED:
            log_weights[row] = 0.0
            status[row] = DONE
            continue
        if two_rounds:
            _second_round(
                row,
                kinds,
                budgets,
                keys,
                weights,
                before,
                length,
                exhausted,
                ok,
                status,
                k,
                tested,
                lengths,
                log_weights,
            )
            continue
        share = weights[row, k] / before[row, k]
        if kinds[row] == AUTO:
            if share < PEAKED and not everything:
                status[row] = NEEDS_MASK
                continue
            needed = k + 2
        elif kinds[row] == MURTHY:
            needed = k + 1 + tail_tests(tails[row], share)
        else:
            needed = k + 1 + tails[row]
        if tested[row] < needed and not everything:
            lengths[row] = needed
            continue
        if kinds[row] == DES_RAJ:
            weight = des_raj_weight(weights[row], before[row], ok[row], k, tested[row], everything)
        else:
            rest = before[row, tested[row]] if tested[row] < length[row] else left[row]
            weight = murthy_weight(weights[row], before[row], ok[row], k, tested[row], rest, everything)
        log_weights[row] = np.log(weight)
        status[row] = DONE
