"""Checks and time per token on rows of logits: against the divergence, and against the vocabulary."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import torch

from ...engine.awrs import RowRequest, sample_step
from ...engine.estimators import Estimator
from ...engine.target import Target
from ..estimators.curves import Fixed, measure
from ..estimators.families import Row

# No budget: where it ends a search with a mask, no checks are counted.
_UNBOUNDED = 1 << 30
_MASSES = (0.9, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002)


@dataclass(frozen=True)
class Cost:
    """Of a row: KL(constrained || unconstrained) = -ln(allowed mass) in nats, and mean checks per token."""

    divergence: float
    checks: float


def zipf_row(size: int, mass: float, seed: int) -> Row:
    """Zipf's law, and random tokens allowed until they have the mass (within the last one's)."""
    rng = np.random.default_rng([size, round(mass * 1e6), seed])
    probabilities = 1 / np.arange(1, size + 1)
    probabilities /= probabilities.sum()
    order = rng.permutation(size)
    reached = np.cumsum(probabilities[order])
    ok = np.zeros(size, dtype=np.bool_)
    ok[order[: int(np.searchsorted(reached, mass)) + 1]] = True
    return Row(np.log(probabilities).astype(np.float32), ok)


def divergence_rows(per_mass: int) -> list[Row]:
    """Rows of 4,096 tokens whose allowed mass goes from 0.9 to 0.002."""
    return [zipf_row(4096, mass, seed) for mass in _MASSES for seed in range(per_mass)]


def costs(rows: Sequence[Row], kind: str, draws: int, seed: int) -> list[Cost]:
    """The mean number of checks of an estimator on each row."""
    estimator = Estimator(kind, budget=_UNBOUNDED)
    return [Cost(-math.log(row.valid_mass), measure([row], estimator, draws, seed).checks) for row in rows]


def exponent(costs: Sequence[Cost], least: float = 0.5) -> float:
    """The slope of ln(checks) against the divergence, where that is `least` nats or more: 1 for plain rejection."""
    chosen = [cost for cost in costs if cost.divergence >= least]
    fit = np.polynomial.Polynomial.fit([c.divergence for c in chosen], [math.log(c.checks) for c in chosen], 1)
    return float(fit.convert().coef[1])


def power(xs: Sequence[float], ys: Sequence[float]) -> float:
    """The exponent of the power law through the points."""
    fit = np.polynomial.Polynomial.fit(np.log(xs), np.log(ys), 1)
    return float(fit.convert().coef[1])


def step_cost(size: int, mass: float, *, cheap_masks: bool, rows: int = 8, rounds: int = 40) -> tuple[float, float]:
    """(checks, microseconds) per token of a step over `rows` rows at the default estimator; medians over rounds."""
    row = zipf_row(size, mass, 0)
    constraint = Fixed(row.ok, cheap_masks=cheap_masks)
    logits = torch.from_numpy(row.logits).repeat(rows, 1)
    seconds, checks = [], []
    for number in range(-3, rounds):
        requests = [RowRequest(constraint, 0, Target(), Estimator(), number + 3, 0, p, 0) for p in range(rows)]
        copy = logits.clone()
        begin = perf_counter()
        result = sample_step(copy, requests)
        if number >= 0:
            seconds.append((perf_counter() - begin) / rows)
            checks.append(float(result.checks.mean()))
    return statistics.mean(checks), 1e6 * statistics.median(seconds)
