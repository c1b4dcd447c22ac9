"""What a generation returns: weighted samples and the evidence they estimate."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from .errors import InputError
from .history import Event, from_dict, to_dict, with_texts

FinishReason = Literal["stop", "forced", "length", "early", "dead"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One particle at the end of a run.

    Attributes:
        text: the string without its EOS, as the bytes that the constraint judged; a fragment unless `finish_reason` is
            "stop" or "forced".
        token_ids: all tokens drawn, the EOS at the end of a complete string included.
        log_weight: natural log of the unnormalised importance weight; -inf unless the text is complete.
        weight: the weight normalised over the samples of the result; 0 for all if none is complete.
        finish_reason: "stop" (complete), "forced" (completed behind max_tokens), "length" (cut at max_tokens or the end
            of the context), "early" (given up by `early_stop`) or "dead" (the constraint allowed no token any more).
        reason: why it is dead, if not because the model's row holds no allowed token.
        accepted: whether the text is complete and satisfies the constraint; only method "base" completes others.
    """

    text: str
    token_ids: tuple[int, ...]
    log_weight: float
    weight: float
    finish_reason: FinishReason
    accepted: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a run cost.

    Attributes:
        tokens: tokens drawn, those of overwritten particles included.
        checks: tokens whose admissibility the constraint was asked for.
        checks_per_token: their ratio.
        exact: tokens whose weight came from the constraint's mask and is exact, instead of from checks.
        failures: particles lost because a predicate raised or took too long: where there are any, the target lacks
            what it was to be asked about, and evidence and weights are those of what is left.
        attempts: how often particles were drawn from the start: once each, except by method "rejection".
        resamplings: resampling events.
        forks: slots that continued from another particle, `revived` of them dead or finished before,
            `copied_finished` of them copies of a finished particle.
        unfinished: the share of the weight that particles given up by `early_stop` held; 0 without. Without a critic it
            bounds, on average, how far the result is from that of the whole run, in total variation.
        truncation_lifted: whether truncation ever left no allowed token, so that the whole row was used.
        seconds: wall-clock time from the group's admission to its end.
    """

    tokens: int
    checks: int
    checks_per_token: float
    exact: int
    failures: int
    attempts: int
    resamplings: int
    forks: int
    revived: int
    copied_finished: int
    unfinished: float
    truncation_lifted: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Result:
    """The particles of one prompt.

    Unnormalised weights and the evidence are unbiased; normalised weights, and the modal text of one run, carry a
    bias of order 1/N.  Pool runs by their evidence for anything exact.

    Attributes:
        samples: one per particle.
        log_evidence: log of an unbiased estimate (in the linear domain) of the probability that the model itself
            produces a complete, accepted string within max_tokens: for weighted methods the mean weight over all
            particles, for "base" the share of accepted ones. -inf if there was none; NaN for method "lcd" and at
            temperature 0, which estimate nothing.
        ess: effective sample size of the final weights, 0 if none is positive.
        stats: what the run cost.
        method: how it was sampled, see `methods`.
        weights_defined: whether weights are importance weights for the model's distribution restricted to the
            constraint. False for methods "lcd" and "base" and at temperature 0, where all complete samples weigh 1.
        history: every draw and every resampling in order, if it was asked for (`trace=True`).
    """

    samples: tuple[Sample, ...]
    log_evidence: float
    ess: float
    stats: Statistics
    method: str = "awrs"
    weights_defined: bool = True
    history: tuple[Event, ...] | None = None

    def posterior(self) -> dict[str, float]:
        """Distinct strings of positive weight with their total normalised weight, heaviest first.

        They are complete, except under `ignore_eos`, where none is.
        """
        mass: dict[str, float] = {}
        for sample in self.samples:
            if sample.weight > 0:
                mass[sample.text] = mass.get(sample.text, 0.0) + sample.weight
        return dict(sorted(mass.items(), key=lambda item: -item[1]))

    @property
    def text(self) -> str | None:
        """The string with the largest posterior weight; None if no particle completed one (see `status`).

        Method "base" may return one that the constraint does not accept; its samples say which are `accepted`.
        """
        complete = {sample.text for sample in self.samples if sample.finish_reason in ("stop", "forced")}
        return next((text for text in self.posterior() if text in complete), None)

    @property
    def status(self) -> FinishReason:
        """The best end that any particle has come to: "stop", "forced", "length" or "dead"."""
        reasons = {sample.finish_reason for sample in self.samples}
        order: tuple[FinishReason, ...] = ("stop", "forced", "length")
        return next((reason for reason in order if reason in reasons), "dead")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; weights of zero have log_weight None."""
        return {
            "text": self.text,
            "status": self.status,
            "method": self.method,
            "samples": [
                {**asdict(sample), "token_ids": list(sample.token_ids), "log_weight": finite_or_none(sample.log_weight)}
                for sample in self.samples
            ],
            "log_evidence": finite_or_none(self.log_evidence),
            "ess": self.ess,
            "weights_defined": self.weights_defined,
            "stats": asdict(self.stats),
            **({} if self.history is None else {"history": [to_dict(event) for event in self.history]}),
        }

    def to_json(self) -> str:
        """`to_dict` as JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Result:
        """The result of `to_json`.

        Raises:
            InputError: the text is no such JSON.
        """
        try:
            values = json.loads(text)
            samples = tuple(
                Sample(
                    **{**sample, "token_ids": tuple(sample["token_ids"]), "log_weight": _finite(sample["log_weight"])}
                )
                for sample in values["samples"]
            )
            history = values.get("history")
            evidence = values["log_evidence"]
            estimated = values["weights_defined"] or values["method"] == "base"
            return cls(
                samples=tuple(samples),
                log_evidence=_finite(evidence) if estimated else math.nan if evidence is None else evidence,
                ess=values["ess"],
                stats=Statistics(**values["stats"]),
                method=values["method"],
                weights_defined=values["weights_defined"],
                history=None if history is None else tuple(from_dict(event) for event in history),
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(f"this is no result of Result.to_json: {type(error).__name__}: {error}") from error

    def to_html(self) -> str:
        """A page that shows the run: genealogy of the particles, weights, effective sample size and evidence.

        Raises:
            InputError: the run was not traced (`trace=True`).
        """
        from .inspection import page

        return page(self)


def result_from_answer(answer: Mapping[str, Any], decode: Callable[[Sequence[int]], str]) -> Result:
    """The result of a scheduler's answer (`vllm.group.ParticleGroup.answer`); `decode` turns token ids into text."""
    # Imported here, so that results can be named without loading numba.
    from .smc import normalized_weights
    from .stops import cut

    particles = answer["particles"]
    eos = frozenset(answer["eos"])
    log_weights = np.array([-math.inf if p["log_weight"] is None else p["log_weight"] for p in particles])
    weights = normalized_weights(log_weights)
    samples = []
    for particle, log_weight, weight in zip(particles, log_weights.tolist(), weights.tolist(), strict=True):
        tokens = tuple(particle["token_ids"])
        ended = bool(tokens) and tokens[-1] in eos
        text = cut(decode(tokens[:-1] if ended else tokens), answer["stop"])
        samples.append(
            Sample(
                text,
                tokens,
                log_weight,
                weight,
                particle["finish_reason"],
                particle["accepted"],
                particle["reason"],
            )
        )
    counts = answer["stats"]
    evidence = answer["log_evidence"]
    if evidence is None:
        evidence = -math.inf if answer["evidence_defined"] else math.nan
    return Result(
        samples=tuple(samples),
        log_evidence=evidence,
        ess=answer["ess"],
        stats=Statistics(
            tokens=counts["draws"],
            checks=counts["checks"],
            checks_per_token=counts["checks"] / max(counts["draws"], 1),
            exact=counts["exact"],
            failures=counts["failures"],
            attempts=counts["attempts"],
            resamplings=counts["resamplings"],
            forks=counts["forks"],
            revived=counts["revived"],
            copied_finished=counts["copied_finished"],
            unfinished=counts["unfinished"],
            truncation_lifted=counts["truncation_lifted"],
            seconds=counts["seconds"],
        ),
        method=answer["method"],
        weights_defined=answer["weights_defined"],
        history=None if answer["history"] is None else with_texts(answer["history"], decode),
    )


def _finite(log_weight: float | None) -> float:
    return -math.inf if log_weight is None else float(log_weight)


def finite_or_none(log_weight: float) -> float | None:
    """A log weight as JSON and MessagePack have it: None for -inf, a weight of zero, and for NaN, none at all."""
    return float(log_weight) if math.isfinite(log_weight) else None
