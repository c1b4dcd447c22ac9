"""Relative standard deviation of the weights against checks, by the engine's own draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from ...engine.awrs import RowRequest, sample_step
from ...engine.constraint import mask_of
from ...engine.estimators import Estimator
from ...engine.target import Target
from .families import Row

# A draw passes over its row several times: from long rows as many draws as read so many logits, but these at least.
_LOGITS = 2**25
_FEWEST = 512


class Fixed:
    """A constraint that allows the same tokens in its one state."""

    start = 0

    def __init__(self, ok: NDArray[np.bool_], *, cheap_masks: bool) -> None:
        self._ok = ok
        self._mask = mask_of(np.flatnonzero(ok).astype(np.int32), ok.size)
        self.cheap_masks = cheap_masks

    def check(self, states: NDArray[np.int64], tokens: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Which of the tokens (S, K) are allowed; -1 is padding."""
        answers: NDArray[np.bool_] = self._ok[tokens] & (tokens >= 0)
        return answers

    def advance(self, states: NDArray[np.int64], tokens: NDArray[np.int32]) -> NDArray[np.int64]:
        """The one state, or -1."""
        return np.where(self._ok[tokens], 0, -1)

    def replay(self, tokens: NDArray[np.int32]) -> int:
        """The one state, or -1."""
        return 0 if bool(self._ok[tokens].all()) else -1

    def mask(self, state: int) -> NDArray[np.uint32]:
        """The allowed tokens."""
        return self._mask

    def is_complete(self, state: int) -> bool:
        """Never asked here."""
        return True


@dataclass(frozen=True)
class Point:
    """Of one estimator on one family: mean checks, relative standard deviation and its standard error, weights of 0."""

    checks: float
    deviation: float
    error: float
    zeros: int


def measure(rows: Sequence[Row], estimator: Estimator, draws: int, seed: int, *, cheap_masks: bool = False) -> Point:
    """Weights of `draws` draws from each row (fewer from long ones); their variances are averaged over the rows."""
    variances, errors, checks, zeros = [], [], [], 0
    for number, row in enumerate(rows):
        constraint = Fixed(row.ok, cheap_masks=cheap_masks)
        total = min(draws, max(_FEWEST, _LOGITS // row.logits.size))
        batch = min(total, max(64, 2**22 // row.logits.size))
        logits = torch.from_numpy(row.logits)
        weights = []
        for first in range(0, total, batch):
            count = min(batch, total - first)
            requests = [
                RowRequest(constraint, 0, Target(), estimator, seed, number, particle, 0)
                for particle in range(first, first + count)
            ]
            result = sample_step(logits.expand(count, -1), requests)
            weights.append(np.exp(result.log_weights))
            checks.append(float(result.checks.mean()))
            zeros += int(np.isneginf(result.log_weights).sum())
        relative = np.concatenate(weights) / row.valid_mass
        squares = np.square(relative - 1)
        variances.append(float(squares.mean()))
        errors.append(float(squares.std() / math.sqrt(squares.size)))
    deviation = math.sqrt(np.mean(variances))
    error = math.sqrt(sum(e * e for e in errors)) / len(errors) / (2 * max(deviation, 1e-12))
    return Point(float(np.mean(checks)), deviation, error, zeros)


def at(curve: Sequence[Point], checks: float) -> float | None:
    """The deviation of a curve at a number of checks, linear between logarithms; None before its first point.

    Beyond the last point, where the curve has fewer checks, that of the last point.
    """
    points = sorted(curve, key=lambda point: point.checks)
    if checks > points[-1].checks:
        return points[-1].deviation
    for left, right in pairwise(points):
        if left.checks <= checks <= right.checks:
            span = math.log(right.checks / left.checks)
            share = math.log(checks / left.checks) / span if span else 0.0
            low, high = math.log(max(left.deviation, 1e-12)), math.log(max(right.deviation, 1e-12))
            return math.exp(low + share * (high - low))
    return None
