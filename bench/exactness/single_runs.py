"""The bias of one run's posterior against the number of particles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...engine.smc import posterior
from ...engine.vllm.group import ParticleGroup
from .variants import Task, Text, Variant, groups_of

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_FEWEST_GROUPS = 1000

# Where the leading term of the bias, 1/N, is taken to rule.
_SMALL = 0.03


@dataclass(frozen=True)
class Bias:
    """The bias of one run of `size` particles, and its standard error."""

    size: int
    bias: float
    error: float


def bias_by_size(task: Task, particles: int, seed: int) -> list[Bias]:
    """For each group size, from `particles` particles: the bias in the share of what one particle over-represents.

    One particle follows its own law, not the posterior. The strings that it favours get too much in every larger run,
    too; the excess is the total variation for one particle, and at most that for more, but as a single number it can
    be measured far more closely.
    """
    awrs = Variant("awrs", "awrs")
    alone: dict[Text, float] = {}
    for group in groups_of(task, awrs, particles, seed, particles=1):
        for text in _posterior(group):
            alone[text] = alone.get(text, 0.0) + 1
    count = sum(alone.values())
    favoured = {text for text, mass in task.exact.items() if alone.get(text, 0.0) / count > mass / task.evidence}
    expected = sum(task.exact[text] for text in favoured) / task.evidence
    curve = []
    for size in SIZES:
        groups = groups_of(task, awrs, max(particles // size, _FEWEST_GROUPS), seed + 1, particles=size)
        runs = [found for found in map(_posterior, groups) if found]
        shares = [sum(share for text, share in run.items() if text in favoured) for run in runs]
        error = float(np.std(shares, ddof=1)) / math.sqrt(len(shares))
        curve.append(Bias(size, float(np.mean(shares)) - expected, error))
    return curve


def _posterior(group: ParticleGroup) -> dict[Text, float]:
    return posterior([tuple(particle.tokens) for particle in group.particles], group.final_log_weights())


def exponent(curve: Sequence[Bias]) -> tuple[float, float]:
    """The exponent of a power law where the bias is small, and its standard error; NaN if unknown."""
    used = [point for point in curve if point.bias < _SMALL and point.bias > 2 * point.error]
    if len(used) < 2:
        return math.nan, math.nan
    x = np.log([point.size for point in used])
    y = np.log([point.bias for point in used])
    weight = np.array([(point.bias / point.error) ** 2 for point in used])
    center = (weight * x).sum() / weight.sum()
    spread = float((weight * (x - center) ** 2).sum())
    return float((weight * (x - center) * y).sum()) / spread, 1 / math.sqrt(spread)
