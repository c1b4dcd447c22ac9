"""Random requests of every kind, as many clients might send them."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...engine import critic, predicate, preference
from ...engine.vllm.requests import sampling_params
from ...grammars import Grammar, choice, json_schema, lark, regex

_SQL = (Path(__file__).resolve().parents[2] / "docs" / "examples" / "sql.lark").read_text()
_PROMPTS = (
    "A person as JSON: ",
    "-- The names of all singers older than 30\n",
    "The moon landing was on",
    "A short sentence:",
    "Once upon a time there was a little girl who lived in a village near the forest, and whenever she went out, ",
)


def is_short(text: str) -> bool:
    """A predicate that runs in worker processes."""
    return len(text) < 60


def _schema(draw: random.Random) -> Any:
    names = draw.sample(["name", "age", "city", "tags", "score", "active", "note"], draw.randint(1, 4))
    kinds = [
        {"type": "string", "maxLength": draw.randint(5, 40)},
        {"type": "integer", "minimum": 0, "maximum": draw.randint(1, 10**6)},
        {"type": "boolean"},
        {"type": "array", "items": {"enum": ["red", "green", "blue"]}, "maxItems": 4, "uniqueItems": True},
    ]
    return json_schema(
        {
            "type": "object",
            "properties": {name: draw.choice(kinds) for name in names},
            "required": names,
            "additionalProperties": False,
        }
    )


def _no_letter(draw: random.Random) -> Any:
    letter = draw.choice("abcdefghij")
    return predicate(lambda text: letter not in text[:30])


_CONSTRAINTS: tuple[Callable[[random.Random], Any], ...] = (
    _schema,
    _schema,
    lambda draw: regex(f" [A-Z][a-z]{{1,{draw.randint(3, 30)}}}( [a-z]+){{1,{draw.randint(2, 12)}}}\\."),
    lambda draw: regex(f"[a-z ]{{1,60}}{draw.randint(0, 10**6)}"),
    lambda draw: choice([f" option {draw.randint(0, 10**4)}" for _ in range(draw.randint(2, 30))]),
    lambda draw: lark(_SQL),
    _no_letter,
    lambda draw: _schema(draw) & predicate(lambda text: "zz" not in text),
    lambda draw: None,
)


def request(draw: random.Random, number: int) -> tuple[str, Any]:
    """A prompt and vLLM's sampling parameters; a tenth of the requests have nothing to do with tamis."""
    prompt = draw.choice(_PROMPTS)
    if draw.random() < 0.1:
        from vllm import SamplingParams

        return prompt, SamplingParams(temperature=1.0, max_tokens=draw.randint(1, 60), seed=number)
    options: dict[str, Any] = {
        "particles": draw.choice([1, 1, 2, 4, 8, 16]),
        "max_tokens": draw.choice([4, 20, 60, 120]),
        "seed": number,
        "method": draw.choice(["awrs"] * 6 + ["smc_base", "rerank", "lcd", "base"]),
        "trace": draw.random() < 0.1,
    }
    constraint = draw.choice(_CONSTRAINTS)(draw)
    if options["method"] in ("awrs", "smc_base"):
        options["ess_threshold"] = draw.choice([0.0, 0.5, 1.0])
        options["resampling"] = draw.choice(["systematic", "stratified", "multinomial", "residual"])
        options["early_stop"] = draw.choice([1.0, 1.0, 0.8])
    if options["method"] == "awrs":
        if isinstance(constraint, Grammar):
            options["at_max_tokens"] = draw.choice(["drop", "drop", "complete"])
        if draw.random() < 0.2:
            options["critic"] = critic(lambda text: 0.1 * text.count("e"))
        elif draw.random() < 0.1:
            options["critic"] = preference(regex("[^b]*"), 0.5)
        if draw.random() < 0.3:
            options["estimator"] = draw.choice(["murthy", "geometric", "paper", "recursive", "des_raj", "exact"])
    if draw.random() < 0.2:
        options["stop"] = [draw.choice([".", "\n", "e"])] if constraint is None else None
    return prompt, sampling_params(constraint, **options)
