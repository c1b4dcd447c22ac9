"""Tokens per second and posterior beside genlm-control 0.4.1, task by task, run by run in turn.

    make bench-genlm

Both load the same SmolLM2 weights in float32: tamis into vLLM, genlm-control into transformers, each at its default
settings with 10 particles, ESS threshold 0.5 and AWRS.  The exit status is 1 where tamis is less than 10 times as fast
on answers of some dozens of tokens, or an estimate of the posterior over short texts differs by more than 4 standard
errors.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer
from rich.progress import Progress

from ...engine import Engine
from ...engine.models import DEFAULT_MODEL, resolve_model
from ..report import Report
from .posterior import Run, agreements
from .tasks import LONG, SHORT, Task

_SPEED = 10.0
_DISTANCE = 4.0
_MASSES = 5


class FarSide:
    """genlm-control in its environment, over its standard input and output."""

    def __init__(self, python: Path, model: Path, eos: list[str], threads: int) -> None:
        script = Path(__file__).with_name("far_side.py")
        self._process = subprocess.Popen(
            [str(python), str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_WAIT_POLICY": "passive", "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore"},
        )
        self._ask({"model": str(model), "eos": eos, "dtype": "float32", "threads": threads})

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"genlm-control ended with status {self._process.wait()}; its errors are above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def run(self, task: Task, prompt: list[int], particles: int, seed: int) -> Run | None:
        """One group of particles; compiling the constraint does not count.  None where genlm-control gave up."""
        found = self._ask(
            {
                "kind": task.kind,
                "source": task.source,
                "prompt": prompt,
                "particles": particles,
                "max_tokens": task.max_tokens,
                "seed": seed,
            }
        )
        if "failed" in found:
            return None
        return Run(found["texts"], found["log_weights"], found["log_evidence"], found["tokens"], found["seconds"])

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()


def _ours(engine: Engine, task: Task, prompt: list[int], particles: int, seed: int) -> Run:
    grammar = task.grammar()
    begin = perf_counter()
    result = engine.generate(
        prompt, grammar, particles=particles, seed=seed, max_tokens=task.max_tokens, ess_threshold=0.5
    )
    seconds = perf_counter() - begin
    return Run(
        [sample.text for sample in result.samples],
        [sample.log_weight for sample in result.samples],
        result.log_evidence,
        sum(len(sample.token_ids) for sample in result.samples),
        seconds,
    )


def _speed(report: Report, task: Task, ours: list[Run], theirs: list[Run], given_up: int) -> float:
    """Report a task's pairs; the median ratio."""
    ratios = [(o.tokens / o.seconds) / (t.tokens / t.seconds) for o, t in zip(ours, theirs, strict=True)]
    speeds = [statistics.median(run.tokens / run.seconds for run in side) for side in (ours, theirs)]
    ratio = statistics.median(ratios)
    report.add(
        task.name,
        len(ratios),
        f"{speeds[0]:.1f}",
        f"{speeds[1]:.2f}",
        f"{ratio:.1f}",
        f"{min(ratios):.1f} to {max(ratios):.1f}",
        " / ".join(f"{statistics.mean(run.tokens for run in side):.0f}" for side in (ours, theirs)),
        " / ".join(str(sum(run.log_evidence == -math.inf for run in side)) for side in (ours, theirs)),
        given_up,
    )
    return ratio


