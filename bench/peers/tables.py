"""The tables of the speed comparison, and the targets that they decide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..report import Report
from .figures import Figures
from .measuring import FORK_LENGTHS, Answers, Measurements
from .threads import Contention
from .timing import CANDIDATES

_ALONE = "it alone"


@dataclass(frozen=True)
class Target:
    """A promise of tamis: what, the figure reached, and the largest that keeps it."""

    what: str
    reached: float
    bound: float

    @property
    def met(self) -> bool:
        return self.reached <= self.bound


def masks(report: Report, found: Measurements) -> Iterator[Target]:
    """Masks and steps: tamis beside each peer on what both take, then each engine on all that it takes."""
    columns = ["schemas and texts taken by", "engine", "schemas", "texts", "masks", "avg", "p50", "p90", "p99", "max"]
    report.section(f"{found.vocabulary}: masks, us each", [*columns, "step avg", "step p99", "mask + step avg"])

    def row(label: str, name: str, shared: set[tuple[str, int]]) -> Figures:
        texts = [found.walks[name][case]["texts"][number] for case, number in shared]
        mask = Figures.of([us for text in texts for us in text["masks"]])
        step = Figures.of([us for text in texts for us in text["steps"]])
        spread = [mask.mean, mask.p50, mask.p90, mask.p99, mask.max, step.mean, step.p99, mask.mean + step.mean]
        report.add(label, name, len({case for case, _ in shared}), len(texts), mask.count, *spread)
        return mask

    taken = {name: _accepted_texts(found.walks[name]) for name in found.names}
    for peer in found.names:
        shared = taken["tamis"] & taken[peer]
        if peer == "tamis" or not shared:
            continue
        ours, theirs = row(f"tamis and {peer}", "tamis", shared), row(f"tamis and {peer}", peer, shared)
        report.add("", f"tamis / {peer}", "", "", "", *_ratios(ours, theirs), "", "", "")
        if peer != "outlines-core":
            for statistic in ("mean", "p99"):
                ratio = getattr(ours, statistic) / getattr(theirs, statistic)
                yield Target(f"{found.vocabulary}: mask {statistic}, tamis / {peer}", ratio, 0.5)
    for name in found.names:
        if taken[name]:
            row(_ALONE, name, taken[name])


def compile_times(report: Report, found: Measurements) -> Iterator[Target]:
    """From the schema's text to a matcher, on what both take, then on all that each takes."""
    columns = [
        "schemas taken by",
        "engine",
        "schemas",
        "avg",
        "p50",
        "p90",
        "p99",
        "max",
        "and a mask, avg",
        "p50",
        "p99",
    ]
    report.section(f"{found.vocabulary}: compiling, ms", [*columns, "refused", "failed or too long", "not tried"])

    def row(label: str, name: str, cases: set[str]) -> Figures:
        answers = found.walks[name]
        figures = Figures.of([answers[case]["compile"] / 1e3 for case in cases])
        first = [answers[case]["compile"] / 1e3 + text[0]["masks"][0] / 1e3 for case, text in _texts(answers, cases)]
        masked = Figures.of(first or [float("nan")])
        ends: list[object] = ["", "", ""]
        if label == _ALONE:
            ends = [sum(end in answer for answer in answers.values()) for end in ("refused", "failed")]
            ends.append(len(found.cases) - len(answers))
        spread = [figures.mean, figures.p50, figures.p90, figures.p99, figures.max]
        report.add(label, name, figures.count, *spread, masked.mean, masked.p50, masked.p99, *ends)
        return figures

    taken = {name: {case for case, a in found.walks[name].items() if "compile" in a} for name in found.names}
    for peer in found.names:
        shared = taken["tamis"] & taken[peer]
        if peer == "tamis" or not shared:
            continue
        ours, theirs = row(f"tamis and {peer}", "tamis", shared), row(f"tamis and {peer}", peer, shared)
        report.add("", f"tamis / {peer}", "", *_ratios(ours, theirs), *[""] * 6)
        if peer == "llguidance":
            yield Target(f"{found.vocabulary}: compile p50, tamis / {peer}", ours.p50 / theirs.p50, 1.0)
            yield Target(f"{found.vocabulary}: compile p99, tamis / {peer}", ours.p99 / theirs.p99, 1.0)
    for name in found.names:
        if taken[name]:
            row(_ALONE, name, taken[name])
    report.note(
        "*And a mask*: until the first mask is there, for schemas that have a valid instance; some engines are lazy."
    )


