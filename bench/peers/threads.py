"""Many threads on the same automata: does anybody wait for anybody?

The measure is against threads that share nothing: as many, on the same cores, each with automata of its own.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...grammars import Vocabulary, json_schema
from ...grammars._core import TokenAutomaton
from .figures import Figures
from .tokens import VOCABULARIES

STATES, CANDIDATES = 64, 32  # of one call
_SECONDS = 1.0  # of checking

Text = tuple[int, NDArray[np.int32]]  # which automaton reads it, its tokens
_serial = count()


@dataclass(frozen=True)
class Contention:
    """`threads` threads, on the same automata or not; rates are of all of them together, per second."""

    threads: int
    shared: bool
    cold_tokens: float  # reading all texts under automata that nobody has used
    warm_tokens: float  # and once more
    checks: float
    call: Figures  # microseconds of one call of 64 x 32 checks


def contend(vocabulary: str, cases: Sequence[tuple[Any, Sequence[str]]], threads: Sequence[int]) -> list[Contention]:
    """Both ways for each number of threads.  `cases`: schemas, each a JSON object, with texts that they accept."""
    tokens = VOCABULARIES[vocabulary]()
    bound = Vocabulary(tokens.texts, [tokens.eos])
    schemas = [schema for schema, _ in cases]
    texts = [(n, np.array(tokens.encode(t), dtype=np.int32)) for n, (_, case) in enumerate(cases) for t in case]
    candidates = np.random.default_rng(0).integers(0, len(tokens.texts), (STATES, CANDIDATES)).astype(np.int32)
    for index, text in texts:  # whatever the process does once only
        _fresh(schemas[index], bound).replay(text)
    return [_contend(bound, schemas, texts, candidates, n, shared) for n in threads for shared in (True, False)]


def _contend(
    vocabulary: Vocabulary,
    schemas: Sequence[Any],
    texts: list[Text],
    candidates: NDArray[np.int32],
    threads: int,
    shared: bool,
) -> Contention:
    copies = [[_fresh(schema, vocabulary) for schema in schemas] for _ in range(1 if shared else threads)]
    automata = copies * threads if shared else copies

    def read(thread: int) -> None:
        first = thread * len(texts) // threads  # threads begin at different texts
        for index, text in texts[first:] + texts[:first]:
            automata[thread][index].replay(text)

    tokens = threads * sum(len(text) for _, text in texts)
    cold = _together(threads, read)
    warm = _together(threads, read)
    states = [_states(own[0], [text for index, text in texts if index == 0]) for own in automata]
    calls: list[list[float]] = [[] for _ in range(threads)]

    def check(thread: int) -> None:
        begin = now = perf_counter()
        while now - begin < _SECONDS:
            automata[thread][0].check(states[thread], candidates)
            after = perf_counter()
            calls[thread].append((after - now) * 1e6)
            now = after

    seconds = _together(threads, check)
    every = [call for own in calls for call in own]
    rate = len(every) * STATES * CANDIDATES / seconds
    return Contention(threads, shared, tokens / cold, tokens / warm, rate, Figures.of(every))


def _fresh(schema: Any, vocabulary: Vocabulary) -> TokenAutomaton:
    """An automaton that nobody else has: the cache of automata goes by the schema's text."""
    return json_schema(json.dumps({**schema, "description": f"copy {next(_serial)}"})).compile().bind(vocabulary)


def _states(automaton: TokenAutomaton, texts: list[NDArray[np.int32]]) -> NDArray[np.int64]:
    """States along texts, as many as one call takes."""
    found: list[int] = []
    for text in texts:
        state = np.array([automaton.start])
        for token in text[: STATES - len(found)]:
            found.append(int(state[0]))
            state = automaton.advance(state, np.array([token], dtype=np.int32))
    return np.resize(np.array(found), STATES)


def _together(threads: int, work: Callable[[int], None]) -> float:
    """The seconds until every thread has done its work."""
    barrier = threading.Barrier(threads + 1)

    def run(thread: int) -> None:
        barrier.wait()
        work(thread)

    started = [threading.Thread(target=run, args=(thread,)) for thread in range(threads)]
    for thread in started:
        thread.start()
    barrier.wait()
    begin = perf_counter()
    for thread in started:
        thread.join()
    return perf_counter() - begin
