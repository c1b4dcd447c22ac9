"""Probabilities of texts under the model, as both libraries' weighted samples estimate them.

A run with evidence Z and normalised weights w estimates the model's own probability of a text x, its end included, by
Z times the weights of x among its samples, without bias and whatever the rest of the language is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Run:
    """One group of particles: complete texts with their log weights (-inf for what does not count), what it cost."""

    texts: Sequence[str]
    log_weights: Sequence[float]
    log_evidence: float
    tokens: int
    seconds: float

    def masses(self) -> dict[str, float]:
        """The estimate of each text's probability."""
        found: dict[str, float] = {}
        for text, weight in zip(self.texts, self.log_weights, strict=True):
            if weight > -math.inf:
                found[text] = found.get(text, 0.0) + math.exp(weight) / len(self.texts)
        return found


@dataclass(frozen=True)
class Agreement:
    """Two estimates of one quantity, their standard errors over runs, and how many of these they lie apart."""

    name: str
    ours: float
    ours_error: float
    theirs: float
    theirs_error: float

    @property
    def distance(self) -> float:
        """In standard errors of the difference."""
        spread = math.hypot(self.ours_error, self.theirs_error)
        if self.ours == self.theirs:
            return 0.0
        return abs(self.ours - self.theirs) / spread if spread else math.inf


def agreements(ours: Sequence[Run], theirs: Sequence[Run], *, texts: int, evidence: bool) -> list[Agreement]:
    """Of the evidence, if it compares, and of the texts that both find most mass in."""
    found = []
    if evidence:
        found.append(
            _agreement("evidence", [math.exp(r.log_evidence) for r in ours], [math.exp(r.log_evidence) for r in theirs])
        )
    near, far = [r.masses() for r in ours], [r.masses() for r in theirs]
    total: dict[str, float] = {}
    for side in (near, far):
        for run in side:
            for text, mass in run.items():
                total[text] = total.get(text, 0.0) + mass / len(side)
    # A text that a side has in one or two runs has no standard error worth the name.
    often = [x for x in total if min(sum(x in run for run in side) for side in (near, far)) >= 4]
    for text in sorted(often, key=lambda x: -total[x])[:texts]:
        found.append(_agreement(text, [run.get(text, 0.0) for run in near], [run.get(text, 0.0) for run in far]))
    return found


def _agreement(name: str, ours: Sequence[float], theirs: Sequence[float]) -> Agreement:
    a: NDArray[np.float64] = np.array(ours)
    b: NDArray[np.float64] = np.array(theirs)
    errors = [float(x.std(ddof=1) / math.sqrt(x.size)) for x in (a, b)]
    return Agreement(name, float(a.mean()), errors[0], float(b.mean()), errors[1])
