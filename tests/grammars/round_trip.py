"""Generated schemas, instances that hypothesis-jsonschema generates from them, and mutants of those.

    python -m tests.grammars.round_trip --cases 5000

An instance, in any order of its properties, must be judged as jsonschema judges it, whether generated or mutated; what
is accepted with the properties in declared order must be valid.  Schemas that are refused by name are counted.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import re
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import hypothesis_jsonschema
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException, InvalidArgument
from hypothesis.internal.conjecture.utils import many
from hypothesis_jsonschema import from_schema
from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend
from tamis.grammars import GrammarError, json_schema
from tamis.grammars._core import AutomatonLimitError


class _Many(many):
    """The collections of Hypothesis with the method by which hypothesis-jsonschema 0.23 goes through them, which
    current Hypothesis has replaced by iteration."""

    _steps: Iterator[None] | None = None

    def more(self) -> bool:
        if self._steps is None:
            self.__enter__()
            self._steps = iter(self)
        if next(self._steps, self) is self:
            self.__exit__(None)
            return False
        return True


hypothesis_jsonschema._from_schema.cu = SimpleNamespace(many=_Many)

KEYS = ["id", "name", "a", "b", "list", "", "x-y", "é"]
PATTERNS = ["^[a-z]+$", "^x-", "[0-9]{2}", "^(a|b)*$", "^\\d{3}-\\d{2}$", "e", "^.{2,4}$", "[^a]$"]
INTEGERS = st.integers(-20, 20) | st.integers(-(10**6), 10**6)
# Multiples and bounds that floating point can hold, so that jsonschema computes with them exactly.
NUMBERS = INTEGERS | st.sampled_from([0.5, -0.25, 1.5, 2.0, 100.125, 1e3, -1e-3])
TEXTS = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(["", "a", "name", "12", "\n", '"\\'])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=5,
)
SIZES = st.integers(0, 4)


def schemas() -> st.SearchStrategy[Any]:
    """Schemas of draft 7 as people write them: a type and its keywords, sometimes combined."""

    def some(**keywords: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
        return st.fixed_dictionaries({}, optional=keywords)

    def typed(name: str | list[str], rest: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
        return rest.map(lambda keywords: {"type": name, **keywords})

    numeric = some(
        minimum=NUMBERS,
        maximum=NUMBERS,
        exclusiveMinimum=NUMBERS,
        exclusiveMaximum=NUMBERS,
        multipleOf=st.sampled_from([1, 2, 3, 7, 0.5, 0.25, 10]),
    )
    strings = some(minLength=SIZES, maxLength=st.integers(2, 8), pattern=st.sampled_from(PATTERNS))
    leaf = st.one_of(
        st.just({"type": "null"}),
        st.just({"type": "boolean"}),
        typed("integer", numeric),
        typed("number", numeric),
        typed("string", strings),
        typed("string", strings),
        st.lists(VALUES, min_size=1, max_size=4, unique_by=json.dumps).map(lambda values: {"enum": values}),
        VALUES.map(lambda value: {"const": value}),
        typed(["string", "null", "integer"], some(minLength=SIZES, minimum=NUMBERS)),
        st.sampled_from([{}, True, {"$ref": "#/definitions/leaf"}]),
    )

    def grow(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        names = st.lists(st.sampled_from(KEYS), max_size=3, unique=True)
        several = st.lists(inner, min_size=1, max_size=3)
        array = typed(
            "array",
            some(
                items=inner | several,
                additionalItems=inner | st.booleans(),
                minItems=SIZES,
                maxItems=st.integers(1, 5),
                uniqueItems=st.booleans(),
                contains=inner,
            ),
        )
        thing = typed(
            "object",
            some(
                properties=st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
                required=names,
                additionalProperties=inner | st.booleans(),
                patternProperties=st.dictionaries(st.sampled_from(PATTERNS), inner, max_size=2),
                propertyNames=some(pattern=st.sampled_from(PATTERNS), maxLength=st.integers(1, 6)),
                minProperties=SIZES,
                maxProperties=st.integers(1, 5),
                dependencies=st.dictionaries(st.sampled_from(KEYS), names | inner, max_size=2),
            ),
        )
        combined = st.one_of(
            several.map(lambda parts: {"allOf": parts}),
            several.map(lambda parts: {"anyOf": parts}),
            several.map(lambda parts: {"oneOf": parts}),
            inner.map(lambda part: {"not": part}),
            st.fixed_dictionaries({"if": inner}, optional={"then": inner, "else": inner}),
        )
        beside = st.builds(lambda one, other: {**one, **other}, st.one_of(array, thing), combined)
        return st.one_of(thing, thing, array, combined, beside)

    def closed(schema: Any, definition: Any) -> Any:
        if '"$ref"' in json.dumps(schema):
            schema = {**schema, "definitions": {"leaf": definition}}
        return schema if not isinstance(schema, dict) else {"$schema": Draft7Validator.META_SCHEMA["$id"], **schema}

    plain = leaf.filter(lambda part: not isinstance(part, dict) or "$ref" not in part)
    return st.builds(closed, st.recursive(leaf, grow, max_leaves=6), plain).filter(
        lambda schema: not isinstance(schema, dict) or "$ref" not in schema
    )


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _matches(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _matches(pattern: str, text: str) -> bool:
    """ECMA-262's meaning of the patterns above: $ is the very end, \\d a digit of ASCII, a dot no line end."""
    ecma = pattern.replace("$", r"\Z").replace(r"\d", "[0-9]").replace(".{", "[^\n\r\u2028\u2029]{")
    return re.search(ecma, text) is not None


