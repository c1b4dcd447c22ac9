"""The bookkeeping of one particle group: tokens, weights, when to resample, what to answer.  No vLLM in here.

A group is in step when all its live particles have equally many tokens.  Only then may it resample, because only then
are the weights comparable; the scheduler holds back particles that are ahead.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import smc
from ..awrs import RowFlag
from ..result import finite_or_none
from .channel import TokenRecord
from .options import GroupOptions

STOP = "stop"
LENGTH = "length"
DEAD = "dead"


@dataclass(slots=True)
class Particle:
    """One weighted sequence.

    Attributes:
        tokens: all tokens drawn so far, an EOS at the end included.
        log_weight: log of the importance weight so far, resampling included; -inf once dead.
        status: None while it runs, then "stop" (EOS drawn), "length" (max_tokens reached without) or "dead".
        request_id: its request inside vLLM while it runs.
    """

    tokens: list[int] = field(default_factory=list)
    log_weight: float = 0.0
    status: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Fork:
    """After resampling, slot `slot` continues from the particle in slot `ancestor`."""

    slot: int
    ancestor: int


class ParticleGroup:
    """N particles of one request."""

    def __init__(self, options: GroupOptions, eos: tuple[int, ...]) -> None:
        """A group whose particles have not drawn anything; `eos` are the ids that end a string."""
        self.options = options
        self.eos = eos
        self.particles = [Particle() for _ in range(options.particles)]
        self.error: str | None = None
        self.checks = 0
        self.draws = 0
        self.flags = 0
        self.resamplings = 0
        self.forks = 0
        self.revived = 0
        self.copied_finished = 0
        self._resampled_at = 0
        self._started = time.monotonic()

    @property
    def live(self) -> list[Particle]:
        """The particles that still run."""
        return [particle for particle in self.particles if particle.status is None]

    @property
    def synchronised(self) -> bool:
        """Whether particles have to stay in step; a group that never resamples does not care."""
        return self.options.ess_threshold > 0 and len(self.particles) > 1

    def receive(self, index: int, record: TokenRecord, finished: bool) -> None:
        """Take the token a particle drew; `finished` when vLLM ended the particle with it."""
        particle = self.particles[index]
        self.draws += 1
        self.checks += record.checks
        self.flags |= record.flags
        if record.error is not None:
            self.error = record.error
        if record.token < 0:
            particle.status = DEAD
            particle.log_weight = -math.inf
            return
        particle.tokens.append(record.token)
        particle.log_weight += record.log_weight
        if record.token in self.eos:
            particle.status = STOP
        elif finished:
            particle.status = LENGTH

    def ahead(self) -> list[Particle]:
        """The live particles that have to wait for shorter ones."""
        live = self.live
        if not live or not self.synchronised:
            return []
        shortest = min(len(particle.tokens) for particle in live)
        return [particle for particle in live if len(particle.tokens) > shortest]

    def resample(self) -> list[Fork]:
        """Resample if the group is in step and its ESS asks for it; returns who continues from whom.

        Particles change their tokens, weights and status here; `request_id` is the scheduler's to renew.
        """
        live = self.live
        if not live or not self.synchronised:
            return []
        step = len(live[0].tokens)
        if step <= self._resampled_at or any(len(particle.tokens) != step for particle in live):
            return []
        self._resampled_at = step
        options = self.options
        weights = np.array([particle.log_weight for particle in self.particles])
        outcome = smc.resample(weights, options.resampling, options.ess_threshold, options.seed, options.request, step)
        if outcome is None:
            return []
        self.resamplings += 1
        before = list(self.particles)
        forks = []
        for slot, (ancestor, log_weight) in enumerate(
            zip(outcome.ancestors.tolist(), outcome.log_weights.tolist(), strict=True)
        ):
            if ancestor != slot:
                source, replaced = before[ancestor], before[slot]
                self.forks += 1
                self.revived += replaced.status is not None and source.status is None
                self.copied_finished += source.status is not None
                self.particles[slot] = Particle(list(source.tokens), log_weight, source.status, replaced.request_id)
                forks.append(Fork(slot, ancestor))
            else:
                before[slot].log_weight = log_weight
        return forks

    def final_log_weights(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Log weights (N,) against the target: cut and dead particles count as 0."""
        return np.array([p.log_weight if p.status == STOP else -math.inf for p in self.particles])

    def leader(self) -> Particle | None:
        """The particle whose tokens stand for the group, None if all are dead.

        A complete one of the token sequence with the largest total weight; if none is complete, the heaviest cut one.
        """
        weights = smc.normalized_weights(self.final_log_weights()).tolist()
        masses: dict[tuple[int, ...], float] = {}
        for particle, weight in zip(self.particles, weights, strict=True):
            masses[tuple(particle.tokens)] = masses.get(tuple(particle.tokens), 0.0) + weight
        complete = [particle for particle in self.particles if particle.status == STOP]
        if complete:
            return max(complete, key=lambda particle: masses[tuple(particle.tokens)])
        cut = [particle for particle in self.particles if particle.status == LENGTH]
        return max(cut, key=lambda particle: particle.log_weight, default=None)

    def answer(self) -> dict[str, Any]:
        """The group as plain values, MessagePack and JSON alike (a weight of zero is None, as JSON has no infinity)."""
        if self.error is not None:
            return {"error": self.error}
        final = self.final_log_weights()
        evidence = smc.log_mean_exp(final)
        return {
            "particles": [
                {
                    "token_ids": particle.tokens,
                    "log_weight": finite_or_none(weight),
                    "finish_reason": particle.status,
                }
                for particle, weight in zip(self.particles, final.tolist(), strict=True)
            ],
            "eos": list(self.eos),
            "prefix": self.options.prefix.hex(),
            "log_evidence": finite_or_none(evidence),
            "ess": float(smc.effective_sample_size(final)),
            "greedy": self.options.target.greedy,
            "stats": {
                "draws": self.draws,
                "checks": self.checks,
                "resamplings": self.resamplings,
                "forks": self.forks,
                "revived": self.revived,
                "copied_finished": self.copied_finished,
                "truncation_lifted": bool(self.flags & RowFlag.TRUNCATION_LIFTED),
                "seconds": time.monotonic() - self._started,
            },
        }
