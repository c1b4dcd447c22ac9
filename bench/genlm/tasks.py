"""What both libraries are asked: prompts, constraints in the notation that both read, and bounds on the length."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ...grammars import Grammar, json_schema, lark, regex


@dataclass(frozen=True)
class Task:
    """A prompt and a constraint.

    Attributes:
        kind: "json_schema", "regex" or "cfg".
        source: of the constraint, as a string: JSON, Python's `re`, or a Lark grammar.
        same_language: whether both libraries read the source as the same set of texts, so that evidences compare.
            Masses of single texts always do: they are the model's own.
    """

    name: str
    prompt: str
    kind: str
    source: str
    max_tokens: int
    same_language: bool

    def grammar(self) -> Grammar:
        """The constraint, as tamis reads it."""
        if self.kind == "json_schema":
            schema: Any = json.loads(self.source)
            return json_schema(schema, whitespace="any", property_order="any")
        return regex(self.source) if self.kind == "regex" else lark(self.source)


def _chat(question: str) -> str:
    # Written out, so that both libraries see the same tokens.
    return f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"


_SHOP = {
    "type": "object",
    "properties": {"item": {"enum": ["apple", "bread", "cheese", "coffee", "milk", "rice", "tea"]}},
    "required": ["item"],
    "additionalProperties": False,
}
_PALINDROMES = """
start: "a" start "a" | "b" start "b" | "c"
"""

# Few short texts, of which both see the same ones often enough to compare their probabilities.
SHORT = (
    Task(
        "JSON Schema, short",
        _chat('Name one thing to buy, as JSON like {"item": "sugar"} or {"item": "beer"}, and nothing else.'),
        "json_schema",
        json.dumps(_SHOP),
        24,
        same_language=False,  # blanks around the value, escapes in strings
    ),
    Task(
        "regular expression, short",
        _chat("When did Neil Armstrong walk on the moon? Answer with the date alone.") + "On",
        "regex",
        r" (June|July|August) (1?\d|2\d|3[01]), 19\d\d",
        20,
        same_language=True,
    ),
    Task(
        "context-free grammar, short",
        _chat("Write a palindrome with c in the middle, such as abcba, bcb, aca or bacab, and nothing else."),
        "cfg",
        _PALINDROMES,
        20,
        same_language=True,
    ),
)

_DISH = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "minutes": {"type": "integer"},
        "vegetarian": {"type": "boolean"},
        "ingredients": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["title", "minutes", "vegetarian", "ingredients"],
    "additionalProperties": False,
}
_SENTENCE = r"[A-Z][a-z]+( [a-z]+){5,14}\."
_ARITHMETIC = """
start: sum
sum: product (("+" | "-" | " + " | " - ") product)*
product: factor (("*" | "/" | " * " | " / ") factor)*
factor: NUMBER | "(" sum ")"
NUMBER: /[0-9]+/
"""

# What people ask for: answers of some dozens of tokens.
LONG = (
    Task(
        "JSON Schema",
        _chat("Describe a dish as JSON: its title, minutes, vegetarian (true or false) and a list of ingredients."),
        "json_schema",
        json.dumps(_DISH),
        64,
        same_language=False,
    ),
    Task(
        "regular expression",
        _chat("Tell me about the sea, in three sentences."),
        "regex",
        f"{_SENTENCE} {_SENTENCE} {_SENTENCE}",
        64,
        same_language=True,
    ),
    Task(
        "context-free grammar",
        _chat("Write a long sum of products with brackets, such as (12 + 3) * (4 - 5 * (6 + 7)), and nothing else."),
        "cfg",
        _ARITHMETIC,
        64,
        same_language=False,  # where a number ends
    ),
)
