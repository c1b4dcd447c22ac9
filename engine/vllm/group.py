"""The bookkeeping of one particle group: tokens, weights, when to resample, what to answer.  No vLLM in here.

A group is in step when all its live particles have equally many tokens.  Only then may it resample, because only then
are the weights comparable; the scheduler holds back particles that are ahead.
"""

from __future__ import annotations

import codecs
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import smc
from ..awrs import Draw, RowFlag
from ..critic import Critic, Reading
from ..methods import METHODS
from ..result import finite_or_none
from ..stops import cut
from .channel import TokenRecord
from .options import GroupOptions

STOP = "stop"
FORCED = "forced"
LENGTH = "length"
EARLY = "early"
DEAD = "dead"


@dataclass(slots=True)
class Particle:
    """One weighted sequence.

    Attributes:
        tokens: all tokens drawn so far, an EOS at the end included.
        log_weight: log of the importance weight so far, resampling included; -inf once dead.
        status: None while it runs, then "stop" (EOS drawn), "forced" (completed behind max_tokens), "length"
            (max_tokens reached without), "early" (given up when enough others had finished) or "dead".
        reason: why it is dead, where that is not plain.
        request_id: its request inside vLLM while it runs.
        data: the bytes of its first `read` tokens, read as they are needed.
        log_potential: what the critic last said of it; contained in log_weight.
        accepted: False once it drew a token that the constraint does not allow (method "base").
        attempt: how often it was drawn again from the start (method "rejection").
    """

    tokens: list[int] = field(default_factory=list)
    log_weight: float = 0.0
    status: str | None = None
    reason: str | None = None
    request_id: str | None = None
    data: bytes = b""
    read: int = 0
    log_potential: float = 0.0
    accepted: bool = True
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Fork:
    """After resampling, slot `slot` continues from the particle in slot `ancestor`."""

    slot: int
    ancestor: int


def _common_prefix(texts: Sequence[bytes]) -> bytes:
    """What all texts begin with: what the first and the last of them in their order do."""
    first, last = min(texts), max(texts)
    pairs = enumerate(zip(first, last, strict=False))
    return first[: next((i for i, (left, right) in pairs if left != right), min(len(first), len(last)))]


