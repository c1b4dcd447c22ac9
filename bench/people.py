"""A long list of invented people: what runs of a fixed length are asked for."""

from __future__ import annotations

from typing import Any

PROMPT = "A long list of invented people, as JSON:\n"


def people(least: int) -> dict[str, Any]:
    """The JSON Schema of a list of `least` people or more, so many that no run ends early."""
    return {
        "type": "array",
        "minItems": least,
        "items": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "minLength": 1, "maxLength": 40},
                "age": {"type": "integer", "minimum": 0, "maximum": 120},
                "city": {"type": "string", "minLength": 1, "maxLength": 40},
                "tags": {"type": "array", "items": {"enum": ["friend", "colleague", "family"]}, "maxItems": 3},
            },
            "required": ["name", "age", "city"],
            "additionalProperties": False,
        },
    }
