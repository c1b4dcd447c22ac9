"""Resampling schemes: weights to numbers of copies, E[copies of i] = N w_i; and who is copied where.

See Douc, Cappé, Moulines: "Comparison of resampling schemes for particle filtering", 2005.
"""

import numpy as np
from numpy.typing import NDArray

from .kernel import kernel

MULTINOMIAL = 0
STRATIFIED = 1
SYSTEMATIC = 2
RESIDUAL = 3

_KINDS = {"multinomial": MULTINOMIAL, "stratified": STRATIFIED, "systematic": SYSTEMATIC, "residual": RESIDUAL}
SCHEMES = tuple(_KINDS)


@kernel
def _count(weights: NDArray[np.float64], points: NDArray[np.float64], counts: NDArray[np.int64]) -> None:
    """Add to `counts` (N,) how many sorted `points` in [0, sum of weights) fall on each weight's share.

    A weight of zero is never hit: a point that rounding pushes past the end goes to the last positive weight.
    """
    last = 0
    for i in range(weights.size):
        if weights[i] > 0:
            last = i
    i = 0
    cumulated = weights[0]
    for point in points:
        while i < last and cumulated <= point:
            i += 1
            cumulated += weights[i]
        counts[i] += 1


@kernel
def _copies(kind: int, weights: NDArray[np.float64], uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
    """Numbers of copies (N,) under the scheme; weights need not sum to 1."""
    count = weights.size
    counts = np.zeros(count, dtype=np.int64)
    total = weights.sum()
    points = np.empty(count, dtype=np.float64)
    if kind in (SYSTEMATIC, STRATIFIED):
        for i in range(count):
            points[i] = (i + (uniforms[0] if kind == SYSTEMATIC else uniforms[i])) / count * total
        _count(weights, points, counts)
    elif kind == MULTINOMIAL:
        points[:] = np.sort(uniforms[:count]) * total
        _count(weights, points, counts)
    else:
        rest = np.empty(count, dtype=np.float64)
        placed = 0
        for i in range(count):
            expected = count * weights[i] / total
            counts[i] = np.int64(np.floor(expected))
            rest[i] = expected - counts[i]
            placed += counts[i]
        if placed < count:
            _count(rest, np.sort(uniforms[: count - placed]) * rest.sum(), counts)
    return counts


@kernel
def ancestors_of(counts: NDArray[np.int64]) -> NDArray[np.int32]:
    """Ancestors (N,) for numbers of copies (N,) that sum to N: whoever survives keeps its own slot.

    The freed slots, in ascending order, get the remaining copies, sorted by ancestor. So the number of slots that
    change is the smallest possible.
    """
    ancestors = np.empty(counts.size, dtype=np.int32)
    source = 0
    left = counts[0] - 1
    for slot in range(counts.size):
        if counts[slot] > 0:
            ancestors[slot] = slot
            continue
        while left <= 0:
            source += 1
            left = counts[source] - 1
        ancestors[slot] = source
        left -= 1
    return ancestors


def copies(scheme: str, weights: NDArray[np.float64], uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many copies each of N particles gets: (N,) int64 that sums to N, with expectation N w_i / sum(w).

    scheme: one of SCHEMES. weights (N,): at least 0 and finite, not all 0, in any scale. uniforms (N,) in (0, 1);
    "systematic" uses the first only.
    Raises ValueError for anything else.
    """
    if scheme not in _KINDS:
        raise ValueError(f"unknown resampling scheme {scheme!r}; known: {', '.join(SCHEMES)}")
    weights = np.ascontiguousarray(weights, dtype=np.float64)
    if weights.ndim != 1 or weights.size == 0 or uniforms.shape != weights.shape:
        raise ValueError(f"need N weights and N uniforms, got shapes {weights.shape} and {uniforms.shape}")
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise ValueError("weights must be finite, at least 0 and not all 0")
    return _copies(_KINDS[scheme], weights, np.ascontiguousarray(uniforms, dtype=np.float64))


def ancestors(scheme: str, weights: NDArray[np.float64], uniforms: NDArray[np.float64]) -> NDArray[np.int32]:
    """The ancestor of each of N slots, (N,) int32; survivors keep their slots (see `ancestors_of`, `copies`)."""
    return ancestors_of(copies(scheme, weights, uniforms))
