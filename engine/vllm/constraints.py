"""Constraints on their way into the sampler: described in a request, bound to the model's vocabulary in the worker.

A grammar travels as its source and is compiled where it is used, once per content.  Anything else, a Python predicate
above all, cannot leave its process: it travels as a random name in this process's registry, which no one outside can
guess.  Nothing that arrives in a request is ever unpickled.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import secrets
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..constraint import BoundConstraint, MaskCache, TokenByToken, TokenVocabulary, bound_behind, mask_of
from ..critic import Critic
from ..errors import GenerationError, InputError, shown
from ..predicate import Conjunction
from ..stops import BoundStops, reader_of

# Bound grammars kept per worker; grammars bound the memory of their automata themselves.
_MOST_GRAMMARS = 256

# What a constraint is bound to beside the vocabulary: EOS ids, a prefix, stop strings.
_Where = tuple[tuple[int, ...], bytes, tuple[str, ...]]


class AnyToken:
    """The constraint that allows everything: sampling from the model itself, weights exactly 1."""

    allows_everything = True

    def __init__(self, size: int) -> None:
        """Over a vocabulary of `size` tokens."""
        self.start = 0
        self._size = size

    def check(self, states: NDArray[np.int64], tokens: NDArray[np.int32]) -> NDArray[np.bool_]:
        """True for every token; states (S,), tokens (S, K), -1 is padding."""
        return (tokens >= 0) & (states >= 0)[:, None]

    def advance(self, states: NDArray[np.int64], tokens: NDArray[np.int32]) -> NDArray[np.int64]:
        """The one state; (S,) and (S,)."""
        return np.minimum(states, 0)

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


class AnyTokenBehind(TokenByToken):
    """The constraint that allows everything behind a prefix: state n while n bytes of it are to come.

    In front of its end, tokens that are no text are not allowed.
    """

    def __init__(self, vocabulary: TokenVocabulary, size: int, prefix: bytes) -> None:
        """Over a vocabulary whose logits have `size` entries."""
        self.start = len(prefix)
        self._prefix = prefix
        self._vocabulary = vocabulary
        self._free = AnyToken(size)
        self._size = size
        self._masks = MaskCache()

    def _after(self, state: int, token: int) -> int:
        """The state after a token, -1 where it is not allowed."""
        if state <= 0 or token < 0:
            return state if token >= 0 else -1
        piece = self._vocabulary.token_bytes(token) if token < self._vocabulary.size else None
        rest = self._prefix[-state:]
        common = min(len(rest), len(piece or b""))
        return -1 if not piece or piece[:common] != rest[:common] else state - common

    def check(self, states: NDArray[np.int64], tokens: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Whether tokens (S, K) may come next in states (S,); -1 is padding."""
        allowed = self._free.check(states, tokens)
        for row in np.flatnonzero(states > 0).tolist():
            allowed[row] = [self._after(int(states[row]), token) >= 0 for token in tokens[row].tolist()]
        return allowed

    def mask(self, state: int) -> NDArray[np.uint32]:
        """The allowed tokens (ceil(V/32),)."""
        if state == 0:
            return self._free.mask(0)
        mask = self._masks.get(state)
        if mask is None:
            allowed = [token for token in range(self._size) if self._after(state, token) >= 0]
            mask = mask_of(np.array(allowed, dtype=np.int32), self._size)
            self._masks.put(state, mask)
        return mask

    def completion(self, state: int) -> bytes:
        """The rest of the prefix."""
        return self._prefix[len(self._prefix) - state :]

    def is_complete(self, state: int) -> bool:
        """Every string may end behind the prefix."""
        return state == 0


class Registered:
    """One constraint of this process, with what it was bound to so far."""

    __slots__ = ("__weakref__", "bound", "constraint")

    def __init__(self, constraint: Any) -> None:
        """Not bound to anything yet."""
        self.constraint = constraint
        self.bound: dict[tuple[int, _Where], BoundConstraint] = {}


