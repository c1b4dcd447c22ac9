"""Hostile grammars end in a typed error or a right answer, within bounded time and memory."""

from __future__ import annotations

from functools import cache

import pytest
from hostile.run import CASES, Outcome, run

SHORT = [name for name, case in CASES.items() if not case.slow]


@cache
def short_outcomes() -> dict[str, Outcome]:
    return dict(run(SHORT))


@pytest.mark.parametrize("name", SHORT)
def test_short(name: str) -> None:
    assert not short_outcomes()[name].finding


# Sources of megabytes that still take too long or too much memory.
KNOWN = {
    "schema properties 20000 deep",
    "schema oneOf of 300 that overlap",
    "schema oneOf of 1,000 kinds",
    "schema 100,000 properties",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CASES if name not in SHORT])
def test_slow(name: str) -> None:
    (outcome,) = dict(run([name])).values()
    if outcome.finding and name in KNOWN:
        pytest.xfail(outcome.finding)
    assert not outcome.finding
