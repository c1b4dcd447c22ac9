"""`Grammar`: a source that was understood, and the automata made of it."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from ._core import Automaton, CompileError, GrammarBuilder, TokenAutomaton
from .errors import GrammarError
from .vocabulary import Vocabulary

# kind -> the module whose `lower(builder, source, **options)` turns such a source into a node of the builder.
FRONT_ENDS: Final = {
    "regex": ".regex",
    "choice": ".choice",
    "json_schema": ".json_schema",
    "ebnf": ".ebnf",
    "gbnf": ".gbnf",
    "lark": ".lark",
}

DEFAULT_MEMORY_LIMIT: Final = 1 << 30
_CACHED_AUTOMATA: Final = 256


class Grammar:
    """An immutable, picklable set of strings, known by its source.

    Made by `regex`, `choice`, `json_schema`, `ebnf`, `gbnf` or `lark`; equal when kind, source and options are.
    `grammar & predicate` restricts it further (see `tamis.engine.predicate`).
    """

    __slots__ = ("_kind", "_lowered", "_options", "_source")

    def __init__(self, kind: str, source: str, options: Mapping[str, Any] | None = None) -> None:
        """Parse `source` at once, so that a bad one raises `GrammarError` here."""
        if kind not in FRONT_ENDS:
            raise GrammarError(f"unknown kind of grammar {kind!r}", hint=f"known kinds: {', '.join(FRONT_ENDS)}")
        if not isinstance(source, str):
            raise GrammarError(f"the source of a grammar is a str, not {type(source).__name__}")
        self._kind = kind
        self._source = source
        self._options = json.dumps(dict(options or {}), sort_keys=True)
        builder = GrammarBuilder()
        node = import_module(FRONT_ENDS[kind], __package__).lower(builder, source, **self.options)
        self._lowered = (builder, node)

    @property
    def kind(self) -> str:
        return self._kind

    @property
    def source(self) -> str:
        return self._source

    @property
    def options(self) -> dict[str, Any]:
        """A fresh dictionary of the front end's options (JSON values)."""
        options: dict[str, Any] = json.loads(self._options)
        return options

    def compile(self, *, memory_limit: int = DEFAULT_MEMORY_LIMIT) -> Automaton:
        """The automaton over bytes, shared by all equal grammars of the process.

        `memory_limit` (bytes) holds for the automaton's whole life: past it, using it raises `AutomatonLimitError`.
        Raises `GrammarError` where no automaton can be had, for instance when the grammar accepts nothing.
        """
        return _automata.get(self, memory_limit)

    def bind(self, vocabulary: Vocabulary) -> TokenAutomaton:
        """The automaton over the tokens of a vocabulary; raises as `compile` does."""
        return self.compile().bind(vocabulary)

    def passes(self) -> list[tuple[str, str]]:
        """(name of the pass, grammar as text) after each of the compiler's passes, the source first."""
        builder, node = self._lowered
        return builder.trace(node)

    def to_spec(self) -> dict[str, Any]:
        """Plain values from which `from_spec` makes an equal grammar, fit for JSON or msgpack."""
        return {"kind": self._kind, "source": self._source, "options": self.options}

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Grammar:
        """The grammar of a `to_spec()` dictionary.  Raises `GrammarError` for anything else."""
        unknown = set(spec) - {"kind", "source", "options"}
        if unknown or "kind" not in spec or "source" not in spec:
            raise GrammarError(
                f"a grammar specification has the keys kind, source and options, not {sorted(map(str, spec))}"
            )
        return cls(spec["kind"], spec["source"], spec.get("options"))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Grammar) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __reduce__(self) -> tuple[Any, ...]:
        return Grammar, (self._kind, self._source, self.options)

    def __repr__(self) -> str:
        source = self._source if len(self._source) <= 60 else self._source[:57] + "..."
        return f"<Grammar {self._kind} {source!r}>"

    @property
    def _key(self) -> tuple[str, str, str]:
        return (self._kind, self._source, self._options)

    def _compiled(self, memory_limit: int) -> Automaton:
        builder, node = self._lowered
        try:
            return builder.compile(node, memory_limit=memory_limit)
        except CompileError as error:
            raise GrammarError(str(error), text=self._source) from None


class _Automata:
    """The most recently used automata.  One that has used half of its budget is left to its users and made anew."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._automata: OrderedDict[tuple[Any, ...], Automaton] = OrderedDict()

    def get(self, grammar: Grammar, memory_limit: int) -> Automaton:
        key = (*grammar._key, memory_limit)
        with self._lock:
            found = self._automata.get(key)
            if found is not None:
                if found.memory_bytes <= memory_limit // 2:
                    self._automata.move_to_end(key)
                    return found
                del self._automata[key]
        made = grammar._compiled(memory_limit)
        with self._lock:
            self._automata[key] = made
            while len(self._automata) > _CACHED_AUTOMATA:
                self._automata.popitem(last=False)
        return made


_automata = _Automata()
