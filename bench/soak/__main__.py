"""Mixed groups with random aborts.

    make soak                   # SOAK_SECONDS=1800

Requests of every kind come in faster than they can run; a third of them are aborted after a random number of steps.
Every half minute the engine is emptied, in turn by letting it run and by aborting all at once, and everything that it
holds is counted: requests, rows, KV blocks, slots, registered constraints, processes, threads, open files, memory.  The
exit status is 1 if anything is left over, if processes, threads or files grow, if memory does after the first third, or
if nothing was aborted.
"""

from __future__ import annotations

import gc
import os
import random
import statistics
import threading
import time
from collections import Counter
from typing import Annotated, Any

import psutil
import typer
from rich.progress import Progress

from ...engine import Engine, predicate
from ..plot import line_plot
from ..report import Report
from .leftovers import leftovers
from .traffic import is_short, request

_ABORTED = 1 / 3
_LATEST = 80  # steps after which a request is aborted, at most
_OPEN = 12  # requests under way at once
_EMPTY_S = 30.0
_GROWTH_MIB = 64.0


class Census:
    """Counts of an idle engine and its process, over time."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self.minutes: list[float] = []
        self.memory_mib: list[float] = []
        self.counts: list[dict[str, int]] = []
        self.left: Counter[str] = Counter()

    def take(self, engine: Engine, started: float) -> None:
        """Count; the engine must have been let run empty."""
        gc.collect()
        left = leftovers(engine)
        self.left.update(left)
        children = self._process.children(recursive=True)
        self.minutes.append((time.monotonic() - started) / 60)
        self.memory_mib.append(sum(p.memory_info().rss for p in (self._process, *children)) / 2**20)
        self.counts.append(
            {
                "processes": len(children),
                "threads": threading.active_count(),
                "open files": len(os.listdir("/proc/self/fd")),
                "requests, slots, rows, KV blocks, constraints left over": sum(left.values()),
            }
        )

    def thirds(self, values: list[float]) -> list[float]:
        """Medians over the three thirds of the run."""
        size = max(1, len(values) // 3)
        return [
            statistics.median(values[:size]),
            statistics.median(values[size : 2 * size]),
            statistics.median(values[-size:]),
        ]


def _empty(core: Any, engine: Engine, names: dict[str, str], happened: Counter[str], *, abort: bool) -> None:
    if abort and names:
        core.abort_request(list(names.values()), internal=True)
        happened["aborted"] += len(names)
    while core.has_unfinished_requests():
        happened["ended"] += sum(output.finished for output in core.step())
    engine._step()
    names.clear()


def main(
    seconds: Annotated[float, typer.Option(help="How long.")] = 1800,
    seed: Annotated[int, typer.Option(help="Of requests and aborts.")] = 0,
    save: Annotated[bool, typer.Option(help="Write docs/results/soak.md.")] = True,
) -> None:
    """Run, print the census, and fail where something is left or grows."""
    draw = random.Random(seed)
    census = Census()
    happened: Counter[str] = Counter()
    pooled = predicate(is_short, workers=2, timeout=5.0, on_error="kill")
    with Engine(max_num_seqs=48, max_model_len=512) as engine, Progress() as progress:
        from ...engine.vllm import compat
        from ...engine.vllm.requests import sampling_params

        core: Any = engine._engine
        bar = progress.add_task("soak", total=seconds)
        started = emptied = time.monotonic()
        names: dict[str, str] = {}
        doomed: dict[str, int] = {}  # the step at which a request is aborted
        number = steps = 0
        while (now := time.monotonic()) - started < seconds:
            progress.update(bar, completed=now - started)
            steps += 1
            while len(names) < _OPEN:
                prompt, parameters = request(draw, number)
                if number % 40 == 0:
                    parameters = sampling_params(pooled, particles=4, seed=number, max_tokens=30)
                text = compat.tokens_input(engine.tokenizer(prompt)["input_ids"])
                name = f"soak-{number}"
                names[name] = core.add_request(name, text, parameters)
                del parameters
                if draw.random() < _ABORTED:
                    doomed[name] = steps + draw.randint(0, _LATEST)
                number += 1
                happened["sent"] += 1
            for output in core.step():
                if output.finished:
                    names.pop(output.request_id, None)
                    happened["ended"] += 1
            due = [name for name, step in doomed.items() if step <= steps]
            victims = [names.pop(name) for name in due if name in names]
            if victims:
                core.abort_request(victims, internal=True)
                happened["aborted"] += len(victims)
            doomed = {name: step for name, step in doomed.items() if step > steps and name in names}
            if now - emptied > _EMPTY_S:
                _empty(core, engine, names, happened, abort=len(census.minutes) % 2 == 1)
                census.take(engine, started)
                emptied = time.monotonic()
        _empty(core, engine, names, happened, abort=False)
        census.take(engine, started)
    _conclude(census, happened, seconds, seed, save=save)


def _conclude(census: Census, happened: Counter[str], seconds: float, seed: int, *, save: bool) -> None:
    report = Report(
        "soak",
        f"{seconds / 60:.0f} minutes of mixed groups with random aborts",
        f"make soak (python -m tamis.bench.soak --seconds {seconds:g} --seed {seed})",
        ["what", "first third", "second third", "last third"],
    )
    failures = [f"left over in an idle engine: {count} {what}" for what, count in census.left.items() if count]
    memory = census.thirds(census.memory_mib)
    report.add("memory, MiB, helper processes included", *(f"{value:.0f}" for value in memory))
    if not happened["aborted"]:
        failures.append("nothing was aborted: too few steps")
    if memory[2] - memory[1] > _GROWTH_MIB:
        failures.append(f"memory grows by {memory[2] - memory[1]:.0f} MiB from the second third to the last")
    for what in census.counts[0]:
        thirds = census.thirds([float(count[what]) for count in census.counts])
        report.add(what, *(f"{value:.0f}" for value in thirds))
        if thirds[2] > thirds[1]:
            failures.append(f"{what} grow from {thirds[1]:.0f} to {thirds[2]:.0f}")
    report.note(
        f"{happened['sent']} requests sent, {happened['ended']} ended, {happened['aborted']} aborted; medians of "
        f"{len(census.minutes)} counts of an engine that was let run empty. Grammars are ever new ones, so that all "
        "caches fill in the first third."
    )
    if save:
        line_plot(
            "soak",
            {"resident memory": (census.minutes, census.memory_mib, None)},
            x="minutes",
            y="MiB",
            logarithmic=False,
        )
        report.note("![Memory](soak.svg)")
    report.conclude(failures, save=save)


if __name__ == "__main__":
    typer.run(main)
