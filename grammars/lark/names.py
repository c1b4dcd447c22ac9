"""Names of lark's rules and terminals as a reader of the grammar knows them."""

from __future__ import annotations

import json
import re
from typing import Final

from .internals import TerminalDef

_HELPER: Final = re.compile(r"__(.+)_(?:star|plus)_\d+")


def rule_name(name: str) -> str:
    """The rule that was written: lark makes helpers of repetitions, and a root of its own."""
    helper = _HELPER.fullmatch(name)
    return helper[1] if helper else name.removeprefix("$root_")


def terminal_name(terminal: TerminalDef) -> str:
    """The name of a terminal, with its text if it is one; nameless ones are their pattern."""
    pattern = terminal.pattern
    if pattern.type == "str":
        return json.dumps(pattern.value, ensure_ascii=False)
    if not terminal.name.startswith("__"):
        return str(terminal.name)
    return "/" + "".join(c if c.isprintable() else repr(c)[1:-1] for c in pattern.value) + "/"
