"""Random schemas and instances: the automaton and jsonschema must agree on every one that compiles."""

from __future__ import annotations

import json
import random
import re
from fractions import Fraction
from math import isfinite
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from tamis.grammars import GrammarError
from tamis.grammars.json_schema import json_schema

KEYS = ["a", "b", "ab", ""]
NUMBERS = st.sampled_from([0, 1, -1, 2, 3, 5, 10, -4, 0.5, 1.0, 2.5, -0.25, 1e-7, 12.75])
STRINGS = st.sampled_from(["", "a", "b", "ab", "ba", "aab", "é", "\\", '"', "a\t", "😀"])
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, STRINGS)
INSTANCES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=6,
)
COUNTS = st.integers(0, 3)
PATTERNS = st.sampled_from(["^a", "b$", "^(a|b)*$", "a.", "^.$"])


NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")


def without_idle_if(words: list[str]) -> list[str]:
    """An `if` alone says nothing, but jsonschema follows a circular $ref inside of it for ever."""
    return words if {"then", "else"} & set(words) else [word for word in words if word != "if"]


def schemas() -> st.SearchStrategy[Any]:
    """Schemas over the same few keys, strings and numbers as the instances, so that keywords meet."""

    def extend(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        maps = st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
        some = st.lists(inner, min_size=1, max_size=3)
        names = st.lists(st.sampled_from(KEYS), max_size=2, unique=True)
        keywords = {
            "type": st.sampled_from(
                ["null", "boolean", "integer", "number", "string", "array", "object", ["string", "integer"]]
            ),
            "enum": st.lists(INSTANCES, min_size=1, max_size=3),
            "const": INSTANCES,
            "minimum": NUMBERS,
            "maximum": NUMBERS,
            "exclusiveMinimum": NUMBERS,
            "exclusiveMaximum": NUMBERS,
            "multipleOf": st.sampled_from([1, 2, 0.5, 3, 0.25]),
            "minLength": COUNTS,
            "maxLength": COUNTS,
            "pattern": PATTERNS,
            "items": inner,
            "prefixItems": some,
            "minItems": COUNTS,
            "maxItems": COUNTS,
            "contains": inner,
            "minContains": COUNTS,
            "maxContains": COUNTS,
            "uniqueItems": st.booleans(),
            "properties": maps,
            "additionalProperties": inner,
            "patternProperties": st.dictionaries(PATTERNS, inner, max_size=2),
            "propertyNames": inner,
            "required": names,
            "minProperties": COUNTS,
            "maxProperties": COUNTS,
            "dependentRequired": st.dictionaries(st.sampled_from(KEYS), names, max_size=2),
            "dependentSchemas": st.dictionaries(st.sampled_from(KEYS), inner, max_size=1),
            "allOf": some,
            "anyOf": some,
            "oneOf": some,
            "not": inner,
            "if": inner,
            "then": inner,
            "else": inner,
            "unevaluatedProperties": inner,
            "unevaluatedItems": inner,
            "$ref": st.sampled_from(["#/$defs/x", "#/$defs/y", "#"]),
        }
        chosen = st.lists(st.sampled_from(sorted(keywords)), min_size=1, max_size=4, unique=True).map(without_idle_if)
        return chosen.flatmap(lambda words: st.fixed_dictionaries({word: keywords[word] for word in words}))

    inner = st.recursive(st.booleans() | st.just({}), extend, max_leaves=5)
    return st.builds(
        lambda schema, x, y: {**schema, "$defs": {"x": x, "y": y}} if isinstance(schema, dict) else schema,
        inner,
        inner,
        inner,
    )


def compiled(schema: Any, **options: Any) -> Any:
    """The automaton; None where no instance is valid. Skips schemas that are refused by name."""
    try:
        return json_schema(schema, format="annotate", **options).compile()
    except GrammarError as error:
        if "no value satisfies" in error.message or "accepts no string" in error.message:
            return None
        if error.pointer is None or not ("not supported" in error.message or "circular" in error.message):
            raise
        raise _Refused from None


def survives_as_double(number: str) -> bool:
    """Whether jsonschema, which works in floating point, sees the number that is written."""
    exponent = number.lower().partition("e")[2]
    if len(exponent) > 4:  # far out of range, and its exact value would fill the memory
        return False
    value = float(number)
    return isfinite(value) and Fraction(number) == Fraction(repr(value))


class _Refused(Exception):
    pass


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(schemas(), st.lists(INSTANCES, min_size=4, max_size=12))
def test_agrees_with_jsonschema(schema: Any, instances: list[Any]) -> None:
    try:
        automaton = compiled(schema, property_order="any")
    except _Refused:
        return
    validator = Draft202012Validator(schema)
    for instance in instances:
        text = json.dumps(instance)
        accepted = automaton is not None and automaton.accepts(text.encode())
        assert accepted == validator.is_valid(instance), (text, schema)


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(schemas(), st.integers(0, 2**32))
def test_every_text_of_the_language_is_valid(schema: Any, seed: int) -> None:
    """Random walks over the bytes end in JSON that jsonschema accepts, escapes, blanks and repeated keys included."""
    try:
        automaton = compiled(schema)
    except _Refused:
        return
    if automaton is None:
        return
    validator = Draft202012Validator(schema)
    generator = random.Random(seed)
    letters = [bytes([byte]) for byte in b'"ab\\{}[]:,0123456789.-+eEtrufalsn \n'] + [
        "é".encode(),
        "😀".encode(),
        b"\\u0061",
    ]
    for _ in range(4):
        state, text = automaton.start, b""
        while len(text) < 120:
            if automaton.is_complete(state) and generator.random() < 0.3:
                break
            shuffled = generator.sample(letters, len(letters))
            if len(text) > 40:  # come to an end
                shuffled.sort(key=lambda letter: letter not in b'"}]')
            moves = ((letter, automaton.advance(state, letter)) for letter in shuffled)
            letter, following = next(((letter, move) for letter, move in moves if move is not None), (b"", None))
            if following is None:
                break
            state, text = following, text + letter
        if automaton.is_complete(state) and all(map(survives_as_double, NUMBER.findall(text.decode()))):
            assert validator.is_valid(json.loads(text)), (text, schema)
