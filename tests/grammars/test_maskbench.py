"""The MaskBench share of real-world schemas: nearly all compile, no invalid instance is accepted."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest
from tamis.grammars import GrammarError
from tamis.grammars.json_schema import json_schema

FILE = Path(__file__).parents[2] / ".." / "shared" / "data" / "maskbench_dev.jsonl.gz"


@pytest.mark.skipif(not FILE.exists(), reason=f"the schemas are not at {FILE}")
def test_maskbench() -> None:
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    accepted_wrongly, rejected_wrongly = [], []
    with gzip.open(FILE, "rt") as lines:
        for line in lines:
            case = json.loads(line)
            try:
                automaton = json_schema(case["schema"]).compile()
            except GrammarError as error:
                counts["schemas refused"] += 1
                reasons[error.message] += 1
                continue
            counts["schemas compiled"] += 1
            unordered = None
            for test in case["tests"]:
                text = json.dumps(test["data"]).encode()
                accepted = automaton.accepts(text)
                if accepted is test["valid"]:
                    counts["instances judged rightly"] += 1
                elif accepted:
                    accepted_wrongly.append(case["name"])
                else:
                    # The order of the properties is the only reason left: with any order it must be accepted.
                    unordered = unordered or json_schema(case["schema"], property_order="any").compile()
                    if unordered.accepts(text):
                        counts["valid, in another order than declared"] += 1
                    else:
                        rejected_wrongly.append(case["name"])
    print(dict(counts))
    print(*(f"{count} refused: {reason}" for reason, count in reasons.most_common()), sep="\n")
    assert not accepted_wrongly
    assert not rejected_wrongly
    assert counts["schemas compiled"] >= 1389
