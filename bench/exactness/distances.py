"""How far weighted samples are from an exact posterior, and how far they would be by chance alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...engine import smc
from ...engine.vllm.group import STOP, ParticleGroup
from .variants import Text


@dataclass(frozen=True)
class Comparison:
    """Groups of one method against the exact masses.

    evidence: the mean estimate over the exact evidence, minus 1 (NaN without weights); evidence_error: its standard
    error. pooled: total variation of the pooled runs to the exact posterior; chance: its expectation if every mass were
    unbiased with the spread that was seen; limit: what a pooled run stays below in 95 % of cases then. single: total
    variation of the expected distribution of one run's posterior; single_chance: as chance. worst: the largest
    deviation of any string's mass, in standard errors. groups: how many. dead: the share of them without any sample.
    """

    evidence: float
    evidence_error: float
    pooled: float
    chance: float
    limit: float
    single: float
    single_chance: float
    worst: float
    groups: int
    dead: float


def compare(groups: Sequence[ParticleGroup], exact: dict[Text, float]) -> Comparison:
    """Compare the groups' samples with the exact, unnormalised masses of all strings."""
    texts = {text: column for column, text in enumerate(exact)}
    masses = np.zeros((len(groups), len(exact)))
    shares = np.zeros((len(groups), len(exact)))
    estimates = np.array([math.exp(group.log_evidence()) for group in groups])
    for row, group in enumerate(groups):
        log_weights = group.final_log_weights()
        weights = np.exp(log_weights) / len(group.particles)
        normalised = smc.normalized_weights(log_weights)
        for particle, weight, share in zip(group.particles, weights.tolist(), normalised.tolist(), strict=True):
            # A text outside the constraint, which method "base" may return, is no part of the posterior.
            column = texts.get(tuple(particle.tokens)) if particle.status == STOP else None
            if column is not None:
                masses[row, column] += weight
                shares[row, column] += share
    expected = np.array(list(exact.values()))
    total = expected.sum()
    rng = np.random.default_rng(0)
    pooled, chance, limit, worst = _pooled(masses, expected, rng)
    alive = shares.sum(axis=1) > 0
    single = shares[alive]
    average = single.mean(axis=0)
    average_error = single.std(axis=0, ddof=1) / math.sqrt(max(len(single), 2))
    return Comparison(
        evidence=float(estimates.mean() / total - 1),
        evidence_error=float(estimates.std(ddof=1) / math.sqrt(len(groups)) / total),
        pooled=pooled,
        chance=chance,
        limit=limit,
        single=0.5 * float(np.abs(average / average.sum() - expected / total).sum()),
        single_chance=0.5 * math.sqrt(2 / math.pi) * float(average_error.sum()),
        worst=worst,
        groups=len(groups),
        dead=1 - float(alive.mean()),
    )


def _pooled(
    masses: NDArray[np.float64], expected: NDArray[np.float64], rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """Total variation of the pooled groups, its mean and its 95th percentile by chance, the worst string's deviation.

    By chance: a string comes in Poisson many groups, each time with the mass that it had on average where it came
    (weighted by mass), and has its exact mass in expectation. The mass in a group is that of all strings where the
    string itself was seen in fewer than 30 groups.
    """
    count = len(masses)
    means = masses.mean(axis=0)
    distance = _total_variation(means, expected)
    seen = (masses > 0).sum(axis=0) >= 30
    typical = np.square(masses).sum() / max(masses.sum(), 1e-300)
    sizes = np.where(seen, np.square(masses).sum(axis=0) / np.maximum(masses.sum(axis=0), 1e-300), typical)
    redrawn = [_total_variation(rng.poisson(expected * count / sizes) * sizes, expected) for _ in range(400)]
    return distance, float(np.mean(redrawn)), float(np.quantile(redrawn, 0.95)), _worst(masses, expected)


def _worst(masses: NDArray[np.float64], expected: NDArray[np.float64]) -> float:
    """The largest deviation in standard errors, among strings that hold 2 % of the evidence and all others together.

    Rarer strings have no usable standard error: resampling may give one a great weight, once in many thousand groups,
    and that makes much of its mass. Nor have those whose mass comes in fewer than 50 portions, effectively.
    """
    heavy = expected > expected.sum() / 50
    some = np.column_stack([masses[:, heavy], masses[:, ~heavy].sum(axis=1)])
    exact = np.append(expected[heavy], expected[~heavy].sum())
    errors = some.std(axis=0, ddof=1) / math.sqrt(len(masses))
    portions = np.square(some.sum(axis=0)) / np.maximum(np.square(some).sum(axis=0), 1e-300)
    known = (errors > 0) & (portions >= 50)
    return float((np.abs(some.mean(axis=0) - exact)[known] / errors[known]).max(initial=0.0))


def _total_variation(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    """Between two measures, each normalised; 1 if one of them is 0."""
    if left.sum() == 0 or right.sum() == 0:
        return 1.0
    return 0.5 * float(np.abs(left / left.sum() - right / right.sum()).sum())
