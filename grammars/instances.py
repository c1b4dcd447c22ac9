"""Where in a JSON text one stands, as a JSON pointer."""

from __future__ import annotations

import json
import re
from typing import Final

# Strings, the last one perhaps under way, and punctuation; all else between them does not matter.
_TOKENS: Final = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[][{}:,]', re.DOTALL)


def instance_pointer(prefix: bytes) -> str:
    """The JSON pointer of the value that is under way at the end of `prefix`, the beginning of a JSON text.

    Inside of a key or behind it, before its value, that is the member of this key; between members the object itself.
    """
    text = prefix.decode("utf-8", errors="replace")
    steps: list[str | int | None] = []  # of an object the key under way, of an array the index
    expects_key: list[bool] = []
    for token in _TOKENS.finditer(text):
        sign = token[0][0]
        if sign in "{[":
            steps.append(None if sign == "{" else 0)
            expects_key.append(sign == "{")
        elif not steps:
            continue
        elif sign == '"':
            if expects_key[-1]:
                steps[-1] = _key(token[0])
        elif sign in "}]":
            steps.pop()
            expects_key.pop()
        elif sign == ":":
            expects_key[-1] = False
        else:
            last = steps[-1]
            steps[-1] = last + 1 if isinstance(last, int) else None
            expects_key[-1] = not isinstance(last, int)
    return "".join(f"/{_escaped(step)}" for step in steps if step is not None)


def _key(literal: str) -> str:
    try:
        return str(json.loads(literal))
    except ValueError:
        return literal[1:]  # under way


def _escaped(step: str | int) -> str:
    return str(step).replace("~", "~0").replace("/", "~1")
