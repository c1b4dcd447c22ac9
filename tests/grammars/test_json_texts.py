"""The schema `true` as the grammar of JSON itself, against JSONTestSuite and Python's own reader."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest
from tamis.grammars import json_schema

SUITE = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "json_test_suite.jsonl.gz"


@pytest.mark.skipif(not SUITE.exists(), reason=f"the test suite is not at {SUITE}")
@pytest.mark.parametrize("whitespace", ["any", "flexible"])
def test_suite(whitespace: str) -> None:
    automaton = json_schema(True, whitespace=whitespace).compile()
    with gzip.open(SUITE, "rt", encoding="utf-8") as lines:
        cases = {case["name"]: bytes.fromhex(case["hex"]) for case in map(json.loads, lines)}
    assert len(cases) > 300
    for name, text in cases.items():
        accepted = automaton.accepts(text)
        if name.startswith("y_"):
            assert accepted, name
        elif name.startswith("n_"):
            assert not accepted, name


def test_mutated_texts_are_judged_as_python_reads_them() -> None:
    automaton = json_schema(True, whitespace="any").compile()
    pick = random.Random(1)
    seeds = ['{"a": [1, -0.5e+10, true, null], "b\\u00e9\\n": {"c": ""}}', "[[], {}, 0, 1E2, -0]", ' "\\ud83d\\ude00" ']
    characters = '{}[]:,"\\ \t\n0123456789.eE+-truefalsn\u00e9\u0000\x1f/u'
    accepted = 0
    for _ in range(20_000):
        text = list(pick.choice(seeds))
        for _ in range(pick.randrange(1, 4)):
            at = pick.randrange(len(text) + 1)
            text[at : at + pick.randrange(2)] = pick.choice(characters) if pick.random() < 0.7 else ""
        string = "".join(text)
        try:
            json.loads(string, parse_constant=_refuse)
            valid = True
        except ValueError:
            valid = False
        # A lone surrogate is no Unicode text: Python reads it, tamis does not.
        if valid and any(0xD800 <= ord(c) <= 0xDFFF for c in json.dumps(json.loads(string), ensure_ascii=False)):
            continue
        assert automaton.accepts(string.encode()) is valid, string
        accepted += valid
    assert accepted > 2000


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
