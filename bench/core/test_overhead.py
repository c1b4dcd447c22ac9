"""Decode steps per second under a JSON Schema, beside the same engine without a constraint, in alternating rounds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest
from tamis.bench.people import PROMPT, people
from tamis.bench.report import Report
from tamis.engine import Engine
from tamis.grammars import Grammar, json_schema

TOKENS = 96
ROUNDS = 9


@pytest.fixture(scope="session")
def grammar() -> Grammar:
    return json_schema(people(50))  # far more than TOKENS tokens


def seconds_of(action: Callable[[], Any]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def unconstrained(engine: Engine, sequences: int, temperature: float) -> Callable[[], Any]:
    """The stock vLLM sampler of the same engine on the same prompt."""
    from vllm import SamplingParams

    params = SamplingParams(
        n=1, temperature=temperature, max_tokens=TOKENS, ignore_eos=True, detokenize=False, seed=None
    )
    return lambda: engine.llm.generate([PROMPT] * sequences, params, use_tqdm=False)


def constrained(engine: Engine, grammar: Grammar, sequences: int, particles: int, ess_threshold: float) -> Any:
    """`sequences` sequences under the schema, in groups of `particles`; a fresh seed every round."""
    seeds = iter(range(10**6))

    def run() -> Any:
        results = engine.generate(
            [PROMPT] * (sequences // particles),
            grammar,
            particles=particles,
            max_tokens=TOKENS,
            ess_threshold=ess_threshold,
            seed=next(seeds),
        )
        # Both sides must have done the same number of steps.
        assert max(len(sample.token_ids) for result in results for sample in result.samples) == TOKENS
        return results

    return run


def paired(benchmark: Any, mine: Callable[[], Any], peer: Callable[[], Any]) -> tuple[float, float, list[float]]:
    """(median seconds of mine, of the peer, ratios peer / mine of neighbouring rounds)."""
    mine()
    peer()
    peer_seconds: list[float] = []

    def before() -> None:
        peer_seconds.append(seconds_of(peer))

    benchmark.pedantic(mine, setup=before, rounds=ROUNDS, iterations=1)
    my_seconds = benchmark.stats.stats.data
    ratios = [theirs / ours for theirs, ours in zip(peer_seconds, my_seconds, strict=True)]
    return statistics.median(my_seconds), statistics.median(peer_seconds), ratios


@pytest.mark.parametrize("temperature", [1.0, 0.0], ids=["sampling", "greedy"])
@pytest.mark.parametrize("sequences", [1, 8, 32])
def test_awrs(
    benchmark: Any, engine: Engine, grammar: Grammar, report: Report, sequences: int, temperature: float
) -> None:
    mine = constrained(engine, grammar, sequences, particles=1, ess_threshold=0.0)
    ours, theirs, ratios = paired(benchmark, mine, unconstrained(engine, sequences, temperature))
    benchmark.extra_info["ratio"] = statistics.median(ratios)
    beside = "unconstrained at temperature 1" if temperature else "unconstrained, greedy"
    report.add(
        f"AWRS under a schema, {sequences} sequences",
        f"{TOKENS / ours:.1f} steps/s",
        f"{TOKENS / theirs:.1f} steps/s {beside}",
        statistics.median(ratios),
        ">= 0.95" if temperature else "reported",
    )


def test_smc(benchmark: Any, engine: Engine, grammar: Grammar, report: Report) -> None:
    mine = constrained(engine, grammar, 16, particles=16, ess_threshold=0.5)
    ours, theirs, ratios = paired(benchmark, mine, unconstrained(engine, 16, 1.0))
    result = mine()[0]
    forks = result.stats.forks
    benchmark.extra_info["ratio"] = statistics.median(ratios)
    report.add(
        f"SMC, 16 particles, ESS 0.5 ({result.stats.resamplings} resamplings, {forks} forks in the last run)",
        f"{TOKENS / ours:.1f} steps/s",
        f"{TOKENS / theirs:.1f} steps/s unconstrained at temperature 1",
        statistics.median(ratios),
        ">= 0.85",
    )
