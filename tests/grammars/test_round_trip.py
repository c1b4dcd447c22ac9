"""hypothesis-jsonschema round trip: instances it generates, and mutants, are judged as jsonschema judges them."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_jsonschema import from_schema
from hypothesis_jsonschema._from_schema import STRING_FORMATS
from round_trip import Tally, case, explore
from tamis.grammars import json_schema
from tamis.grammars.json_schema.formats import KNOWN_FORMATS


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_round_trip(data: st.DataObject) -> None:
    tally = Tally()
    case(data, tally)
    assert not tally.disagreements


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_5000_new_cases() -> None:
    tally = Tally()
    explore(5000, tally)
    print(dict(tally.counts), dict(tally.refusals))
    assert not tally.disagreements


# For "regex" the generator makes expressions of Python.
@pytest.mark.parametrize("name", sorted((KNOWN_FORMATS & set(STRING_FORMATS)) - {"regex"}))
def test_generated_formats(name: str) -> None:
    """A leap second that the generator puts at any time, as RFC 3339 does not, may be rejected."""
    schema = {"type": "string", "format": name}
    automaton = json_schema(schema).compile()

    @settings(max_examples=25, suppress_health_check=list(HealthCheck))
    @given(from_schema(schema))
    def generated_is_accepted(text: str) -> None:
        assert automaton.accepts(json.dumps(text).encode()) or ":60" in text

    generated_is_accepted()
