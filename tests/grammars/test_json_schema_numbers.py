"""Ranges and multiples of numbers, spelled in every way, against exact rational arithmetic."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tamis.grammars import GrammarError
from tamis.grammars.json_schema import json_schema

# Few digits, so that bounds and values often share a prefix or coincide.
DECIMALS = st.builds(
    lambda digits, places: Fraction(digits, 10**places),
    st.integers(-1200, 1200) | st.integers(-(10**6), 10**6),
    st.integers(0, 4),
)
BOUNDS = st.sampled_from(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"])


def plain(value: Fraction, zeros: int) -> str:
    """`value` in decimal notation with some trailing zeros behind the point."""
    scaled, places = abs(value), 0
    while scaled.denominator > 1:
        scaled, places = scaled * 10, places + 1
    digits = str(scaled).rjust(places + 1, "0")
    text = digits[: len(digits) - places]
    fraction = digits[len(digits) - places :] + "0" * zeros
    return ("-" if value < 0 else "") + text + ("." + fraction if fraction else "")


def scientific(value: Fraction) -> str:
    """`value`, not 0, in normalised scientific notation."""
    exponent, mantissa = 0, abs(value)
    while mantissa >= 10:
        mantissa, exponent = mantissa / 10, exponent + 1
    while mantissa < 1:
        mantissa, exponent = mantissa * 10, exponent - 1
    return ("-" if value < 0 else "") + plain(mantissa, 0) + f"e{exponent:+03d}"


class Nothing:
    """Stands for the automaton of a schema without instances."""

    def accepts(self, text: bytes) -> bool:
        return False


def compiled(schema: dict[str, Any]) -> Any:
    """The automaton of a schema; skips the example if it is refused by name."""
    try:
        return json_schema(schema).compile()
    except GrammarError as error:
        assume("not supported" not in error.message)
        if "no value" not in error.message:
            raise
        return Nothing()


def admitted(schema: dict[str, Any], bounds: dict[str, Fraction], value: Fraction) -> bool:
    return (
        bounds.get("minimum", value) <= value <= bounds.get("maximum", value)
        and value != bounds.get("exclusiveMinimum")
        and value != bounds.get("exclusiveMaximum")
        and value >= bounds.get("exclusiveMinimum", value)
        and value <= bounds.get("exclusiveMaximum", value)
        and (schema["type"] == "number" or value.denominator == 1)
    )


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.dictionaries(BOUNDS, DECIMALS, max_size=3), st.booleans(), st.lists(DECIMALS, max_size=8), st.integers(0, 2))
def test_ranges(bounds: dict[str, Fraction], integer: bool, values: list[Fraction], zeros: int) -> None:
    schema = {"type": "integer" if integer else "number", **{word: float(bound) for word, bound in bounds.items()}}
    near = [bound + step for bound in bounds.values() for step in (0, Fraction(1, 1000), -Fraction(1, 1000), 1, -1)]
    automaton = compiled(schema)
    single = "minimum" in bounds and bounds["minimum"] == bounds.get("maximum")
    for value in values + near:
        expected = admitted(schema, bounds, value)
        assert automaton.accepts(plain(value, zeros).encode()) is expected, (schema, plain(value, zeros))
        if not integer and value and not single:
            assert automaton.accepts(scientific(value).encode()) is expected, (schema, scientific(value))
        elif value:  # an integer or a constant may be refused in this notation, but never taken for another
            assert automaton.accepts(scientific(value).encode()) <= expected


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.sampled_from([1, 2, 3, 5, 7, 10, 12, 100, 0.5, 0.25, 0.01, 2.5, 0.3, 6.75]),
    st.dictionaries(st.sampled_from(["minimum", "maximum"]), st.integers(-40, 40), max_size=2),
    st.lists(DECIMALS, max_size=6),
    st.lists(st.integers(-300, 300), max_size=6),
    st.integers(0, 2),
)
def test_multiples(step: float, bounds: dict[str, int], values: list[Fraction], factors: list[int], zeros: int) -> None:
    exact = Fraction(repr(step))
    automaton = compiled({"type": "number", "multipleOf": step, **bounds})
    for value in values + [exact * factor for factor in factors]:
        inside = bounds.get("minimum", value) <= value <= bounds.get("maximum", value)
        expected = inside and (value / exact).denominator == 1
        assert automaton.accepts(plain(value, zeros).encode()) is expected, (step, bounds, plain(value, zeros))


@pytest.mark.parametrize(
    ("schema", "accepted", "refused"),
    [
        ('{"type":"integer","minimum":100000000000000001.5}', "100000000000000002", "100000000000000001"),
        ('{"const":0.1000000000000000000001}', "0.1000000000000000000001", "0.1"),
        ('{"type":"number","minimum":1e-400}', "0.1", "0"),
        ('{"const":1e400}', "1" + "0" * 400, "1"),
        ('{"const":[1e-400]}', "[0." + "0" * 399 + "1]", "[0]"),
    ],
)
def test_literals_that_no_double_holds_are_exact(schema: str, accepted: str, refused: str) -> None:
    automaton = json_schema(schema).compile()
    assert automaton.accepts(accepted.encode())
    assert not automaton.accepts(refused.encode())


def test_numbers_of_thousands_of_digits_are_refused_with_their_place() -> None:
    with pytest.raises(GrammarError) as caught:
        json_schema('{"const":\n 1e99999999999999999999}')
    assert (caught.value.line, caught.value.column) == (2, 2)