def main(
    python: Annotated[Path, typer.Option(help="The interpreter of genlm-control's environment.")] = Path(
        "build/genlm/bin/python"
    ),
    runs: Annotated[int, typer.Option(help="Pairs of runs per task with long answers.")] = 3,
    short_runs: Annotated[int, typer.Option(help="Pairs of runs per task with short texts.")] = 12,
    further: Annotated[int, typer.Option(help="Further runs of tamis alone on short texts.")] = 48,
    particles: Annotated[int, typer.Option(help="Per run.")] = 10,
    seed: Annotated[int, typer.Option(help="Of the first run; counts up.")] = 0,
    save: Annotated[bool, typer.Option(help="Write docs/results/genlm.md.")] = True,
) -> None:
    """Measure, print the tables, and fail where a bound is missed."""
    model = resolve_model(DEFAULT_MODEL)
    threads = len(os.sched_getaffinity(0))
    report = Report(
        "genlm",
        f"Beside genlm-control 0.4.1: {particles} particles, tokens per second",
        f"make bench-genlm (python -m tamis.bench.genlm --runs {runs} --short-runs {short_runs} --further {further} "
        f"--particles {particles} --seed {seed})",
        [
            "task",
            "pairs",
            "tamis",
            "genlm-control",
            "ratio",
            "least and most",
            "tokens per run",
            "runs that found no text",
            "genlm-control gave up",
        ],
    )
    failures: list[str] = []
    sides: dict[str, tuple[list[Run], list[Run]]] = {}
    with Engine(dtype="float32", max_model_len=512) as engine, Progress() as progress:
        tokenizer = engine.tokenizer
        far = FarSide(python, model, tokenizer.convert_ids_to_tokens(list(engine.eos)), threads)
        try:
            for task in (*SHORT, *LONG):  # the short ones warm both up
                prompt = list(tokenizer(task.prompt)["input_ids"])
                is_short = task in SHORT
                pairs = short_runs if is_short else runs
                bar = progress.add_task(task.name, total=2 * pairs + further * is_short)
                ours: list[Run] = []
                theirs: list[Run] = []
                number = given_up = 0
                while len(theirs) < pairs and given_up <= pairs:
                    here = _ours(engine, task, prompt, particles, seed + number)
                    there = far.run(task, prompt, particles, seed + number)
                    number += 1
                    if there is None:
                        given_up += 1
                        continue
                    ours.append(here)
                    theirs.append(there)
                    progress.advance(bar, 2)
                if len(theirs) < pairs:
                    raise RuntimeError(f"{task.name}: genlm-control gave up {given_up} of {number} runs")
                ratio = _speed(report, task, ours, theirs, given_up)
                if not is_short and ratio < _SPEED:
                    failures.append(f"{task.name}: {ratio:.1f} times genlm-control's tokens per second, not {_SPEED:g}")
                for extra in range(further * is_short):
                    ours.append(_ours(engine, task, prompt, particles, seed + number + extra))
                    progress.advance(bar)
                sides[task.name] = ours, theirs
        finally:
            far.close()
    report.note(
        f"Medians over paired runs, one after the other in turn, {threads} threads each, float32, same weights; the "
        "ratio is the median of the pairs' ratios. Loading the model and compiling constraints do not count. "
        "tamis keeps masks, keys and values from run to run. genlm-control: transformers backend, the prompt's keys "
        "and values cached, its own caches emptied before every run; what particles have in common it computes once, "
        "which on short texts is most of it, and its forward passes read all of a text again for every token, which on "
        "long ones is most of the work. It gave up where its "
        "sampler found that its own sum of probabilities exceeds 1 by more than it tolerates; another seed took that "
        "run's place, so that its estimates are those of runs that it ends."
    )
    report.section(
        "The same posterior", ["task", "probability under the model of", "tamis", "genlm-control", "apart, in s.e."]
    )
    for task in SHORT:
        compared = agreements(*sides[task.name], texts=_MASSES, evidence=task.same_language)
        if not any(found.name != "evidence" for found in compared):
            failures.append(f"{task.name}: no text is in 4 runs of each side, so that no probabilities compare")
        for found in compared:
            report.add(
                task.name,
                found.name if found.name == "evidence" else repr(found.name),
                f"{found.ours:.3g} ± {found.ours_error:.1g}",
                f"{found.theirs:.3g} ± {found.theirs_error:.1g}",
                f"{found.distance:.1f}",
            )
            if found.distance > _DISTANCE:
                failures.append(f"{task.name}: the estimates for {found.name!r} are {found.distance:.1f} s.e. apart")
    report.note(
        "Means over runs and their standard errors: of the evidence, where both read the constraint as the same "
        "language, and of the texts that at least 4 runs of each side contain, the most probable first."
    )
    report.conclude(failures, save=save)


if __name__ == "__main__":
    typer.run(main)
