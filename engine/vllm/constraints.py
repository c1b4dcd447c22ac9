"""Constraints on their way into the sampler: described in a request, bound to the model's vocabulary in the worker.

A grammar travels as its source and is compiled where it is used, once per content.  Anything else, a Python predicate
above all, cannot leave its process: it travels as a number in this process's registry.  Nothing that arrives in a
request is ever unpickled.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..constraint import BoundConstraint
from ..errors import GenerationError, InputError

# Bound grammars kept per worker; grammars bound the memory of their automata themselves.
_MOST_GRAMMARS = 256


class AnyToken:
    """The constraint that allows everything: sampling from the model itself, weights exactly 1."""

    def __init__(self, size: int) -> None:
        """Over a vocabulary of `size` tokens."""
        self.start = 0
        self._size = size

    def check(self, states: NDArray[np.int64], tokens: NDArray[np.int32]) -> NDArray[np.bool_]:
        """True for every token; states (S,), tokens (S, K), -1 is padding."""
        return tokens >= 0

    def advance(self, states: NDArray[np.int64], tokens: NDArray[np.int32]) -> NDArray[np.int64]:
        """The one state; (S,) and (S,)."""
        return np.zeros(len(states), dtype=np.int64)

    def mask(self, state: int) -> NDArray[np.uint32]:
        """All bits of the vocabulary set, (ceil(V/32),)."""
        bits = np.zeros(-(-self._size // 32) * 32, dtype=np.uint8)
        bits[: self._size] = 1
        return np.packbits(bits, bitorder="little").view(np.uint32)

    def is_complete(self, state: int) -> bool:
        """Every string may end."""
        return True

    def replay(self, tokens: NDArray[np.int32]) -> int:
        """The one state."""
        return 0


class Registered:
    """One constraint of this process, with what it was bound to so far."""

    __slots__ = ("bound", "constraint")

    def __init__(self, constraint: Any) -> None:
        """Not bound to anything yet."""
        self.constraint = constraint
        self.bound: dict[tuple[int, tuple[int, ...]], BoundConstraint] = {}


class Registry:
    """Constraints that live in this process only, by number."""

    def __init__(self) -> None:
        """An empty registry."""
        self._numbers = itertools.count(1)
        self._entries: dict[int, Registered] = {}

    def add(self, constraint: Any) -> int:
        """Keep a constraint, until `remove`; returns its number."""
        number = next(self._numbers)
        self._entries[number] = Registered(constraint)
        return number

    def remove(self, number: int) -> None:
        """Forget a constraint and what it was bound to; unknown numbers are fine."""
        self._entries.pop(number, None)

    def get(self, number: int, process: int) -> Registered:
        """The constraint with a number given out by `process`.

        Raises:
            GenerationError: it lives in another process, or was removed.
        """
        if process != os.getpid():
            raise GenerationError(
                f"a Python predicate or constraint object cannot leave its process (registered in process {process}, "
                f"needed in {os.getpid()}); use tamis.engine.Engine, which keeps vLLM in process, set "
                f"VLLM_ENABLE_V1_MULTIPROCESSING=0 for vllm.LLM, or express it as a grammar"
            )
        if number not in self._entries:
            raise GenerationError(f"constraint number {number} is not registered any more")
        return self._entries[number]

    def __len__(self) -> int:
        """How many constraints are kept."""
        return len(self._entries)


REGISTRY = Registry()


def content_key(description: Mapping[str, Any]) -> str:
    """A digest of what a description says: equal for equal grammars, whoever sent them."""
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()


# Contents known to compile: a batch of a thousand prompts names the same grammar a thousand times.
_compiled: OrderedDict[str, None] = OrderedDict()


def describe(constraint: Any) -> dict[str, Any]:
    """The wire form of a constraint: None (anything), a `Grammar`, or an object with `bind` or `check` (registered
    here).

    Raises:
        InputError: it is none of these.
    """
    if constraint is None:
        return {"kind": "anything"}
    if hasattr(constraint, "to_spec"):
        return {"kind": "grammar", "spec": constraint.to_spec()}
    if hasattr(constraint, "bind") or hasattr(constraint, "check"):
        return {"kind": "registered", "id": REGISTRY.add(constraint), "process": os.getpid()}
    raise InputError(
        f"a grammar must be a tamis Grammar, a predicate(...), `grammar & predicate(...)` or None, got "
        f"{type(constraint).__name__}; for a pattern use regex(...), for a schema json_schema(...)"
    )


def release(description: Mapping[str, Any]) -> None:
    """Undo what `describe` registered, if anything."""
    if description["kind"] == "registered" and description["process"] == os.getpid():
        REGISTRY.remove(description["id"])


def check_compiles(description: Mapping[str, Any]) -> None:
    """Compile a described grammar, so that a bad one is refused where the request enters.

    Raises:
        GrammarError: what the grammar's own compiler says.
    """
    if description["kind"] != "grammar":
        return
    key = content_key(description)
    if key not in _compiled:
        _grammar(description).compile()
        _compiled[key] = None
        while len(_compiled) > _MOST_GRAMMARS:
            _compiled.popitem(last=False)


def _grammar(description: Mapping[str, Any]) -> Any:
    # Imported here: the extension behind it is not needed for requests without a grammar.
    from ...grammars.grammar import Grammar

    return Grammar.from_spec(description["spec"])


@dataclass(frozen=True, slots=True)
class _BoundGrammar:
    grammar: Any
    automaton: Any
    bound: BoundConstraint


class ConstraintStore:
    """Bound constraints of one worker, compiled once per content and EOS set; the least recently used leave first.

    A constraint that was dropped lives on in the particles that still hold it, and dies with the last of them.
    """

    _numbers = itertools.count()

    def __init__(self, vocabulary: Callable[[tuple[int, ...]], Any], size: int) -> None:
        """Bind to `vocabulary(eos)`; `size` is the number of logits in a row."""
        self._number = next(self._numbers)
        self._vocabulary = vocabulary
        self._anything = AnyToken(size)
        self._grammars: OrderedDict[tuple[str, tuple[int, ...]], _BoundGrammar] = OrderedDict()

    def bind(self, description: Mapping[str, Any], key: str, eos: tuple[int, ...]) -> BoundConstraint:
        """The bound constraint of a description whose `content_key` is `key`.

        Raises:
            GrammarError: the grammar does not compile.
            GenerationError: a registered constraint is out of reach.
        """
        if description["kind"] == "anything":
            return self._anything
        if description["kind"] == "registered":
            return self._registered(description, eos)
        kept = self._grammars.get((key, eos))
        grammar = _grammar(description) if kept is None else kept.grammar
        # Compiling is a look-up, except when the automaton has used up its budget: then it is retired and made anew.
        automaton = grammar.compile()
        if kept is None or kept.automaton is not automaton:
            kept = self._grammars[key, eos] = _BoundGrammar(grammar, automaton, automaton.bind(self._vocabulary(eos)))
            while len(self._grammars) > _MOST_GRAMMARS:
                self._grammars.popitem(last=False)
        self._grammars.move_to_end((key, eos))
        return kept.bound

    def _registered(self, description: Mapping[str, Any], eos: tuple[int, ...]) -> BoundConstraint:
        entry = REGISTRY.get(description["id"], description["process"])
        if not hasattr(entry.constraint, "bind"):
            return entry.constraint  # type: ignore[no-any-return]
        key = (self._number, eos)
        if key not in entry.bound:
            entry.bound[key] = entry.constraint.bind(self._vocabulary(eos))
        return entry.bound[key]

    def __len__(self) -> int:
        """How many bound grammars are kept."""
        return len(self._grammars)
