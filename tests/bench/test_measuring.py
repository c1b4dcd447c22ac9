"""What the comparisons count and time, on tamis and single bytes."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from typing import Any

import pytest
from tamis.bench.maskbench import Case, Instance
from tamis.bench.peers import coverage
from tamis.bench.peers.figures import Figures
from tamis.bench.peers.threads import contend
from tamis.bench.peers.timing import Timing
from tamis.bench.peers.tokens import single_bytes
from tamis.bench.peers.worker import Failure

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "boolean"}}, "required": ["a"]}
CASE = Case(
    "sound",
    SCHEMA,
    (Instance({"a": 1}, True), Instance({"b": True, "a": 1}, True), Instance({"a": "é"}, False)),
)


@pytest.fixture
def timing() -> Iterator[Timing]:
    yield Timing(["tamis"], "bytes", "wall")
    gc.unfreeze()


class InThisProcess:
    """A worker without a process."""

    cpu_seconds = 0.0

    def __init__(self, job: Any) -> None:
        self.job = job

    def ask(self, *request: Any, limit_s: float) -> Any:
        return self.job(*request)


def test_coverage_counts_what_an_engine_takes_and_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "smollm2", single_bytes)
    cases = [CASE, Case("empty", {"type": "string", "enum": [1]}, ()), Case("slow", {}, (Instance(1, True),))]
    answers = {}
    for name in ("tamis", "tamis, any order"):
        worker: Any = InThisProcess(coverage.make_job(name))
        answers[name] = {case.name: coverage.ask(worker, case, 60) for case in cases[:2]}
    worker.job = lambda *_: Failure("time-out", "more than 60 s")
    answers["tamis"]["slow"] = coverage.ask(worker, cases[2], 60)

    tallies = {name: coverage.Tally(cases, found) for name, found in answers.items()}
    declared, any_order = tallies["tamis"], tallies["tamis, any order"]
    assert declared.outcomes == {"compiled": 1, "refused": 1, "time-out": 1}
    assert declared.wrong == {True: [(CASE, 1)], False: []}
    assert any_order.wrong == {True: [], False: []}
    assert declared.counts["valid"] == 2
    assert declared.counts["valid accepted"] == 1
    assert declared.counts["invalid accepted"] == declared.counts["one form only"] == declared.counts["errors"] == 0
    assert declared.counts["compared"] > 50
    assert not declared.disagreeing
    met = {what: is_met for what, _, _, is_met in coverage.targets(tallies)}
    assert met["tamis: valid instances rejected (50.00%), but for 1 in another order than declared"]
    assert met["tamis, any order: valid instances rejected"]
    assert not met["tamis: crashes and time-outs"]


def test_a_walk_has_a_mask_and_a_step_for_every_token(timing: Timing) -> None:
    walked = timing("walk", "tamis", json.dumps(SCHEMA), ['{"a": 1}', '{"a": x}'])
    assert walked["compile"] > 0
    whole, cut = walked["texts"]
    assert whole["accepted"]
    assert len(whole["masks"]) == len(whole["steps"]) == len('{"a": 1}') + 1
    assert not cut["accepted"]
    assert len(cut["masks"]) == len('{"a": x')
    assert "refused" in timing("walk", "tamis", '{"type": "nonsense"}', [])


def test_checks_forks_and_memory_are_measured(timing: Timing) -> None:
    checked = timing("check", "tamis", json.dumps(SCHEMA), ['{"a": 1}'], 0)
    assert len(checked["first"]) == len(checked["again"]) == len('{"a": 1}')
    assert 0 < timing("fork", "tamis", 1000)["fork"] < 1000
    assert timing("memory", "tamis", [(json.dumps(SCHEMA), ['{"a": 1}'])], 60)["schemas"] == 1


def test_threads_share_automata_or_do_not() -> None:
    found = contend("bytes", [(SCHEMA, ['{"a": 1, "b": false}'])], [2])
    assert [row.shared for row in found] == [True, False]
    assert all(row.cold_tokens > 0 and row.warm_tokens > 0 and row.call.count > 1 for row in found)


def test_figures() -> None:
    found = Figures.of([*range(100), 1000])
    assert (found.count, found.p50, found.p99, found.max) == (101, 50, 99, 1000)