def _pattern_properties(validator: Any, patterns: dict[str, Any], instance: Any, _schema: Any) -> Iterator[Any]:
    if isinstance(instance, dict):
        for pattern, part in patterns.items():
            for key, value in instance.items():
                if _matches(pattern, key):
                    yield from validator.descend(value, part, path=key, schema_path=pattern)


def _additional_properties(validator: Any, part: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if isinstance(instance, dict):
        for key, value in instance.items():
            known = key in schema.get("properties", {})
            if not known and not any(_matches(pattern, key) for pattern in schema.get("patternProperties", {})):
                yield from validator.descend(value, part, path=key)


Validator = extend(
    Draft7Validator,
    {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
    },
)


def mutant(draw: Any, instance: Any) -> Any:
    """The instance with one part changed, added or taken away."""
    mutated = copy.deepcopy(instance)
    places: list[tuple[Any, Any]] = []

    def visit(value: Any) -> None:
        inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, part in inside:
            places.append((value, key))
            visit(part)

    visit(mutated)
    if not places:
        return draw(_changed(instance))
    parent, key = draw(st.sampled_from(places))
    what = draw(st.sampled_from(["change", "change", "remove", "add", "replace"]))
    if what == "change":
        parent[key] = draw(_changed(parent[key]))
    elif what == "replace":
        parent[key] = draw(VALUES)
    elif what == "remove":
        del parent[key]
    elif isinstance(parent, dict):
        parent[draw(st.sampled_from(KEYS) | TEXTS)] = draw(VALUES)
    else:
        parent.insert(key, copy.deepcopy(parent[key]) if draw(st.booleans()) else draw(VALUES))
    return mutated


def _changed(value: Any) -> st.SearchStrategy[Any]:
    """Values near one."""
    if isinstance(value, bool) or value is None:
        return st.sampled_from([True, False, None, 0, 1, "null"])
    if isinstance(value, int):
        return st.sampled_from([value + 1, value - 1, -value, value * 2, str(value)])
    if isinstance(value, float):
        near = [value + 1, -value, value / 2, math.floor(value)]
        return st.sampled_from([number for number in near if math.isfinite(number)])
    if isinstance(value, str):
        return st.sampled_from([value[1:], value[:-1], value + "a", value + "é", value + "0", value * 2, value.upper()])
    return VALUES


def is_exact(value: Any) -> bool:
    """Whether jsonschema's floating point computes with every number of the instance exactly."""
    if isinstance(value, float):
        return abs(value) < 2**40 and (value * 2**20).is_integer()
    if isinstance(value, dict):
        return all(map(is_exact, value.values()))
    return all(map(is_exact, value)) if isinstance(value, list) else True


class Tally:
    """What the cases came to."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.disagreements: list[str] = []

    def disagree(self, how: str, schema: Any, instance: Any) -> None:
        self.counts[how] += 1
        self.disagreements.append(f"{how}: {json.dumps(instance)} under {json.dumps(schema)}")


def automata(schema: Any, tally: Tally) -> dict[str, Any] | None:
    """The automata by property order, None for one that accepts nothing; None in all where the schema is refused."""
    made: dict[str, Any] = {}
    for order in ("any", "declared"):
        try:
            made[order] = json_schema(schema, property_order=order, format="annotate").compile()
        except GrammarError as error:
            if "no value" in error.message or "accepts no string" in error.message:
                made[order] = None
                continue
            tally.refusals[re.sub(r"'[^']*'", "'...'", error.message)] += 1
            return None
    return made


def judge(made: dict[str, Any], schema: Any, kind: str, instance: Any, tally: Tally, ascii_only: bool) -> None:
    """Compare the automata with jsonschema on one instance."""
    if not is_exact(instance):
        tally.counts[f"{kind}: not exact in floating point, left out"] += 1
        return
    valid = Validator(schema).is_valid(instance)
    text = json.dumps(instance, ensure_ascii=ascii_only).encode()
    try:
        accepted = {order: made[order] is not None and made[order].accepts(text) for order in made}
    except AutomatonLimitError:
        tally.counts[f"{kind}: past a limit"] += 1
        return
    if accepted["any"] and not valid:
        tally.disagree("WRONGLY ACCEPTED", schema, instance)
    elif valid and not accepted["any"]:
        tally.disagree("WRONGLY REJECTED", schema, instance)
    elif accepted["declared"] and not valid:
        tally.disagree("WRONGLY ACCEPTED in declared order", schema, instance)
    else:
        tally.counts[f"{kind}: {'valid' if valid else 'invalid'}, as jsonschema says"] += 1


def case(data: st.DataObject, tally: Tally) -> None:
    """One schema, an instance of it, and two mutants."""
    schema = data.draw(schemas())
    made = automata(schema, tally)
    if made is None:
        tally.counts["schemas refused by name"] += 1
        return
    tally.counts["schemas compiled" if made["any"] is not None else "schemas that admit nothing"] += 1
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            strategy = from_schema(json.loads(json.dumps(schema)))  # which may change what it is given
            instance = data.draw(VALUES if strategy.is_empty else strategy)
    except InvalidArgument:
        instance = data.draw(VALUES)
    tally.counts["cases"] += 1
    judge(made, schema, "generated", instance, tally, data.draw(st.booleans()))
    for _ in range(2):
        judge(made, schema, "mutated", mutant(data.draw, instance), tally, data.draw(st.booleans()))


def explore(cases: int, tally: Tally, seconds: float = math.inf) -> None:
    """Run new cases until `cases` of them had an instance; disagreements are collected."""
    end = time.monotonic() + seconds

    @settings(
        max_examples=200,
        deadline=None,
        database=None,
        derandomize=False,
        print_blob=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def batch(data: st.DataObject) -> None:
        if tally.counts["cases"] < cases and time.monotonic() < end:
            case(data, tally)

    while tally.counts["cases"] < cases and time.monotonic() < end:
        try:
            batch()
        except HypothesisException as error:
            tally.counts[f"batches given up by hypothesis: {type(error).__name__}"] += 1


def main() -> int:
    parser = argparse.ArgumentParser(description="hypothesis-jsonschema round trip.")
    parser.add_argument("--cases", type=int, default=5000, help="how many schemas with their instances")
    tally = Tally()
    explore(parser.parse_args().cases, tally)
    for what, count in sorted(tally.counts.items()):
        print(f"{count:>8}  {what}")
    for reason, count in tally.refusals.most_common():
        print(f"{count:>8}  refused: {reason}")
    for line in sorted(tally.disagreements, key=len)[:20]:
        print(line)
    return 1 if tally.disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