class Owner(dict[str, Any]):
    """The description of a registered constraint, which lives as long as any request holds this very object.

    Copies of a request share it; what crosses to another process is a plain dict and owns nothing.
    """

    __slots__ = ("entry",)

    def __init__(self, entry: Registered, **description: Any) -> None:
        """Own `entry`."""
        super().__init__(**description)
        self.entry = entry

    def __copy__(self) -> Owner:
        """Itself."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Owner:
        """Itself."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Without what it owns."""
        return dict, (dict(self),)


class Registry:
    """Constraints that live in this process only, by unguessable names; each is kept by the `Owner` made for it."""

    def __init__(self) -> None:
        """An empty registry."""
        self._entries: weakref.WeakValueDictionary[str, Registered] = weakref.WeakValueDictionary()

    def add(self, constraint: Any) -> Owner:
        """Register a constraint; returns the description that keeps it."""
        entry, name = Registered(constraint), secrets.token_hex(16)
        self._entries[name] = entry
        return Owner(entry, kind="registered", id=name, process=os.getpid())

    def remove(self, name: str) -> None:
        """Forget a constraint, whoever still holds its description; unknown names are fine."""
        self._entries.pop(name, None)

    def get(self, name: str, process: int) -> Registered:
        """The constraint with a name given out by `process`.

        Raises:
            GenerationError: it lives in another process, or was removed.
        """
        if process != os.getpid():
            raise GenerationError(
                f"a Python predicate or constraint object cannot leave its process (registered in process {process}, "
                f"needed in {os.getpid()}); use tamis.engine.Engine, which keeps vLLM in process, set "
                f"VLLM_ENABLE_V1_MULTIPROCESSING=0 for vllm.LLM, or express it as a grammar"
            )
        entry = self._entries.get(name)
        if entry is None:
            raise GenerationError(
                "the request's constraint is not registered, or not any more: a predicate lives as long as the "
                "SamplingParams made for it"
            )
        return entry

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
    """The wire form of a constraint: None (anything), a `Grammar`, or an object with `bind` (registered here).

    A registered constraint is forgotten with its description, or earlier by `release`.

    Raises:
        InputError: it is none of these.
    """
    if constraint is None:
        return {"kind": "anything"}
    if isinstance(constraint, type):
        raise InputError(f"a grammar must be an object, got the class {constraint.__name__}; make one of it")
    if hasattr(constraint, "to_spec"):
        return {"kind": "grammar", "spec": constraint.to_spec()}
    if callable(getattr(constraint, "bind", None)):
        return REGISTRY.add(constraint)
    if hasattr(constraint, "check"):
        raise InputError(
            f"a {type(constraint).__name__} is bound to a vocabulary already, whose EOS ids need not be the request's; "
            f"pass the grammar or predicate itself, an object with bind(vocabulary)"
        )
    raise InputError(
        f"a grammar must be a tamis Grammar, a predicate(...), `grammar & predicate(...)` or None, got "
        f"{type(constraint).__name__}; for a pattern use regex(...), for a schema json_schema(...)"
    )


def describe_critic(critic: Any) -> dict[str, Any] | None:
    """The wire form of a critic: registered here, like a predicate; None for none.

    Raises:
        InputError: it is no critic.
    """
    if critic is None:
        return None
    if not isinstance(critic, Critic):
        raise InputError(f"a critic must be made by critic(...) or preference(...), got {shown(critic)}")
    return REGISTRY.add(critic)


def release(description: Mapping[str, Any]) -> None:
    """Undo what `describe` registered, if anything, at once."""
    if description["kind"] == "registered" and description["process"] == os.getpid():
        REGISTRY.remove(description["id"])


def check_compiles(description: Mapping[str, Any], stop: tuple[str, ...] = ()) -> None:
    """Compile the grammars of a description, so that a bad one is refused where the request enters, and so are stop
    strings that it cannot have.

    Of a registered constraint those are the grammars among the parts of a conjunction; one that is registered in
    another process is the worker's to refuse.

    Raises:
        GrammarError, AutomatonLimitError: what the grammar's own compiler says.
        InputError: the description is malformed.
        GenerationError: it names a constraint of this process that is not registered.
    """
    if description["kind"] == "registered" and description["process"] == os.getpid():
        constraint = REGISTRY.get(description["id"], description["process"]).constraint
        for part in _grammars_in(constraint):
            part.compile()
        if stop:
            reader_of(constraint)
    if description["kind"] != "grammar":
        return
    try:
        key = content_key(description)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"the grammar in the request is not made of JSON values: {error}") from error
    if stop:
        reader_of(_grammar(description))
    if key not in _compiled:
        _grammar(description).compile()
        _compiled[key] = None
        while len(_compiled) > _MOST_GRAMMARS:
            _compiled.popitem(last=False)


