"""Speed beside the peers: masks, steps, compile times, checks, forks, threads, memory.

    python -m tamis.bench.peers.speed

All engines see the same schemas, drawn at random, and all their valid instances in the same order, in one process and
one thread; which engine comes first changes from schema to schema.  A run that was cut off goes on where it stopped.
The exit status is 1 where tamis misses a target.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from ..maskbench import DATA, Case, read_cases
from ..report import Report
from . import engines, tables
from .journal import Journal
from .judging import sampled
from .measuring import Measurements
from .timing import CLOCKS
from .tokens import VOCABULARIES


def main(
    schemas: Annotated[int, typer.Option(help="How many schemas, drawn at random; 0 for all.")] = 300,
    seed: Annotated[int, typer.Option(help="Draws the schemas, their order, and candidates.")] = 0,
    vocabulary: Annotated[list[str] | None, typer.Option(help=f"{', '.join(VOCABULARIES)}; may be repeated.")] = None,
    limit: Annotated[float, typer.Option(help="CPU seconds an engine may take for a schema.")] = 20,
    budget: Annotated[float, typer.Option(help="CPU seconds per engine and vocabulary.")] = 1000,
    clock: Annotated[str, typer.Option(help="wall, or cpu where the machine is busy.")] = "wall",
    data: Annotated[Path, typer.Option(help="MaskBench as JSON lines: {name, schema, tests}.")] = DATA,
    save: Annotated[bool, typer.Option(help="Write docs/results/peers.md.")] = True,
) -> None:
    """Measure, print the tables, and say which targets are met."""
    vocabularies = vocabulary or ["smollm2", "tekken"]
    if unknown := set(vocabularies) - set(VOCABULARIES):
        raise typer.BadParameter(f"unknown vocabulary {unknown.pop()!r}; known: {', '.join(VOCABULARIES)}")
    if clock not in CLOCKS:
        raise typer.BadParameter(f"unknown clock {clock!r}; known: {', '.join(CLOCKS)}")
    names = [name for name in engines.DEFAULTS if engines.is_installed(name)]
    cases = _distinct(sampled(read_cases(data), 0, seed))[: schemas or None]
    arguments = f"--schemas {schemas} --seed {seed} --limit {limit:g} --budget {budget:g} --clock {clock}"
    arguments += "".join(f" --vocabulary {name}" for name in vocabulary or ())
    journal = Journal("peers", {"arguments": arguments, "data": str(data), "names": names})
    title = f"Speed beside the peers: {len(cases)} schemas of MaskBench"
    report = Report("peers", title, f"python -m tamis.bench.peers.speed {arguments}", ["engine", "settings"])
    for name in names:
        report.add(engines.version(name), engines.adapter(name).settings)
    time = "Wall-clock times" if clock == "wall" else "CPU times of the calling thread"
    report.note(
        f"{time} through the Python APIs, one thread; masks go into a buffer that exists. No schema is compiled "
        "twice; what an engine keeps between schemas, it keeps (tamis: patterns and formats that it has read, so that "
        "they cost more in the first schema of a process that has them); a mask is made before every token of every "
        "valid instance (JSON with Python's default separators) and before its end token. Texts count for a pair of "
        "engines where both accept them to the end. An "
        f"engine is stopped after {limit:g} s of CPU time with one schema, and not asked any more after {budget:g} s "
        "per vocabulary, so those whose time to compile grows with the vocabulary see only the first schemas. The load "
        f"average when this began was {os.getloadavg()[0]:.1f}."
    )
    targets: list[tables.Target] = []
    for number, name in enumerate(vocabularies):
        found = Measurements(name, names, cases, journal, clock=clock, seed=seed, limit_s=limit, budget_s=budget)
        found.measure()
        for table in (tables.masks, tables.compile_times, tables.checks, tables.forks):
            targets += table(report, found)
        if number == 0:
            found.measure_memory()
            tables.memory(report, found)
            found.measure_threads()
            targets += tables.contention(report, found)
    report.section("Targets", ["what", "reached", "target", "met"])
    for target in targets:
        report.add(target.what, target.reached, f"<= {target.bound:g}", "yes" if target.met else "NO")
    report.show()
    if save:
        report.save()
    journal.finish()
    raise typer.Exit(0 if all(target.met for target in targets) else 1)


def _distinct(cases: list[Case]) -> list[Case]:
    """Without schemas that come twice: the second time, a cache would know them."""
    found: dict[str, Case] = {}
    for case in cases:
        found.setdefault(json.dumps(case.schema), case)
    return list(found.values())


if __name__ == "__main__":
    typer.run(main)
