"""Sequential Monte Carlo over log weights: pure arithmetic, no model and no constraint.

Log weights add up over steps. When the effective sample size of a group falls below a share of its size, the group is
resampled and every weight becomes the mean. Particles that have finished take part; dead ones (weight -inf) stay in
the group and count as 0, and so do those cut at max_tokens. The evidence estimate is the mean of the final weights:
the means at resampling are already in them.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from .randomness import GROUP, RESAMPLING_STREAM, fill_uniforms, make_key
from .resampling import SCHEMES, ancestors

Outcome = TypeVar("Outcome", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Resampling:
    """Who goes on from whom: ancestors (N,) int32, slot i continues ancestors[i]; log_weights (N,) afterwards."""

    ancestors: NDArray[np.int32]
    log_weights: NDArray[np.float64]


def check_resampling(scheme: str, threshold: float) -> None:
    """Raise ValueError unless `scheme` is known and `threshold` is a share of the group in [0, 1]."""
    if scheme not in SCHEMES:
        raise ValueError(f"unknown resampling scheme {scheme!r}; known: {', '.join(SCHEMES)}")
    if not 0 <= threshold <= 1:
        raise ValueError(f"the ESS threshold must lie in [0, 1], got {threshold!r}")


def is_dead(log_weights: NDArray[np.float64]) -> bool:
    """Whether every particle (N,) has weight 0."""
    return bool(np.isneginf(log_weights).all())


def normalized_weights(log_weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (N,) that sum to 1; all 0 if every particle is dead."""
    if is_dead(log_weights):
        return np.zeros(log_weights.shape, dtype=np.float64)
    weights = np.exp(log_weights - log_weights.max())
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def effective_sample_size(log_weights: NDArray[np.float64]) -> float:
    """1 / sum of squared normalised weights (Kong 1992), between 1 and N; 0 if every particle is dead."""
    weights = normalized_weights(log_weights)
    return float(1 / np.square(weights).sum()) if weights.any() else 0.0


def log_mean_exp(log_weights: NDArray[np.float64]) -> float:
    """log of the mean weight over all N, dead particles included: the log evidence of a group that has ended.

    The mean itself is unbiased; its logarithm is biased downward by about half its relative variance.
    """
    if log_weights.size == 0:
        raise ValueError("need at least one log weight")
    if is_dead(log_weights):
        return -math.inf
    largest = float(log_weights.max())
    return largest + math.log(float(np.exp(log_weights - largest).mean()))


def should_resample(log_weights: NDArray[np.float64], threshold: float) -> bool:
    """Whether ESS < threshold * N; never for a group that is dead or has one particle."""
    if log_weights.size < 2 or is_dead(log_weights):
        return False
    return effective_sample_size(log_weights) < threshold * log_weights.size


def resample(
    log_weights: NDArray[np.float64], scheme: str, threshold: float, seed: int, request: int, step: int
) -> Resampling | None:
    """Resample a group if its ESS asks for it; None if not, or if every particle is dead (see `is_dead`).

    log_weights (N,): all particles, finished ones included, dead ones at -inf. scheme: one of resampling.SCHEMES.
    threshold: share of N. seed, request, step: the key of the randomness; `step` is the number of tokens that all
    live particles have drawn.
    Raises ValueError for an unknown scheme or a threshold outside [0, 1].
    """
    check_resampling(scheme, threshold)
    if not should_resample(log_weights, threshold):
        return None
    uniforms = np.empty(log_weights.size, dtype=np.float64)
    fill_uniforms(make_key(seed, request, GROUP, step), RESAMPLING_STREAM, uniforms)
    chosen = ancestors(scheme, normalized_weights(log_weights), uniforms)
    return Resampling(chosen, np.full(log_weights.size, log_mean_exp(log_weights)))


def acceptance_rate(accepted: int, particles: int, attempts: int, most: int) -> float:
    """An unbiased estimate of the probability p that one attempt is accepted.

    Each of `particles` slots tried until it was accepted, at most `most` times; `accepted` slots were, after `attempts`
    tries of all slots together. The number of slots that were accepted at their very first try, over all slots, is
    unbiased; this is its expectation given the two sums, which are sufficient for p (Rao-Blackwell). Without a bound on
    the tries it is the negative binomial's (particles - 1) / (attempts - 1).
    Raises ValueError for sums that cannot be.
    """
    tries = attempts - most * (particles - accepted)
    if not 0 <= accepted <= particles or not accepted <= tries <= accepted * most:
        raise ValueError(f"{accepted} of {particles} slots cannot be accepted after {attempts} tries of at most {most}")
    if accepted == 0:
        return 0.0
    first = _compositions(tries - 1, accepted - 1, most)
    return accepted / particles * float(Fraction(first, _compositions(tries, accepted, most)))


def _compositions(total: int, parts: int, most: int) -> int:
    """In how many ways `total` is a sum of `parts` numbers from 1 to `most`, their order counting."""
    if parts == 0:
        return int(total == 0)
    rest = total - parts
    signed = (
        (-1) ** over * math.comb(parts, over) * math.comb(rest - over * most + parts - 1, parts - 1)
        for over in range(min(parts, rest // most) + 1)
    )
    return sum(signed)


def posterior(outcomes: Sequence[Outcome], log_weights: NDArray[np.float64]) -> dict[Outcome, float]:
    """The weighted distribution over distinct outcomes, most probable first; ties in order of appearance.

    outcomes: N strings or the like; log_weights (N,), -inf where an outcome must not count. Empty if all are -inf.
    To pool several runs, concatenate their outcomes and log weights (unnormalised): that weighs each run by its
    evidence and removes the bias of self-normalisation as runs are added.
    """
    if len(outcomes) != log_weights.size:
        raise ValueError(f"got {len(outcomes)} outcomes but {log_weights.size} log weights")
    masses: dict[Outcome, float] = {}
    for outcome, weight in zip(outcomes, normalized_weights(log_weights).tolist(), strict=True):
        if weight > 0:
            masses[outcome] = masses.get(outcome, 0.0) + weight
    return dict(sorted(masses.items(), key=lambda item: -item[1]))