def _grammars_in(constraint: Any) -> Iterator[Any]:
    parts = constraint.parts if isinstance(constraint, Conjunction) else (constraint,)
    return (part for part in parts if hasattr(part, "to_spec"))


def _grammar(description: Mapping[str, Any]) -> Any:
    # Imported here: the extension behind it is not needed for requests without a grammar.
    from ...grammars import AutomatonLimitError, GrammarError
    from ...grammars.grammar import Grammar

    try:
        return Grammar.from_spec(description["spec"])
    except (GrammarError, AutomatonLimitError):
        raise
    except Exception as error:  # a front end may stumble in many ways over options that no front end made
        raise InputError(f"the grammar in the request is malformed: {type(error).__name__}: {error}") from error


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
        self._size = size
        self._free: OrderedDict[_Where, BoundConstraint] = OrderedDict()
        self._grammars: OrderedDict[tuple[str, _Where], _BoundGrammar] = OrderedDict()

    def bind(
        self,
        description: Mapping[str, Any],
        key: str,
        eos: tuple[int, ...],
        prefix: bytes = b"",
        stop: tuple[str, ...] = (),
    ) -> BoundConstraint:
        """The bound constraint of a description whose `content_key` is `key`, behind `prefix`, with stop strings.

        Raises:
            GrammarError, AutomatonLimitError: the grammar does not compile.
            GenerationError: a registered constraint is out of reach.
            InputError: the constraint cannot have stop strings.
        """
        where = (eos, prefix, stop)
        if description["kind"] == "anything":
            return self._anything_at(where) if prefix or stop else self._anything
        if description["kind"] == "registered":
            return self._registered(description, where)
        kept = self._grammars.get((key, where))
        grammar = _grammar(description) if kept is None else kept.grammar
        # Compiling is a look-up, except when the automaton has used up its budget: then it is retired and made anew.
        automaton = grammar.compile()
        if kept is None or kept.automaton is not automaton:
            vocabulary = self._vocabulary(eos)
            bound: BoundConstraint
            if stop:
                bound = BoundStops(reader_of(grammar), stop, vocabulary, prefix, automaton.bind(vocabulary))
            else:
                bound = automaton.bind(vocabulary, prefix)
            kept = self._grammars[key, where] = _BoundGrammar(grammar, automaton, bound)
            while len(self._grammars) > _MOST_GRAMMARS:
                self._grammars.popitem(last=False)
        self._grammars.move_to_end((key, where))
        return kept.bound

    def _anything_at(self, where: _Where) -> BoundConstraint:
        if where not in self._free:
            eos, prefix, stop = where
            if stop:
                self._free[where] = BoundStops(reader_of(None), stop, self._vocabulary(eos), prefix, self._anything)
            else:
                self._free[where] = AnyTokenBehind(self._vocabulary(eos), self._size, prefix)
            while len(self._free) > _MOST_GRAMMARS:
                self._free.popitem(last=False)
        return self._free[where]

    def _registered(self, description: Mapping[str, Any], where: _Where) -> BoundConstraint:
        entry = REGISTRY.get(description["id"], description["process"])
        key = (self._number, where)
        if key not in entry.bound:
            eos, prefix, stop = where
            if stop:
                entry.bound[key] = BoundStops(reader_of(entry.constraint), stop, self._vocabulary(eos), prefix)
            else:
                entry.bound[key] = bound_behind(entry.constraint, self._vocabulary(eos), prefix)
        return entry.bound[key]

    def __len__(self) -> int:
        """How many bound grammars are kept."""
        return len(self._grammars)
