"""The plain sampler: SMC with AWRS over any function that gives logits; no scheduler, no cache, no forks of requests.

The fast path is held against it: same key, same rows, same result.
"""

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from .awrs import RowRequest, sample_step
from .constraint import BoundConstraint
from .estimators import Estimator
from .smc import check_resampling, log_mean_exp, resample
from .target import Target

Model = Callable[[tuple[int, ...]], ArrayLike]
Status = Literal["live", "stop", "length", "dead"]


@dataclass(slots=True)
class Particle:
    """One particle: its tokens (EOS included), constraint state, log weight, status, and checks so far.

    status: "stop" (EOS was drawn, the string is complete), "length" (cut at max_tokens), "dead" (no token was
    allowed), or "live" while it runs.
    """

    tokens: tuple[int, ...]
    state: int
    log_weight: float = 0.0
    status: Status = "live"
    checks: int = 0

    @property
    def final_log_weight(self) -> float:
        """The log weight with which the particle counts in the end: -inf unless its string is complete."""
        return self.log_weight if self.status == "stop" else -math.inf


@dataclass(frozen=True, slots=True)
class ReferenceRun:
    """The particles in the end, the log of the evidence estimate, and after how many tokens the group was resampled."""

    particles: list[Particle]
    log_evidence: float
    resampled: list[int]

    @property
    def final_log_weights(self) -> NDArray[np.float64]:
        """The particles' final log weights (N,)."""
        return np.array([particle.final_log_weight for particle in self.particles])


def reference_smc(
    model: Model,
    constraint: BoundConstraint,
    particles: int,
    target: Target | None = None,
    estimator: Estimator | None = None,
    *,
    eos_ids: Collection[int],
    max_tokens: int,
    seed: int = 0,
    request: int = 0,
    ess_threshold: float = 0.5,
    scheme: str = "systematic",
) -> ReferenceRun:
    """Sample a group of particles.

    model: logits (V,) of the next token after a tuple of tokens. eos_ids: tokens that end a string. max_tokens: the
    longest string, EOS included. target and estimator: defaults of their classes. seed and request: the key of all
    randomness. ess_threshold, scheme: see `smc.resample`.
    Raises ValueError for numbers out of range, RowError for logits that are no distribution.
    """
    if particles < 1:
        raise ValueError(f"particles must be at least 1, got {particles}")
    if max_tokens < 1:
        raise ValueError(f"max_tokens must be at least 1, got {max_tokens}")
    check_resampling(scheme, ess_threshold)
    target = target or Target()
    estimator = estimator or Estimator()
    group = [Particle((), constraint.start) for _ in range(particles)]
    resampled = []
    for step in range(max_tokens):
        rows = [
            (particle, RowRequest(constraint, particle.state, target, estimator, seed, request, number, step))
            for number, particle in enumerate(group)
            if particle.status == "live"
        ]
        if not rows:
            break
        _step(rows, model, eos_ids)
        if step + 1 == max_tokens or all(particle.status != "live" for particle in group):
            break
        log_weights = np.array([particle.log_weight for particle in group])
        chosen = resample(log_weights, scheme, ess_threshold, seed, request, step + 1)
        if chosen is not None:
            resampled.append(step + 1)
            ancestors = [group[ancestor] for ancestor in chosen.ancestors.tolist()]
            group = [
                Particle(ancestor.tokens, ancestor.state, weight, ancestor.status, particle.checks)
                for ancestor, weight, particle in zip(ancestors, chosen.log_weights.tolist(), group, strict=True)
            ]
    for particle in group:
        if particle.status == "live":
            particle.status = "length"
    final = np.array([particle.final_log_weight for particle in group])
    return ReferenceRun(group, log_mean_exp(final), resampled)


def _step(rows: list[tuple[Particle, RowRequest]], model: Model, eos_ids: Collection[int]) -> None:
    """Draw one token for each of the live particles."""
    logits = np.stack([np.asarray(model(particle.tokens), dtype=np.float32) for particle, _ in rows])
    result = sample_step(torch.from_numpy(logits), [row for _, row in rows])
    for index, (particle, row) in enumerate(rows):
        token = result.tokens[index : index + 1]
        particle.checks += int(result.checks[index])
        particle.log_weight += float(result.log_weights[index])
        if token[0] < 0:
            particle.status = "dead"
            continue
        particle.tokens += (int(token[0]),)
        particle.state = int(row.constraint.advance(np.array([particle.state], dtype=np.int64), token)[0])
        if token[0] in eos_ids:
            particle.status = "stop"
