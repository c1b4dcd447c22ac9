"""atheris target: a JSON Schema, as text or built from the bytes, and instances that jsonschema must judge likewise."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import atheris
from harness import examine, fuzz, parts
from tamis.grammars import json_schema

sys.path.insert(0, str(Path(__file__).parents[1] / "grammars"))
from round_trip import KEYS, PATTERNS, Validator, is_exact

TYPES = ["null", "boolean", "integer", "number", "string", "array", "object"]
NUMBERS = [0, 1, -1, 2, 3, 10, 0.5, -2.5, 7, 100]


def target(data: bytes) -> None:
    if data[:1] == b"{":
        source, texts = parts(data)
        examine(lambda: json_schema(source, whitespace="any"), texts, lambda text: None)
        return
    provider = atheris.FuzzedDataProvider(data)
    schema = built_schema(provider, 3)
    instances = [built_instance(provider, 2) for _ in range(provider.ConsumeIntInRange(1, 5))]
    texts = [json.dumps(instance).encode() for instance in instances]

    def judge(text: str) -> bool | None:
        instance = json.loads(text)
        return Validator(schema).is_valid(instance) if is_exact(instance) else None

    source = {"$schema": "http://json-schema.org/draft-07/schema#", "allOf": [schema]}
    examine(lambda: json_schema(source, property_order="any", format="annotate"), texts, judge)


def pick(provider: Any, options: list[Any]) -> Any:
    return options[provider.ConsumeIntInRange(0, len(options) - 1)]


def built_schema(provider: Any, depth: int) -> Any:
    """A schema of draft 7 with a few keywords."""

    def inner() -> Any:
        return built_schema(provider, depth - 1)

    def several(make: Any) -> list[Any]:
        return [make() for _ in range(provider.ConsumeIntInRange(1, 3))]

    def names() -> list[str]:
        return sorted({pick(provider, KEYS) for _ in range(provider.ConsumeIntInRange(0, 3))})

    if depth == 0 or provider.ConsumeIntInRange(0, 9) == 0:
        return pick(
            provider, [True, {}, False, *({"type": name} for name in TYPES), {"const": pick(provider, NUMBERS)}]
        )
    keywords: dict[str, Any] = {
        "type": lambda: pick(provider, [*TYPES, ["string", "null"], ["integer", "array"]]),
        "enum": lambda: several(lambda: built_instance(provider, 1)),
        "const": lambda: built_instance(provider, 2),
        "minimum": lambda: pick(provider, NUMBERS),
        "exclusiveMaximum": lambda: pick(provider, NUMBERS),
        "multipleOf": lambda: pick(provider, [1, 2, 3, 0.5, 7]),
        "minLength": lambda: provider.ConsumeIntInRange(0, 4),
        "maxLength": lambda: provider.ConsumeIntInRange(0, 6),
        "pattern": lambda: pick(provider, PATTERNS),
        "items": lambda: several(inner) if provider.ConsumeBool() else inner(),
        "additionalItems": inner,
        "minItems": lambda: provider.ConsumeIntInRange(0, 3),
        "maxItems": lambda: provider.ConsumeIntInRange(0, 4),
        "uniqueItems": lambda: True,
        "contains": inner,
        "properties": lambda: {name: inner() for name in names()},
        "patternProperties": lambda: {pick(provider, PATTERNS): inner()},
        "additionalProperties": inner,
        "propertyNames": inner,
        "required": names,
        "minProperties": lambda: provider.ConsumeIntInRange(0, 3),
        "maxProperties": lambda: provider.ConsumeIntInRange(0, 4),
        "dependencies": lambda: {pick(provider, KEYS): names() if provider.ConsumeBool() else inner()},
        "allOf": lambda: several(inner),
        "anyOf": lambda: several(inner),
        "oneOf": lambda: several(inner),
        "not": inner,
        "if": inner,
        "then": inner,
        "else": inner,
    }
    words = sorted(keywords)
    chosen = dict.fromkeys(pick(provider, words) for _ in range(provider.ConsumeIntInRange(1, 5)))
    schema = {word: keywords[word]() for word in chosen}
    if isinstance(schema.get("items"), bool):
        schema.pop(
            "additionalItems", None
        )  # jsonschema asks how long `items` is; without a list, nothing depends on it
    return schema


def built_instance(provider: Any, depth: int) -> Any:
    kind = provider.ConsumeIntInRange(0, 7 if depth else 5)
    if kind < 3:
        return pick(provider, [None, True, False, *NUMBERS])
    if kind < 6:
        return pick(provider, ["", "a", "ab", "aab", "x-1", "123-45", "é", "a\n", "e", *KEYS])
    parts = [built_instance(provider, depth - 1) for _ in range(provider.ConsumeIntInRange(0, 3))]
    return parts if kind == 6 else {pick(provider, KEYS): part for part in parts}


if __name__ == "__main__":
    fuzz(target)
