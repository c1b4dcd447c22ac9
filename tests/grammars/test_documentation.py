"""The examples of docs/grammars.md run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tamis.grammars import Grammar

GUIDE = Path(__file__).parents[2] / "docs" / "grammars.md"
NAMES = {
    "document": "the words of a document",
    "tools": [{"type": "function", "function": {"name": "now"}}],
}


def test_the_examples_run() -> None:
    blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", GUIDE.read_text(), re.MULTILINE)
    examples = [re.sub(r"^    ", "", block, flags=re.MULTILINE) for block in blocks if "import" in block]
    assert len(examples) == 2
    names: dict[str, Any] = dict(NAMES)
    for example in examples:
        exec(example, names)
    grammars = {name: value for name, value in names.items() if isinstance(value, Grammar)}
    assert set(grammars) >= {"total", "reply", "quote", "call", "thought"}
    for grammar in grammars.values():
        grammar.compile()
