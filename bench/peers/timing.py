"""What the worker process times: compiling, masks, steps, checks, forks and memory, of one engine at a time.

Everything is time of one thread, through the Python API, in microseconds, the call of the adapter included.
"""

from __future__ import annotations

import ctypes
import gc
import os
import random
from collections.abc import Iterable
from pathlib import Path
from time import perf_counter, thread_time
from typing import Any

from . import engines
from .protocol import Refused
from .tokens import VOCABULARIES

CLOCKS = {"wall": perf_counter, "cpu": thread_time}
CANDIDATES = 32
_STATES_PER_TEXT = 16  # where checks are timed
_LONG_TEXT = '"a word","another one","and a third",'
_FORKS = 200


class Timing:
    """The job of a worker: engines bound to one vocabulary, and a method for each measurement."""

    def __init__(self, names: Iterable[str], vocabulary: str, clock: str) -> None:
        self.now = CLOCKS[clock]
        self.tokens = VOCABULARIES[vocabulary]()
        self.engines, self.engine_bytes = {}, {}
        for name in names:
            give_back_free_memory()
            before = resident_bytes()
            self.engines[name] = engines.make(name, self.tokens)
            self.engine_bytes[name] = resident_bytes() - before
            matcher = self.engines[name].matcher(self.engines[name].compile('{"type": "string"}'))
            matcher.fill_mask()  # whatever is loaded when it is first used
        gc.collect()
        gc.freeze()  # collections while timing do not visit what all engines have loaded

    def __call__(self, action: str, *arguments: Any) -> Any:
        """The answer of the method `action`; {"refused"} or {"failed"} with the reason where there is none."""
        gc.collect()
        try:
            return getattr(self, action)(*arguments)
        except Refused as error:
            return {"refused": str(error)[:200]}
        except Exception as error:  # whatever an engine may raise on its way
            return {"failed": f"{type(error).__name__}: {error}"[:200]}

    def walk(self, name: str, schema: str, texts: list[str]) -> dict[str, Any]:
        """Compile, then follow every text: {"compile", "texts": [{"accepted", "masks", "steps"}]}."""
        engine = self.engines[name]
        begin = self.now()
        compiled = engine.compile(schema)
        matcher = engine.matcher(compiled)
        answer: dict[str, Any] = {"compile": self._since(begin), "texts": []}
        for number, text in enumerate(texts):
            if number > 0:
                matcher = engine.matcher(compiled)
            masks, steps, accepted = [], [], True
            for token in [*self.tokens.encode(text), self.tokens.eos]:
                begin = self.now()
                matcher.fill_mask()
                middle = self.now()
                accepted = matcher.advance(token)
                end = self.now()
                masks.append(round((middle - begin) * 1e6, 2))
                steps.append(round((end - middle) * 1e6, 2))
                if not accepted:
                    break
            answer["texts"].append({"accepted": accepted, "masks": masks, "steps": steps})
        return answer

    def check(self, name: str, schema: str, texts: list[str], seed: int) -> dict[str, Any]:
        """At random places of each text, check random candidates: {"first", "again"}, microseconds per call.

        No mask was made there; `again` is the same call once more.
        """
        engine, generator = self.engines[name], random.Random(seed)
        compiled = engine.compile(schema)
        text_tokens = [token for token, text in enumerate(self.tokens.texts) if text]
        first: list[float] = []
        again: list[float] = []
        for text in texts:
            matcher = engine.matcher(compiled)
            ids = self.tokens.encode(text)
            places = set(generator.sample(range(len(ids)), min(_STATES_PER_TEXT, len(ids))))
            for place, token in enumerate(ids):
                if place in places:
                    candidates = engine.batch(generator.choices(text_tokens, k=CANDIDATES))
                    for into in (first, again):
                        begin = self.now()
                        matcher.check(candidates)
                        into.append(self._since(begin))
                if not matcher.advance(token):
                    break
        return {"first": first, "again": again}

    def fork(self, name: str, length: int) -> dict[str, Any]:
        """The time of a fork after `length` tokens: {"fork"}, None where the engine knows no such thing."""
        engine = self.engines[name]
        matcher = engine.matcher(engine.compile('{"type": "array", "items": {"type": "string"}}'))
        if not matcher.advance(self.tokens.encode("[")[0]):
            raise RuntimeError(f"{name} rejects [")
        ids = self.tokens.encode(_LONG_TEXT)
        for number in range(length):
            if not matcher.advance(ids[number % len(ids)]):
                raise RuntimeError(f"{name} rejects token {number} of an array of strings")
        if matcher.fork() is None:
            return {"fork": None}
        begin = self.now()
        for _ in range(_FORKS):
            matcher.fork()
        return {"fork": self._since(begin) / _FORKS}

    def memory(self, name: str, cases: list[tuple[str, list[str]]], budget_s: float) -> dict[str, float]:
        """Compile (schema, texts) one by one, follow the texts with masks, and keep all.

        {"engine", "schemas", "bytes"}: resident bytes of the engine with its vocabulary, and of so many schemas.
        """
        engine, kept = self.engines[name], []
        give_back_free_memory()
        before, begin = resident_bytes(), self.now()
        for schema, texts in cases:
            if self.now() - begin > budget_s:
                break
            try:
                compiled = engine.compile(schema)
            except Refused:
                continue
            kept.append(compiled)
            for text in texts:
                matcher = engine.matcher(compiled)
                for token in [*self.tokens.encode(text), self.tokens.eos]:
                    matcher.fill_mask()
                    if not matcher.advance(token):
                        break
        return {"engine": self.engine_bytes[name], "schemas": len(kept), "bytes": resident_bytes() - before}

    def _since(self, begin: float) -> float:
        return round((self.now() - begin) * 1e6, 2)


def give_back_free_memory() -> None:
    """So that what is allocated next shows in the resident memory (glibc keeps what was freed, others may not)."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)


def resident_bytes() -> int:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
