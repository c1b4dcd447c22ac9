"""Rows of SmolLM2 along texts that real grammars accept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from ...engine.constraint import allowed_tokens
from ...engine.models import resolve_model
from ...grammars import Grammar, Vocabulary, json_schema, lark, regex
from .families import Row

_EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"

# Prompt, grammar, texts: what someone might ask for, and what a model may answer.
_RECIPE = {
    "name": "Tomato soup",
    "servings": 4,
    "minutes": 35,
    "vegetarian": True,
    "ingredients": [{"item": "tomatoes", "grams": 800}, {"item": "onion", "grams": 120}],
}
_ITEM = {
    "type": "object",
    "properties": {"item": {"type": "string"}, "grams": {"type": "integer", "minimum": 1}},
    "required": ["item", "grams"],
    "additionalProperties": False,
}
_SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 40},
        "servings": {"type": "integer", "minimum": 1, "maximum": 12},
        "minutes": {"type": "integer", "minimum": 1, "maximum": 600},
        "vegetarian": {"type": "boolean"},
        "ingredients": {"type": "array", "items": _ITEM, "minItems": 1},
    },
    "required": ["name", "servings", "minutes", "vegetarian", "ingredients"],
    "additionalProperties": False,
}


_SQL = {
    "The names of all singers older than 30, oldest first": "SELECT name FROM singer WHERE age > 30 ORDER BY age DESC",
    "How many concerts were held in each stadium?": "SELECT stadium, COUNT(*) FROM concert GROUP BY stadium",
}


def sources() -> dict[str, list[tuple[str, Grammar, str]]]:
    """Family to (prompt, grammar, text)."""
    sql = lark((_EXAMPLES / "sql.lark").read_text())
    return {
        "SmolLM2 under JSON Schema": [("A recipe as JSON: ", json_schema(_SCHEMA), json.dumps(_RECIPE))],
        "SmolLM2 under SQL": [(f"-- {question}\n", sql, query) for question, query in _SQL.items()],
        "SmolLM2 under regular expressions": [
            ("The moon landing was on", regex(r" (19|20)\d\d-(0[1-9]|1[0-2])-([0-2]\d|3[01])"), " 1969-07-20"),
            ("Write to us:", regex(r" [a-z.]{2,20}@[a-z]{2,12}\.(com|org|net)"), " info@example.org"),
            ("A short sentence:", regex(r" [A-Z][a-z]+( [a-z]+){2,8}\."), " The cat sat on the old mat."),
            ("Call", regex(r" \+?\d{1,3}[ -]\d{3}[ -]\d{4,7}"), " +44 207 9460018"),
        ],
    }


def recorded(count: int) -> dict[str, list[Row]]:
    """At most `count` rows per family, evenly spaced along the texts, the end included."""
    folder = resolve_model("smollm2-135m")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    size = model.config.vocab_size
    vocabulary = Vocabulary.from_tokenizer(tokenizer, eos_ids=[tokenizer.eos_token_id], size=size)
    families = {}
    for name, texts in sources().items():
        rows = []
        for prompt, grammar, text in texts:
            bound = grammar.compile().bind(vocabulary)
            before, after = tokenizer(prompt)["input_ids"], tokenizer(text)["input_ids"]
            with torch.no_grad():
                logits = model(torch.tensor([before + after])).logits[0, len(before) - 1 :].float().numpy()
            for position in range(len(after) + 1):
                state = bound.replay(np.array(after[:position], dtype=np.int32))
                if state < 0:
                    raise ValueError(f"the grammar of {name!r} rejects {text!r} at token {position}")
                ok = np.zeros(size, dtype=np.bool_)
                ok[allowed_tokens(bound.mask(state), size)] = True
                rows.append(Row(logits[position].copy(), ok))
        families[name] = [rows[i] for i in np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int)]
    return families
