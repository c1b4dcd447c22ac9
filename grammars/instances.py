"""Where in a JSON text one stands, as a JSON pointer."""

from __future__ import annotations

import json


def instance_pointer(prefix: bytes) -> str:
    """The JSON pointer of the value that is under way at the end of `prefix`, the beginning of a JSON text.

    Inside of a key or behind it, before its value, that is the member of this key; between members the object itself.
    """
    text = prefix.decode("utf-8", errors="replace")
    steps: list[str | int | None] = []  # of an object the key under way, of an array the index
    expects_key: list[bool] = []
    at = 0
    while at < len(text):
        character = text[at]
        if character == '"':
            end = _string_end(text, at)
            if steps and expects_key[-1]:
                steps[-1] = _key(text[at:end])
            at = end
            continue
        if character in "{[":
            steps.append(None if character == "{" else 0)
            expects_key.append(character == "{")
        elif character in "}]" and steps:
            steps.pop()
            expects_key.pop()
        elif character == ":" and steps:
            expects_key[-1] = False
        elif character == "," and steps:
            last = steps[-1]
            if isinstance(last, int):
                steps[-1] = last + 1
            else:
                steps[-1] = None
                expects_key[-1] = True
        at += 1
    return "".join(f"/{_escaped(step)}" for step in steps if step is not None)


def _string_end(text: str, at: int) -> int:
    """Behind the string that begins at `at`, or the end of the text."""
    at += 1
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif text[at] == '"':
            return at + 1
        else:
            at += 1
    return len(text)


def _key(literal: str) -> str:
    if len(literal) < 2 or not literal.endswith('"'):
        return literal[1:]  # under way
    try:
        return str(json.loads(literal))
    except ValueError:
        return literal[1:-1]


def _escaped(step: str | int) -> str:
    return str(step).replace("~", "~0").replace("/", "~1")
