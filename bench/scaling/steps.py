"""Engine steps, timed: the whole, and the parts that are not the model's forward pass."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from ...engine import Engine
from ...engine.vllm.processor import AwrsProcessor
from ...engine.vllm.scheduler import ParticleScheduler
from ...grammars import json_schema
from ..people import PROMPT, people

GRAMMAR = json_schema(people(2000), whitespace="compact")


@dataclass
class Steps:
    """Seconds per engine step: whole ones, and what scheduler and logits processor took of each."""

    whole: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)

    def windows(self, size: int) -> tuple[list[float], list[float], list[float]]:
        """(first step, median milliseconds of whole steps, of ours) of consecutive windows of `size` steps."""
        starts = range(0, len(self.whole) - size + 1, size)
        medians = [
            [1000 * statistics.median(part[start : start + size]) for start in starts]
            for part in (self.whole, self.ours)
        ]
        return [float(start) for start in starts], medians[0], medians[1]


@contextlib.contextmanager
def timed_steps() -> Iterator[Steps]:
    """Time the steps of the engines in this process while the context lasts.

    A step goes from one call of the scheduler to the next.  Scheduler and logits processor are timed as wholes, vLLM's
    own share of them included.
    """
    steps = Steps()
    before = 0.0
    spent = 0.0

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            nonlocal spent
            begin = perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                spent += perf_counter() - begin

        return run

    schedule = timed(ParticleScheduler.schedule)

    def first(*arguments: Any, **options: Any) -> Any:
        nonlocal before, spent
        now = perf_counter()
        if before:
            steps.whole.append(now - before)
            steps.ours.append(spent)
        before, spent = now, 0.0
        return schedule(*arguments, **options)

    originals = [
        (owner, name, owner.__dict__[name])
        for owner, name in (
            (ParticleScheduler, "schedule"),
            (ParticleScheduler, "update_from_output"),
            (AwrsProcessor, "apply"),
            (AwrsProcessor, "update_state"),
        )
    ]
    try:
        for owner, name, function in originals:
            setattr(owner, name, first if name == "schedule" else timed(function))
        yield steps
    finally:
        for owner, name, function in originals:
            setattr(owner, name, function)


def tokens_per_second(engine: Engine, particles: int, tokens: int, seed: int) -> tuple[float, float, float]:
    """(tokens per second of a group, of as many unconstrained sequences of the same engine, checks per token)."""
    from vllm import SamplingParams

    begin = perf_counter()
    result = engine.generate(PROMPT, GRAMMAR, particles=particles, seed=seed, max_tokens=tokens, estimator="murthy")
    ours = result.stats.tokens / (perf_counter() - begin)
    parameters = SamplingParams(temperature=1.0, max_tokens=tokens, ignore_eos=True, detokenize=False)
    begin = perf_counter()
    engine.llm.generate([PROMPT] * particles, parameters, use_tqdm=False)
    return ours, particles * tokens / (perf_counter() - begin), result.stats.checks_per_token


def growth(starts: Sequence[float], values: Sequence[float]) -> float:
    """By which share the values grow from the first to the last start, by the median of all slopes (Theil, Sen)."""
    from scipy.stats import theilslopes

    slope = float(theilslopes(values, starts).slope)
    return slope * (starts[-1] - starts[0]) / statistics.median(values)
