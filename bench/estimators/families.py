"""Families of rows: logits and which tokens are allowed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Row:
    """Logits (V,) float32 and the allowed tokens (V,) bool."""

    logits: NDArray[np.float32]
    ok: NDArray[np.bool_]

    @property
    def valid_mass(self) -> float:
        """The probability of the allowed tokens."""
        weights = np.exp(self.logits.astype(np.float64) - self.logits.max())
        return float(weights[self.ok].sum() / weights.sum())


def _row(probabilities: NDArray[np.float64], ok: NDArray[np.bool_]) -> Row:
    return Row(np.log(probabilities / probabilities.sum()).astype(np.float32), ok)


def _zipf(share: float) -> Callable[[np.random.Generator], Row]:
    def make(rng: np.random.Generator) -> Row:
        return _row(1 / np.arange(1, 1001), rng.random(1000) < share)

    return make


def _flat(rng: np.random.Generator) -> Row:
    ok = np.zeros(200, dtype=np.bool_)
    ok[rng.choice(200, 2, replace=False)] = True
    return _row(np.ones(200), ok)


def _heavy(allowed: bool) -> Callable[[np.random.Generator], Row]:
    def make(rng: np.random.Generator) -> Row:
        probabilities = np.full(1000, 0.1 / 999)
        probabilities[0] = 0.9
        ok = rng.random(1000) < 0.1
        ok[0] = allowed
        return _row(probabilities, ok)

    return make


def _mixture(rng: np.random.Generator) -> Row:
    """A few tokens of any mass over a broad background, 30 % of all allowed."""
    heavy = np.zeros(2000)
    heavy[rng.choice(2000, 5, replace=False)] = rng.dirichlet(np.ones(5))
    background = rng.dirichlet(np.full(2000, 0.2))
    share = rng.uniform(0.3, 0.9)
    return _row(share * heavy + (1 - share) * background + 1e-9, rng.random(2000) < 0.3)


SYNTHETIC: dict[str, Callable[[np.random.Generator], Row]] = {
    "Zipf, 10 % of types allowed": _zipf(0.1),
    "Zipf, 50 % of types allowed": _zipf(0.5),
    "Zipf, 90 % of types allowed": _zipf(0.9),
    "flat, 2 of 200 allowed": _flat,
    "one heavy allowed token": _heavy(True),
    "one heavy refused token": _heavy(False),
    "mixtures": _mixture,
}


def synthetic(name: str, count: int, seed: int) -> list[Row]:
    """`count` rows of a synthetic family."""
    rng = np.random.default_rng([seed, list(SYNTHETIC).index(name)])
    return [SYNTHETIC[name](rng) for _ in range(count)]