def checks(report: Report, found: Measurements) -> Iterator[Target]:
    """The answer for 32 candidates of one state, per candidate, on what tamis and a peer both take, and alone."""
    columns = ["schemas taken by", "engine", "schemas", "states", "first avg", "first p50", "first p99", "again avg"]
    title = f"{found.vocabulary}: checks of {CANDIDATES} random candidates, us each"
    report.section(title, [*columns, "again p50", "again p99"])
    taken = {name: {case for case, a in found.checks[name].items() if a.get("first")} for name in found.names}

    def row(label: str, name: str, cases: set[str]) -> tuple[Figures, Figures]:
        answers = [found.checks[name][case] for case in cases]
        first, again = (
            Figures.of([us / CANDIDATES for answer in answers for us in answer[time]]) for time in ("first", "again")
        )
        spread = [first.mean, first.p50, first.p99, again.mean, again.p50, again.p99]
        report.add(label, name, len(answers), first.count, *spread)
        return first, again

    for peer in found.names:
        shared = taken["tamis"] & taken[peer]
        if peer == "tamis" or not shared:
            continue
        for name in ("tamis", peer):
            row(f"tamis and {peer}", name, shared)
    for name in found.names:
        if not taken[name]:
            continue
        first, again = row(_ALONE, name, taken[name])
        if name == "tamis":
            yield Target(f"{found.vocabulary}: check, us for each of {CANDIDATES}, first time", first.mean, 0.3)
            yield Target(f"{found.vocabulary}: check, us for each of {CANDIDATES}, again", again.mean, 0.3)
    report.note(
        "*First*: at random places of texts, where no mask was made; *again*: the same call once more. tamis: one "
        "call for all. The peers have no such call, so Python's loop is part of their time: llguidance, "
        "`validate_tokens` with each; xgrammar, `accept_token` of each, and `rollback` where it was accepted; "
        "outlines-core, `accepts_tokens` with each. A mask answers for all candidates, too: where an engine's mask "
        "takes less than this table times 32, it would be asked for that instead."
    )


def forks(report: Report, found: Measurements) -> Iterator[Target]:
    """Copying how far a text has come."""
    report.section(f"{found.vocabulary}: a fork, us", ["engine", *(f"after {n:,} tokens" for n in FORK_LENGTHS)])
    for name in found.names:
        times = [found.forks[name][length].get("fork", "failed") for length in FORK_LENGTHS]
        report.add(name, *("none" if time is None else time for time in times))
        if name == "tamis" and all(isinstance(time, float) for time in times):
            what = f"{found.vocabulary}: fork after {FORK_LENGTHS[1]:,} / {FORK_LENGTHS[0]} tokens"
            yield Target(what, times[1] / times[0], 1.5)
    report.note("Of the adapter's object and what it holds; a state of tamis is an integer.")


def memory(report: Report, found: Measurements) -> None:
    """Resident memory, each engine in a process of its own."""
    columns = ["engine", "engine with vocabulary, MiB", "schemas kept", "all of them, MiB", "each, KiB"]
    report.section(f"{found.vocabulary}: memory of compiled schemas after masks on all their valid instances", columns)
    for name, answer in found.memory.items():
        if not answer.get("schemas"):
            report.add(name, "failed", "", "", "")
            continue
        each = answer["bytes"] / 2**10 / answer["schemas"]
        report.add(name, answer["engine"] / 2**20, answer["schemas"], answer["bytes"] / 2**20, each)


def contention(report: Report, found: Measurements) -> Iterator[Target]:
    """tamis in many threads."""
    columns = ["threads", "automata", "cold reading, tokens/s", "warm reading, tokens/s", "checks/s"]
    report.section(
        f"{found.vocabulary}: tamis in many threads", [*columns, "call of 64 x 32 checks, ms: p50", "p99", "max"]
    )
    rows = {(row.threads, row.shared): row for row in found.contention}
    for (threads, shared), row in rows.items():
        call = [row.call.p50 / 1e3, row.call.p99 / 1e3, row.call.max / 1e3]
        automata = "one for all" if shared else "one each"
        report.add(threads, automata, row.cold_tokens, row.warm_tokens, row.checks, *call)
        if shared and threads > 1:
            own, alone = rows[threads, False], rows[1, True]
            label = f"{found.vocabulary}: {threads} threads"
            yield Target(f"{label}: time of checks, one automaton / one each", own.checks / row.checks, 1.25)
            making = _making(row) / _making(alone)
            yield Target(f"{label}: cold reading beyond warm reading, s, / of one thread", making, 1.25)
    report.note(
        "Reading: every thread follows all texts of the eight schemas with the most text, one call each, so cold "
        "rates count what other threads have made, too; what cold reading takes beyond warm reading is the making of "
        "states, which the threads of *one for all* share. Checks are at states of the first schema. With more threads "
        "than cores a call waits for its turn on a core, whether anything is shared or not: *one each* says how long "
        "that is."
    )


def _making(row: Contention) -> float:
    """The time in which the states are made, up to a factor that all rows share."""
    return row.threads * (1 / row.cold_tokens - 1 / row.warm_tokens)


def _accepted_texts(walks: Answers) -> set[tuple[str, int]]:
    return {
        (case, number)
        for case, answer in walks.items()
        for number, text in enumerate(answer.get("texts", ()))
        if text["accepted"]
    }


def _texts(answers: Answers, cases: set[str]) -> list[tuple[str, Any]]:
    return [(case, answers[case]["texts"]) for case in cases if answers[case]["texts"]]


def _ratios(ours: Figures, theirs: Figures) -> list[Any]:
    statistics = ("mean", "p50", "p90", "p99", "max")
    return [f"**{getattr(ours, name) / getattr(theirs, name):.3g}**" for name in statistics]
