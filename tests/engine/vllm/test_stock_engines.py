"""The same parts inside vLLM's own `LLM` and `AsyncLLM`, where worker and scheduler may be processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tamis.bench.exactness.llamas import PROMPT
from tamis.engine import Engine
from tamis.grammars import Grammar


def run(kind: str, folder: Path) -> dict[str, Any]:
    script = Path(__file__).with_name("stock_engines.py")
    done = subprocess.run(
        [sys.executable, str(script), kind, str(folder)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    report: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return report


def expected(engine: Engine) -> list[list[int]]:
    result = engine.generate(
        PROMPT, Grammar("regex", "(ab|ba|cc|d)*"), particles=8, seed=3, max_tokens=20, ess_threshold=0.9
    )
    return [list(sample.token_ids) for sample in result.samples]


def test_llm(tiny_folder: Path, engine: Engine) -> None:
    report = run("llm", tiny_folder)
    assert [sample["token_ids"] for sample in report["first"]["samples"]] == expected(engine)
    assert report["reason"] == report["first"]["status"] == "stop"
    assert report["text"] in {sample["text"] for sample in report["first"]["samples"] if sample["weight"] > 0}
    assert report["plain"] == 9
    assert report["registered"] == 0
    assert all("c" not in sample["text"] for sample in report["third"]["samples"])


def test_async_llm(tiny_folder: Path, engine: Engine) -> None:
    report = run("async", tiny_folder)
    assert [sample["token_ids"] for sample in report["first"]["samples"]] == expected(engine)
    assert report["plain"] == [9] * 4
    # One output per group: what particles drew before they were overwritten never got out.
    assert set(report["pieces"]) == {1}
    assert len(report["after"]["samples"]) == 16
    assert "cannot leave its process" in report["predicate"]
    assert "particles=17 exceeds max_num_seqs=16" in report["too many"]
