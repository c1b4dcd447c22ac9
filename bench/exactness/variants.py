"""What is compared: methods with their estimators, and models with grammars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...engine.methods import METHODS
from ...engine.vllm.group import ParticleGroup
from ...engine.vllm.options import make_options
from . import llamas
from .simulation import simulate

PARTICLES = 8

# So many that nobody gives up: then the evidence estimate has no heavy tail.
_ATTEMPTS = 20_000

Text = tuple[int, ...]


@dataclass(frozen=True)
class Variant:
    """A method with an estimator."""

    name: str
    method: str
    estimator: str | None = None

    @property
    def weighted(self) -> bool:
        """Whether its pooled runs should have no bias."""
        return METHODS[self.method].weighted

    @property
    def estimates(self) -> bool:
        """Whether it estimates the evidence."""
        return self.method != "lcd"


_ESTIMATORS = ("exact", "murthy", "des_raj", "recursive", "paper", "geometric")
VARIANTS = [
    *(Variant(f"awrs, {name}", "awrs", name) for name in _ESTIMATORS),
    *(Variant(name, name) for name in METHODS if name != "awrs"),
]


@dataclass(frozen=True)
class Task:
    """A model and a bound grammar, with the exact mass of each text."""

    model_name: str
    grammar_name: str
    model: llamas.Rows
    bound: Any
    exact: dict[Text, float]

    @property
    def name(self) -> tuple[str, str]:
        """Of model and grammar."""
        return self.model_name, self.grammar_name

    @property
    def evidence(self) -> float:
        """The mass of all texts."""
        return sum(self.exact.values())


def groups_of(task: Task, variant: Variant, groups: int, seed: int, particles: int = PARTICLES) -> list[ParticleGroup]:
    """Independent groups of a variant on a task."""
    options = make_options(
        constraint={"kind": "anything"},
        method=variant.method,
        estimator=variant.estimator,
        particles=particles,
        seed=seed,
        attempts=_ATTEMPTS if METHODS[variant.method].restarts else None,
    )
    return simulate(task.model, task.bound, options, groups=groups, eos=llamas.EOS, max_tokens=llamas.MAX_TOKENS)
