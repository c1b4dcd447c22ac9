"""What the fuzzers of the Python front ends share: invariants of every automaton, and the loop around a target.

A target takes bytes.  GrammarError and AutomatonLimitError are right answers to anything; every other exception, a
crash, more than the seconds or the memory that libFuzzer is told, or a broken invariant is a finding.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import atheris
import numpy as np
from tamis.grammars import Grammar, GrammarError, Vocabulary
from tamis.grammars._core import AutomatonLimitError

# Parts of an input are separated by this byte, which no UTF-8 text contains.
SEPARATOR = b"\xff"
MEMORY = 256 << 20


def parts(data: bytes) -> tuple[str, list[bytes]]:
    """The source of a grammar, and texts to try on it."""
    source, *texts = data.split(SEPARATOR)
    return source.decode(errors="ignore"), [text[:40] for text in texts[:6]]


def examine(make: Callable[[], Grammar], texts: list[bytes], judge: Callable[[str], bool | None]) -> None:
    """Compile a grammar and check what must hold of any; `judge` says whether a text belongs to it, where it knows."""
    try:
        automaton = make().compile(memory_limit=MEMORY)
    except GrammarError:
        return
    tokens = sorted({text[i:j] for text in texts for i in range(len(text)) for j in (i + 1, i + 2, i + 5)} - {b""})
    vocabulary = Vocabulary([*tokens[:60], b"a", None], eos_ids=[len(tokens[:60]) + 1])
    bound = automaton.bind(vocabulary)
    ids = np.arange(vocabulary.size, dtype=np.int32)
    try:
        for text in texts:
            state: int | None = automaton.start
            for at in range(len(text)):
                if state is None:
                    break
                _compare(bound, state, ids)
                state = automaton.advance(state, text[at : at + 1])
            assert automaton.advance(automaton.start, text) == state, "the same bytes lead to another state"
            accepted = state is not None and automaton.is_complete(state)
            assert automaton.accepts(text) is accepted, "accepts and advance differ"
            try:
                expected = judge(text.decode())
            except UnicodeDecodeError:
                assert not accepted, f"accepts what is no UTF-8: {text!r}"
                continue
            assert expected is None or accepted is expected, f"{'accepts' if accepted else 'rejects'} {text!r}"
    except AutomatonLimitError:
        return


def _compare(bound, state: int, ids: np.ndarray) -> None:
    mask = bound.mask(state)
    allowed = (mask[ids // 32] >> (ids % 32).astype(np.uint32) & 1).astype(bool)
    states = np.array([state], dtype=np.int64)
    assert (bound.check(states, ids[None, :])[0] == allowed).all(), "mask and check differ"
    assert ((bound.advance(np.repeat(states, len(ids)), ids) >= 0) == allowed).all(), "mask and advance differ"


def fuzz(target: Callable[[bytes], None]) -> None:
    """Hand the process to libFuzzer, whose arguments are this program's."""
    atheris.instrument_all()
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