class ParticleGroup:
    """N particles of one request."""

    def __init__(
        self,
        options: GroupOptions,
        eos: tuple[int, ...],
        critic: Critic | None = None,
        read: Callable[[Sequence[int]], bytes] | None = None,
    ) -> None:
        """A group whose particles have not drawn anything.

        eos: the ids that end a string. read: the bytes of token ids, which a critic and a stream need.
        """
        self.options = options
        self.critic = critic
        self._read = read
        self._stops = [stop.encode() for stop in options.stop]
        self.eos = eos
        self.particles = [Particle() for _ in range(options.particles)]
        self.error: str | None = None
        self.method = METHODS[options.method]
        self.checks = 0
        self.draws = 0
        self.exact = 0
        self.failures = 0
        self.flags = 0
        self.resamplings = 0
        self.forks = 0
        self.revived = 0
        self.copied_finished = 0
        self.unfinished = 0.0
        self._resampled_at = 0
        self._unread: set[int] = set()
        self.history: list[dict[str, Any]] | None = [] if options.trace else None
        self._latest: dict[int, dict[str, Any]] = {}
        # With what status a particle has a weight in the end.
        self._counting = (STOP, FORCED, LENGTH) if options.ignore_eos else (STOP, FORCED)
        self._started = time.monotonic()

    @property
    def live(self) -> list[Particle]:
        """The particles that still run."""
        return [particle for particle in self.particles if particle.status is None]

    @property
    def synchronised(self) -> bool:
        """Whether particles have to stay in step: where their weights are compared before all have ended."""
        compares = self.options.ess_threshold > 0 or self.options.early_stop < 1
        return compares and len(self.particles) > 1

    def receive(self, index: int, record: TokenRecord, finished: bool) -> None:
        """Take the token a particle drew; `finished` when vLLM ended the particle with it."""
        particle = self.particles[index]
        self.draws += 1
        self.checks += record.checks
        self.flags |= record.flags
        self.exact += bool(record.flags & RowFlag.EXACT)
        self.failures += record.failed
        if record.error is not None:
            self.error = record.error
        if record.flags & RowFlag.REFUSED:
            particle.accepted = False
        if record.token < 0:
            particle.status = DEAD
            particle.reason = record.reason
            particle.log_weight = -math.inf
            self._note(index, record)
            return
        particle.tokens.append(record.token)
        particle.log_weight += record.log_weight
        if record.token in self.eos or record.ends:
            forced = self.options.complete_after is not None and len(particle.tokens) > self.options.complete_after
            particle.status = FORCED if forced else STOP
        elif finished:
            particle.status = LENGTH
        self._unread.add(index)
        self._note(index, record)

    def _note(self, slot: int, record: TokenRecord) -> None:
        """Add a draw to the history."""
        if self.history is None:
            return
        particle = self.particles[slot]
        drawn = record.token >= 0
        self._latest[slot] = {
            "event": "drawn",
            "slot": slot,
            "step": len(particle.tokens) - drawn,
            "token_id": record.token if drawn else None,
            "text": "",
            "increment": finite_or_none(record.log_weight),
            "checks": record.checks,
            "exact": bool(record.flags & RowFlag.EXACT),
        }
        self._update(slot)
        self.history.append(self._latest[slot])

    def _update(self, slot: int) -> None:
        """Have the latest draw of a slot say how the particle stands now."""
        if self.history is None:
            return
        particle = self.particles[slot]
        self._latest[slot].update(
            log_weight=finite_or_none(particle.log_weight), status=particle.status, reason=particle.reason
        )

    def data(self, particle: Particle) -> bytes:
        """What a particle has written so far, behind the prefix and in front of a stop string."""
        assert self._read is not None
        tokens = particle.tokens
        ended = bool(tokens) and tokens[-1] in self.eos
        new = tokens[particle.read : -1 if ended else None]
        if new:
            particle.data += self._read(new)
            particle.read += len(new)
        return cut(particle.data[len(self.options.prefix) :], self._stops)

    def settled(self) -> bytes:
        """The bytes that all texts will begin with, whatever comes.

        What all particles of positive weight share, finished ones included, in whole characters and without what may
        become a stop string. Nothing is settled while particles may be drawn again from the start.
        """
        may_count = (None, *self._counting)
        some = [p for p in self.particles if p.log_weight > -math.inf and p.status in may_count]
        if self.method.restarts or not some:
            return b""
        shared = _common_prefix([self.data(particle) for particle in some])
        most = min(len(shared), max(map(len, self._stops), default=0))
        held = (size for size in range(most, 0, -1) if any(s.startswith(shared[-size:]) for s in self._stops))
        if any(particle.status is None for particle in some):
            shared = shared[: len(shared) - next(held, 0)]
        return shared[: codecs.utf_8_decode(shared, "replace", False)[1]]

    def criticise(self) -> None:
        """Weigh what was drawn since the last call.

        Strings that have not ended are weighed only where that can matter, before a resampling.
        Raises CriticError.
        """
        unread, self._unread = sorted(self._unread), set()
        if self.critic is None:
            return
        guiding = self.critic.guides and self.synchronised
        slots, readings = [], []
        for slot in unread:
            particle = self.particles[slot]
            finished = particle.status in self._counting
            if finished or (particle.status is None and guiding):
                ended = bool(particle.tokens) and particle.tokens[-1] in self.eos
                tokens = tuple(particle.tokens[:-1] if ended else particle.tokens)
                slots.append(slot)
                readings.append(Reading(self.data(particle), tokens, finished))
        for slot, potential in zip(slots, self.critic.log_potentials(readings).tolist(), strict=True):
            particle = self.particles[slot]
            particle.log_weight += potential - particle.log_potential
            particle.log_potential = potential
            if potential == -math.inf:
                particle.log_weight = -math.inf
                if particle.status is None:
                    particle.status, particle.reason = DEAD, "the critic ruled it out"
            self._update(slot)

    def restarts(self) -> list[int]:
        """Start particles that failed anew, as far as the method allows attempts; returns their slots."""
        if not self.method.restarts:
            return []
        slots = []
        for slot, particle in enumerate(self.particles):
            failed = particle.status is not None and particle.status not in self._counting
            if failed and particle.attempt + 1 < self.options.attempts:
                self.particles[slot] = Particle(attempt=particle.attempt + 1)
                slots.append(slot)
                if self.history is not None:
                    self.history.append({"event": "restarted", "slot": slot})
        return slots

    def number(self, slot: int) -> int:
        """The number under which a slot's particle draws: its own for every attempt."""
        return slot + self.options.particles * self.particles[slot].attempt

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
        if self.history is not None:
            self.history.append(
                {
                    "event": "resampled",
                    "step": step,
                    "ancestors": outcome.ancestors.tolist(),
                    "ess": float(smc.effective_sample_size(weights)),
                    "log_weight": float(outcome.log_weights[0]),
                }
            )
        before = list(self.particles)
        forks = []
        for slot, (ancestor, log_weight) in enumerate(
            zip(outcome.ancestors.tolist(), outcome.log_weights.tolist(), strict=True)
        ):
            if ancestor != slot:
                self._latest.pop(slot, None)
                source, replaced = before[ancestor], before[slot]
                self.forks += 1
                self.revived += replaced.status is not None and source.status is None
                self.copied_finished += source.status is not None
                self.particles[slot] = Particle(
                    list(source.tokens),
                    log_weight,
                    source.status,
                    source.reason,
                    replaced.request_id,
                    source.data,
                    source.read,
                    source.log_potential,
                    source.accepted,
                )
                forks.append(Fork(slot, ancestor))
            else:
                before[slot].log_weight = log_weight
        return forks

    def stop_early(self) -> None:
        """Give up the live particles if the finished ones hold their share of the weight.

        What was given up counts as 0, which bends the target; `unfinished` is its share of the weight.
        """
        if self.options.early_stop >= 1 or len({len(particle.tokens) for particle in self.live}) != 1:
            return
        may_count = (None, *self._counting)
        weights = smc.normalized_weights(
            np.array([p.log_weight if p.status in may_count else -math.inf for p in self.particles])
        )
        unfinished = float(weights[[particle.status is None for particle in self.particles]].sum())
        if not weights.any() or 1 - unfinished < self.options.early_stop:
            return
        self.unfinished = unfinished
        for slot, particle in enumerate(self.particles):
            if particle.status is None:
                particle.status = EARLY
                if slot in self._latest:
                    self._update(slot)

    def final_log_weights(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Log weights (N,) against the target: dead particles count as 0, and so do those cut, unless all are to be."""
        weights = np.array([p.log_weight if p.status in self._counting else -math.inf for p in self.particles])
        if self.method.restarts:
            attempts = sum(particle.attempt + 1 for particle in self.particles)
            accepted = int(np.isfinite(weights).sum())
            share = smc.acceptance_rate(accepted, len(self.particles), attempts, self.options.attempts)
            weights += math.log(share * len(self.particles) / accepted) if share > 0 else -math.inf
        return weights

    def log_evidence(self) -> float:
        """The log of the evidence estimate; NaN where there is none: without weights, or at temperature 0."""
        if self.options.target.greedy or self.method.draw == Draw.UNWEIGHED.name:
            return math.nan
        if self.method.draw == Draw.FREE.name:
            accepted = sum(p.accepted and p.status in (STOP, FORCED) for p in self.particles)
            return math.log(accepted / len(self.particles)) if accepted else -math.inf
        return smc.log_mean_exp(self.final_log_weights())

    def leader(self) -> Particle | None:
        """The particle whose tokens stand for the group, None if all are dead.

        A complete one of the token sequence with the largest total weight; if none is complete, the heaviest cut one.
        """
        weights = smc.normalized_weights(self.final_log_weights()).tolist()
        masses: dict[tuple[int, ...], float] = {}
        for particle, weight in zip(self.particles, weights, strict=True):
            masses[tuple(particle.tokens)] = masses.get(tuple(particle.tokens), 0.0) + weight
        complete = [particle for particle in self.particles if particle.status in (STOP, FORCED)]
        if complete:
            return max(complete, key=lambda particle: masses[tuple(particle.tokens)])
        cut = [particle for particle in self.particles if particle.status == LENGTH]
        return max(cut, key=lambda particle: particle.log_weight, default=None)

    def answer(self) -> dict[str, Any]:
        """The group as plain values, MessagePack and JSON alike (a weight of zero is None, as JSON has no infinity)."""
        if self.error is not None:
            return {"error": self.error}
        final = self.final_log_weights()
        evidence = self.log_evidence()
        return {
            "method": self.options.method,
            "particles": [
                {
                    "token_ids": particle.tokens,
                    "log_weight": finite_or_none(weight),
                    "finish_reason": particle.status,
                    "accepted": particle.accepted and particle.status in (STOP, FORCED),
                    "reason": particle.reason,
                }
                for particle, weight in zip(self.particles, final.tolist(), strict=True)
            ],
            "eos": list(self.eos),
            "stop": list(self.options.stop),
            "history": self.history,
            "prefix": self.options.prefix.hex(),
            "log_evidence": finite_or_none(evidence),
            "evidence_defined": not math.isnan(evidence),
            "ess": float(smc.effective_sample_size(final)),
            "weights_defined": self.method.weighted and not self.options.target.greedy,
            "stats": {
                "draws": self.draws,
                "checks": self.checks,
                "exact": self.exact,
                "failures": self.failures,
                "attempts": sum(particle.attempt + 1 for particle in self.particles),
                "resamplings": self.resamplings,
                "forks": self.forks,
                "revived": self.revived,
                "copied_finished": self.copied_finished,
                "unfinished": self.unfinished,
                "truncation_lifted": bool(self.flags & RowFlag.TRUNCATION_LIFTED),
                "seconds": time.monotonic() - self._started,
            },
        }
