"""Checks per token against divergence, vocabulary and particles; engine overhead against length.

    make bench-scaling

The exit status is 1 where checks grow faster than plain rejection's (exponent 1 of the divergence), or where the
engine's own share of a step grows by more than 20 % over the length.
"""

from __future__ import annotations

import math
import statistics
from typing import Annotated

import typer
from rich.progress import Progress

from ...engine import Engine
from ..estimators.recording import recorded
from ..people import PROMPT
from ..plot import line_plot
from ..report import Report
from .rows import costs, divergence_rows, exponent, power, step_cost
from .steps import GRAMMAR, growth, timed_steps, tokens_per_second

_SIZES = (49_152, 131_072, 262_144)
_PARTICLES = (1, 2, 4, 8, 16, 32, 64, 128)
_WINDOW = 250
# Of medians on a machine with other work: a cost that grew with the length would multiply over thousands of tokens.
_GROWTH = 0.2


def main(
    draws: Annotated[int, typer.Option(help="Per row.")] = 512,
    rounds: Annotated[int, typer.Option(help="Of every number of particles.")] = 3,
    tokens: Annotated[int, typer.Option(help="Per particle, against the number of particles.")] = 64,
    length: Annotated[int, typer.Option(help="Tokens of the long run.")] = 4000,
    seed: Annotated[int, typer.Option(help="Of all randomness.")] = 0,
    save: Annotated[bool, typer.Option(help="Write docs/results/scaling.md.")] = True,
) -> None:
    """Measure, print the tables, and fail where a bound is missed."""
    report = Report(
        "scaling",
        "Checks per token against the divergence",
        f"make bench-scaling (python -m tamis.bench.scaling --draws {draws} --rounds {rounds} --tokens {tokens} "
        f"--length {length} --seed {seed})",
        ["rows", "estimator", "number", "divergence, nats", "checks per token", "fitted exponent"],
    )
    failures: list[str] = []
    with Progress() as progress:
        _divergence(report, failures, draws, seed, progress, plot=save)
        _vocabulary(report, progress)
        with Engine(max_num_seqs=128, max_model_len=4608) as engine:
            _particles(report, engine, rounds, tokens, seed, progress, plot=save)
            _length(report, failures, engine, length, seed, progress, plot=save)
    report.conclude(failures, save=save)


def _divergence(report: Report, failures: list[str], draws: int, seed: int, progress: Progress, *, plot: bool) -> None:
    families = {"Zipf, any mass allowed": divergence_rows(4)}
    families["SmolLM2 under grammars"] = [row for rows in recorded(16).values() for row in rows]
    bar = progress.add_task("divergence", total=3 * len(families))
    curves = {}
    for name, rows in families.items():
        for kind in ("murthy", "geometric", "paper"):
            found = costs(rows, kind, draws, seed)
            slope = exponent(found)
            divergences = [cost.divergence for cost in found]
            checks = [cost.checks for cost in found]
            report.add(
                name,
                kind,
                len(rows),
                f"{min(divergences):.2g} to {max(divergences):.2g}",
                f"{min(checks):.1f} to {max(checks):.1f}",
                f"{slope:.2f}",
            )
            if kind == "murthy" and slope > 1:
                failures.append(f"{name}: checks grow with exponent {slope:.2f} of the divergence")
            order = sorted(range(len(found)), key=lambda i: divergences[i])
            curves[f"{name}, {kind}"] = (
                [math.exp(divergences[i]) for i in order],
                [checks[i] for i in order],
                None,
            )
            progress.advance(bar)
    report.note(
        "Divergence of the constrained from the unconstrained row, KL(p(. | allowed) || p) = -ln(allowed mass). The "
        "exponent a is that of checks ~ exp(a KL), fitted where KL is at least 0.5 nats; plain rejection needs "
        "exp(KL), that is a = 1. No masks are used."
    )
    if plot:
        widest = max(max(xs) for xs, _, _ in curves.values())
        line_plot(
            "scaling_divergence",
            curves,
            x="exp(KL)",
            y="checks per token",
            guide=("rejection", [1, widest], [1, widest]),
        )
        report.note("![Checks against divergence](scaling_divergence.svg)")


