"""Pieces of a text: characters, words, lines, against Python's `in` and against lists of pieces."""

from __future__ import annotations

import itertools
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tamis.grammars import Grammar, regex, substring_of

TEXTS = st.text("aé b\n", max_size=12)


def pieces(text: str, unit: str) -> set[str]:
    if unit == "words":
        spans = [match.span() for match in re.finditer(r"[^ \t-\r]+", text)]
        return {text[a:d] for (a, _), (_, d) in itertools.product(spans, spans) if a < d} | {""}
    if unit == "lines":
        ends = [0, *(match.end() for match in re.finditer(r"\n|[^\n]\Z", text))]
        whole = {text[a:b] for a, b in itertools.combinations(ends, 2)}
        return whole | {piece.removesuffix("\n") for piece in whole} | {""}
    return {text[a:b] for a, b in itertools.combinations(range(len(text) + 1), 2)} | {""}


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.text("aé b\n", max_size=6), st.sampled_from(["characters", "words", "lines"]))
def test_exactly_the_pieces(text: str, other: str, unit: str) -> None:
    automaton = substring_of(text, unit=unit).compile()  # type: ignore[arg-type]
    members = pieces(text, unit)
    if unit == "characters":
        assert automaton.accepts(other.encode()) == (other in text)
    for candidate in members | pieces(text, "characters") | {other}:
        assert automaton.accepts(candidate.encode()) == (candidate in members), candidate
    # A prefix is let in exactly if it can be completed.
    prefixes = {data[:n] for data in (member.encode() for member in members) for n in range(len(data) + 1)}
    others = [piece.encode() for piece in pieces(text, "characters")]
    for prefix in {data[:n] for data in others for n in range(len(data) + 1)}:
        assert (automaton.advance(automaton.start, prefix) is not None) == (prefix in prefixes), prefix


def test_examples() -> None:
    quote = substring_of("The cat  sat.\nOn the mat.\n", unit="words").compile()
    assert quote.accepts(b"cat  sat.\nOn")
    for wrong in (b"cat sat.", b"at  sat.", b"cat ", b" cat", b"cat  sat"):
        assert not quote.accepts(wrong), wrong
    lines = substring_of("a\n\nbc\n", unit="lines").compile()
    for right in (b"a", b"a\n", b"a\n\n", b"\n", b"\nbc", b"bc\n", b""):
        assert lines.accepts(right), right
    for wrong in (b"b", b"c\n", b"a\nbc", b"\n\n"):
        assert not lines.accepts(wrong), wrong


def test_bytes_that_mark_units_are_no_text() -> None:
    for unit in ("characters", "words", "lines"):
        automaton = substring_of("a b\nc", unit=unit).compile()  # type: ignore[arg-type]
        for byte in (b"\xfe", b"\xff", b"\x80"):
            assert automaton.advance(automaton.start, byte) is None


def test_it_combines() -> None:
    grammar = '"' + (substring_of("to be or not to be", unit="words") & regex(".{5,}")) + '"'
    assert grammar.compile().accepts(b'"not to"')
    assert not grammar.compile().accepts(b'"not"')


@pytest.mark.parametrize("text", ["ab" * 500_000, "a" * 1_000_000, "".join(f"{i * i}\n" for i in range(90_000))])
def test_a_megabyte(text: str) -> None:
    began = time.process_time()
    for unit in ("characters", "words", "lines"):
        automaton = substring_of(text, unit=unit).compile()  # type: ignore[arg-type]
        assert automaton.memory_bytes < 150_000_000
        assert automaton.advance(automaton.start, text[:50].encode()) is not None
        assert automaton.accepts(text[-30:].encode()) == (unit == "characters")
    assert time.process_time() - began < 60


def test_specification() -> None:
    grammar = substring_of("a b", unit="words")
    assert Grammar.from_spec(grammar.to_spec()) == grammar
    assert grammar != substring_of("a b")
