"""atheris target: a pattern and texts; where Python's `re` takes the pattern, both must agree on the texts."""

from __future__ import annotations

import re
import warnings

from harness import examine, fuzz, parts
from tamis.grammars import regex

# `re` backtracks: patterns with more to choose from may keep it busy for ever.
QUANTIFIERS, COUNT, LENGTH = 6, 12, 12


def target(data: bytes) -> None:
    pattern, texts = parts(data)
    examine(lambda: regex(pattern), texts, oracle(pattern))


def oracle(pattern: str):
    if len(re.findall(r"[*+?{]", pattern)) > QUANTIFIERS or any(int(n) > COUNT for n in re.findall(r"\d+", pattern)):
        return lambda text: None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return lambda text: None
    return lambda text: None if len(text) > LENGTH else compiled.fullmatch(text) is not None


if __name__ == "__main__":
    fuzz(target)