def _vocabulary(report: Report, progress: Progress) -> None:
    report.section(
        "Cost of a token against the vocabulary, beside a finished forward pass",
        ["allowed mass", "masks", *(f"{size:,} tokens: checks, us" for size in _SIZES), "exponent of the time"],
    )
    bar = progress.add_task("vocabulary", total=4 * len(_SIZES))
    for mass in (0.5, 0.02):
        for cheap in (False, True):
            found = []
            for size in _SIZES:
                found.append(step_cost(size, mass, cheap_masks=cheap))
                progress.advance(bar)
            report.add(
                mass,
                "cheap" if cheap else "none, as for predicates",
                *(f"{checks:.1f}, {us:.0f}" for checks, us in found),
                f"{power(_SIZES, [us for _, us in found]):.2f}",
            )
    report.note(
        "Synthetic rows (Zipf), 8 rows per step, default estimator; microseconds per row. The time is that of passes "
        "over the row of logits, which is linear in the vocabulary; the number of checks is not."
    )


def _particles(
    report: Report, engine: Engine, rounds: int, tokens: int, seed: int, progress: Progress, *, plot: bool
) -> None:
    report.section(
        "Against the number of particles, SmolLM2 under a JSON Schema by checks alone",
        ["particles", "tokens per second", "unconstrained", "ratio", "checks per token"],
    )
    bar = progress.add_task("particles", total=(rounds + 1) * len(_PARTICLES))
    ours, base = [], []
    for particles in _PARTICLES:
        found = []
        for number in range(-1, rounds):
            found.append(tokens_per_second(engine, particles, tokens, seed + number + 1))
            progress.advance(bar)
        ours.append(statistics.median(f[0] for f in found[1:]))
        base.append(statistics.median(f[1] for f in found[1:]))
        ratio = statistics.median(f[0] / f[1] for f in found[1:])
        checks = statistics.median(f[2] for f in found[1:])
        report.add(particles, f"{ours[-1]:.1f}", f"{base[-1]:.1f}", f"{ratio:.2f}", f"{checks:.2f}")
    seconds = [particles / speed for particles, speed in zip(_PARTICLES, ours, strict=True)]
    bare = [particles / speed for particles, speed in zip(_PARTICLES, base, strict=True)]
    report.note(
        f"Medians of {rounds} pairs after one to warm up; {tokens} tokens per particle; resampling as by default. "
        f"Seconds per step grow with exponent {power(_PARTICLES[3:], seconds[3:]):.2f} of the particles from 8 on, "
        f"unconstrained {power(_PARTICLES[3:], bare[3:]):.2f}."
    )
    if plot:
        line_plot(
            "scaling_particles",
            {"tamis": (_PARTICLES, seconds, None), "unconstrained": (_PARTICLES, bare, None)},
            x="particles",
            y="seconds per step",
        )
        report.note("![Seconds per step against particles](scaling_particles.svg)")


def _length(
    report: Report, failures: list[str], engine: Engine, length: int, seed: int, progress: Progress, *, plot: bool
) -> None:
    report.section(
        f"Against the length: 4 particles, {length} tokens, no resampling",
        ["from token", "whole step, ms", "scheduler and sampler, ms", "share"],
    )
    bar = progress.add_task("length", total=1)
    with timed_steps() as steps:
        result = engine.generate(PROMPT, GRAMMAR, particles=4, seed=seed, max_tokens=length, ess_threshold=0.0)
    progress.advance(bar)
    starts, whole, ours = steps.windows(_WINDOW)
    for start, step, part in zip(starts, whole, ours, strict=True):
        if start % (2 * _WINDOW) == 0:
            report.add(int(start), f"{step:.2f}", f"{part:.2f}", f"{part / step:.3f}")
    grown = growth(starts, ours)
    drawn = max(len(sample.token_ids) for sample in result.samples)
    report.note(
        f"Medians of {_WINDOW} steps; {drawn} tokens drawn. From the first to the last, scheduler and sampler together "
        f"grow by {100 * grown:+.1f} %, whole steps by {100 * growth(starts, whole):+.1f} % (attention)."
    )
    if drawn < length:
        failures.append(f"the long run ended after {drawn} tokens")
    if grown > _GROWTH:
        failures.append(f"the engine's share of a step grows by {100 * grown:.0f} % over {length} tokens")
    if plot:
        line_plot(
            "scaling_length",
            {"whole step": (starts, whole, None), "scheduler and sampler": (starts, ours, None)},
            x="token",
            y="ms",
            logarithmic=False,
        )
        report.note("![Milliseconds against length](scaling_length.svg)")


if __name__ == "__main__":
    typer.run(main)
