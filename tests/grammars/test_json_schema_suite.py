"""The official JSON-Schema-Test-Suite: what passes stays so, nothing is judged wrongly, the rest is refused."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tamis.grammars import GrammarError
from tamis.grammars.json_schema import json_schema

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
SUITE, REMOTES = DATA / "json_schema_test_suite.jsonl.gz", DATA / "json_schema_remotes.json.gz"
pytestmark = pytest.mark.skipif(not SUITE.exists(), reason=f"the test suite is not at {SUITE}")

DIALECTS = {
    "draft2020-12": "https://json-schema.org/draft/2020-12/schema",
    "draft7": "http://json-schema.org/draft-07/schema#",
}
# Second 60 with other offsets than UTC is left out: rejected, never accepted wrongly. Punycode is not decoded.
NARROWER = {"optional/format/date-time.json", "optional/format/time.json"}
WIDER = {"optional/format/hostname.json"}


def groups(draft: str, prefix: str) -> list[dict[str, Any]]:
    """The suite's groups of a draft: the required ones, or those of a folder."""
    with gzip.open(SUITE, "rt") as lines:
        every = [json.loads(line) for line in lines]
    return [
        group
        for group in every
        if group["draft"] == draft
        and (group["file"].startswith(prefix) if prefix else not group["file"].startswith("optional/"))
    ]


def outcomes(draft: str, prefix: str, **options: Any) -> tuple[Counter[str], list[str]]:
    """Counts of outcomes, and the wrong ones in words."""
    with gzip.open(REMOTES, "rt") as file:
        remotes = json.load(file)
    counts: Counter[str] = Counter()
    wrong = []
    for group in groups(draft, prefix):
        schema = group["schema"]
        if isinstance(schema, dict) and "$schema" not in schema:
            schema = {"$schema": DIALECTS[draft], **schema}
        try:
            automaton = json_schema(schema, property_order="any", resources=remotes, **options).compile()
        except GrammarError as error:
            if "no value" not in error.message and "accepts no string" not in error.message:
                counts["refused"] += len(group["tests"])
                continue
            automaton = None
        for test in group["tests"]:
            accepted = automaton is not None and automaton.accepts(json.dumps(test["data"]).encode())
            outcome = "passed" if accepted is test["valid"] else "accepted wrongly" if accepted else "rejected wrongly"
            if outcome == "rejected wrongly" and group["file"] in NARROWER:
                outcome = "narrower"
            if outcome == "accepted wrongly" and group["file"] in WIDER and "xn--" in test["data"].lower():
                outcome = "wider"
            counts[outcome] += 1
            if "wrongly" in outcome:
                wrong.append(f"{outcome}: {group['file']}: {group['description']}: {test['description']}")
    print(f"{draft} {prefix or 'required'}: {dict(counts)}")
    return counts, wrong


@pytest.mark.parametrize(("draft", "passed"), [("draft2020-12", 1224), ("draft7", 874)])
def test_required(draft: str, passed: int) -> None:
    counts, wrong = outcomes(draft, "", format="annotate")
    assert not wrong
    assert counts["passed"] >= passed


@pytest.mark.parametrize("file", ["id", "unknownKeyword", "refOfUnknownKeyword"])
@pytest.mark.parametrize("draft", DIALECTS)
def test_identifiers(draft: str, file: str) -> None:
    counts, wrong = outcomes(draft, f"optional/{file}.json", format="annotate")
    assert not wrong
    assert not counts["refused"]


@pytest.mark.parametrize(("draft", "passed"), [("draft2020-12", 626), ("draft7", 539)])
def test_formats(draft: str, passed: int) -> None:
    counts, wrong = outcomes(draft, "optional/format/", format="assert")
    assert not wrong
    assert counts["passed"] >= passed
