"""All measurements on one vocabulary, in worker processes, with every answer in the journal."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.progress import track

from ..maskbench import Case
from .figures import Figures
from .journal import Journal
from .threads import Contention, contend
from .timing import Timing
from .worker import Failure, Worker

THREADS = (1, 2, 8, 64)
FORK_LENGTHS = (100, 10_000)
_CHECKED_SCHEMAS = 60
_KEPT_SCHEMAS = 100
_SHARED_SCHEMAS = 8
_SHARE = 1 / 6  # of the budget, for checks and for memory each
_SHARES = {"outlines-core": 1 / 4}  # of an engine's budget; no target is about this one
_SLOWEST_S = 600  # for a measurement that has no limit of its own

Answers = dict[str, dict[str, Any]]  # by the case's name


class Measurements:
    """`walks`, `checks`, `forks`, `memory` and `contention` of all engines; the last two once per run."""

    def __init__(
        self,
        vocabulary: str,
        names: Sequence[str],
        cases: Sequence[Case],
        journal: Journal,
        *,
        clock: str,
        seed: int,
        limit_s: float,
        budget_s: float,
    ) -> None:
        self.vocabulary, self.names, self.cases = vocabulary, names, cases
        self._clock = clock
        self._journal, self._seed, self._limit_s, self._budget_s = journal, seed, limit_s, budget_s
        self.walks: dict[str, Answers] = {}
        self.checks: dict[str, Answers] = {}
        self.forks: dict[str, dict[int, dict[str, Any]]] = {}
        self.memory: dict[str, dict[str, Any]] = {}
        self.contention: list[Contention] = []

    def measure(self) -> None:
        """What every vocabulary is measured on."""
        with Worker(Timing, self.names, self.vocabulary, self._clock) as worker:
            self.walks = self._each(worker, "walk", self.cases, self._budget_s, lambda case: (_valid_texts(case),))
        common = [case for case in self.cases if _valid_texts(case) and self.both_compile(case, "llguidance")]
        # Afresh, so that an automaton that masks have warmed up is not met again.
        with Worker(Timing, self.names, self.vocabulary, self._clock) as worker:
            self.checks = self._each(
                worker,
                "check",
                common[:_CHECKED_SCHEMAS],
                self._budget_s * _SHARE,
                lambda case: (_valid_texts(case)[:2], self._seed),
            )
            for name in self.names:
                self.forks[name] = {n: self._once(worker, "fork", name, n) for n in FORK_LENGTHS}

    def measure_memory(self) -> None:
        """Each engine in a process of its own, which has nothing else."""
        cases = [(json.dumps(case.schema), _valid_texts(case)) for case in self.cases[:_KEPT_SCHEMAS]]
        for name in self.names:
            with Worker(Timing, [name], self.vocabulary, self._clock) as worker:
                self.memory[name] = self._once(worker, "memory", name, cases, self._budget_s * _SHARE)

    def measure_threads(self) -> None:
        """tamis on the cases with the most text, out of those that it compiles."""
        cases = [c for c in self.cases if isinstance(c.schema, dict) and self.both_compile(c, "tamis")]
        cases = sorted(cases, key=lambda case: -len("".join(_valid_texts(case))))[:_SHARED_SCHEMAS]
        key = f"{self.vocabulary}: threads"
        if key not in self._journal:
            found = contend(self.vocabulary, [(case.schema, _valid_texts(case)) for case in cases], THREADS)
            self._journal.add(key, [asdict(row) for row in found])
        for row in self._journal[key]:
            self.contention.append(Contention(**{**row, "call": Figures(**row["call"])}))

    def both_compile(self, case: Case, peer: str) -> bool:
        """Whether tamis and the peer compile the case; so too where the peer is not installed."""
        answers = [self.walks[name].get(case.name, {}) for name in ("tamis", peer) if name in self.walks]
        return all("compile" in answer for answer in answers)

    def _each(
        self,
        worker: Worker,
        action: str,
        cases: Sequence[Case],
        budget_s: float,
        arguments: Callable[[Case], Iterable[Any]],
    ) -> dict[str, Answers]:
        """Ask every engine about every case, each time beginning with another one, until its budget is spent."""
        spent: defaultdict[str, float] = defaultdict(float)
        answers: dict[str, Answers] = {name: {} for name in self.names}
        for number, case in enumerate(track(cases, f"{self.vocabulary}: {action}", console=Console(stderr=True))):
            first = number % len(self.names)
            for name in (*self.names[first:], *self.names[:first]):
                key = f"{self.vocabulary}: {action}: {name}: {case.name}"
                if key not in self._journal:
                    if spent[name] > budget_s * _SHARES.get(name, 1):
                        continue
                    before = worker.cpu_seconds
                    schema = json.dumps(case.schema)
                    answer = worker.ask(action, name, schema, *arguments(case), limit_s=self._limit_s)
                    answer = {"failed": answer.kind} if isinstance(answer, Failure) else answer
                    self._journal.add(key, answer | {"seconds": worker.cpu_seconds - before})
                answers[name][case.name] = self._journal[key]
                spent[name] += self._journal[key]["seconds"]
        return answers

    def _once(self, worker: Worker, action: str, name: str, *arguments: Any) -> dict[str, Any]:
        key = f"{self.vocabulary}: {action}: {name}: {arguments[0] if action == 'fork' else ''}"
        if key not in self._journal:
            answer = worker.ask(action, name, *arguments, limit_s=_SLOWEST_S)
            self._journal.add(key, {"failed": answer.kind} if isinstance(answer, Failure) else answer)
        found: dict[str, Any] = self._journal[key]
        return found


def _valid_texts(case: Case) -> list[str]:
    return [instance.text() for instance in case.instances if instance.valid]
