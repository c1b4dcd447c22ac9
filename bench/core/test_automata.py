"""The cost of one batched check, and the memory of many automata."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tamis.bench.report import Report
from tamis.engine import Engine
from tamis.grammars import GrammarError, json_schema

MASKBENCH = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "maskbench_dev.jsonl.gz"
CANDIDATES = 32
AUTOMATA = 1000


def test_check(benchmark: Any, engine: Engine, report: Report) -> None:
    """One state of a schema, 32 random candidates, from Python, after warm-up."""
    schema = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 40}}, "required": ["name"]}
    automaton = json_schema(schema).compile().bind(engine.vocabulary)
    inside = automaton.replay(np.array(engine.tokenizer('{"name": "Ada Love')["input_ids"], dtype=np.int32))
    assert inside >= 0
    states = np.array([inside], dtype=np.int64)
    tokens = np.random.default_rng(0).integers(100, 49000, size=(1, CANDIDATES)).astype(np.int32)
    benchmark(automaton.check, states, tokens)
    microseconds = benchmark.stats.stats.median * 1e6
    report.add(f"check of {CANDIDATES} candidates", f"{microseconds:.2f} us", "-", "-", "<= 10 us")


def test_memory(benchmark: Any, engine: Engine, report: Report) -> None:
    """Resident memory of 1,000 compiled schemas bound to the vocabulary, each walked through one valid instance."""
    if not MASKBENCH.exists():
        pytest.skip(f"{MASKBENCH.name} is not beside the project")
    vocabulary = engine.vocabulary
    with gzip.open(MASKBENCH, "rt", encoding="utf-8") as lines:
        cases = [json.loads(line) for line in lines]
    kept: list[Any] = []

    def compile_all() -> None:
        for case in cases:
            if len(kept) == AUTOMATA:
                return
            try:
                automaton = json_schema(case["schema"]).compile()
            except GrammarError:
                continue
            for test in case["tests"][:1]:
                automaton.advance(automaton.start, json.dumps(test["data"]).encode())
            kept.append(automaton.bind(vocabulary))

    before = resident()
    benchmark.pedantic(compile_all, rounds=1)
    mib = (resident() - before + vocabulary.memory_bytes) / 2**20
    report.add(f"memory of {len(kept)} automata and the vocabulary", f"{mib:.0f} MiB", "-", "-", "<= 1024 MiB")


def resident() -> int:
    """Resident set size of this process in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
