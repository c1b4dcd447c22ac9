"""The exact posterior over strings of a small model, by going through all of them. Shares no code with the samplers."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from tamis.engine.constraint import BoundConstraint
from tamis.engine.target import Target


def truncated(probabilities: NDArray[np.float64], target: Target) -> NDArray[np.float64]:
    """min_p, top_k, top_p on a row that sums to 1, ties kept; renormalised."""
    row = np.where(probabilities >= target.min_p * probabilities.max(), probabilities, 0.0)
    if 0 < target.top_k < row.size:
        row = np.where(row >= np.sort(row)[-target.top_k], row, 0.0)
    if target.top_p < 1:
        ordered = np.sort(row)[::-1]
        last = np.searchsorted(np.cumsum(ordered), target.top_p * row.sum())
        row = np.where(row >= ordered[min(int(last), row.size - 1)], row, 0.0)
    return np.asarray(row / row.sum(), dtype=np.float64)


def allowed_row(
    logits: NDArray[np.float64], allowed: NDArray[np.bool_], target: Target
) -> tuple[NDArray[np.float64], bool]:
    """The target's row times `allowed` (not renormalised), and whether truncation was lifted."""
    scaled = logits / target.temperature
    full = np.exp(scaled - scaled.max())
    full /= full.sum()
    row = truncated(full, target) * allowed
    if row.any():
        return row, False
    return full * allowed, True


def exact_posterior(
    model: Callable[[tuple[int, ...]], NDArray[np.float32]],
    constraint: BoundConstraint,
    vocabulary: int,
    eos: int,
    max_tokens: int,
    target: Target | None = None,
) -> dict[tuple[int, ...], float]:
    """The unnormalised mass of every accepted string (EOS included) of at most max_tokens tokens.

    The sum of the values is the evidence.
    """
    target = target or Target()
    masses: dict[tuple[int, ...], float] = {}
    tokens = np.arange(vocabulary, dtype=np.int32)
    open_: list[tuple[tuple[int, ...], int, float]] = [((), constraint.start, 1.0)]
    while open_:
        prefix, state, mass = open_.pop()
        states = np.full(vocabulary, state, dtype=np.int64)
        after = constraint.advance(states, tokens)
        row, _ = allowed_row(np.asarray(model(prefix), dtype=np.float64), after >= 0, target)
        for token in np.flatnonzero(row > 0).tolist():
            longer = (*prefix, token)
            if token == eos:
                masses[longer] = mass * float(row[token])
            elif len(longer) < max_tokens:
                open_.append((longer, int(after[token]), mass * float(row[token])))
    return masses
