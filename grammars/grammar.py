"""`Grammar`: a source that was understood, and the automata made of it."""

from __future__ import annotations

import functools
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_type_hints

from . import cache
from ._core import Automaton, AutomatonLimitError, CompileError, GrammarBuilder, TokenAutomaton
from .errors import GrammarError
from .explanation import Explanation, explain
from .vocabulary import Vocabulary

if TYPE_CHECKING:
    from .algebra.expression import Expression

# kind -> the module whose `lower(builder, source, **options)` turns such a source into a node of the builder.
FRONT_ENDS: Final = {
    "regex": ".regex",
    "choice": ".choice",
    "json_schema": ".json_schema",
    "ebnf": ".ebnf",
    "gbnf": ".gbnf",
    "lark": ".lark",
    "substring": ".substring",
    "algebra": ".algebra",
}

_T = TypeVar("_T")

DEFAULT_MEMORY_LIMIT: Final = 1 << 30
_CACHED_AUTOMATA: Final = 256
_CACHED_BYTES: Final = 1 << 30
_UNCHECKED: Final = 8  # automata that are added before their sizes are added up


class Grammar:
    """An immutable, picklable set of strings, known by its source.

    Made by `regex`, `choice`, `json_schema`, `ebnf`, `gbnf`, `lark`, `text`, `substring_of`, `special`, `within` or
    `recursive`; equal when kind, source and options are.  Grammars of all kinds combine, and a plain str stands for its
    text:

        a + b          a, then b                      a.repeat(2, 5)     from two to five; None: without bound
        a | b          either                         a.optional()       a or nothing
        a & b          both at once                   a.zero_or_more()   any number, none included
        a - b          a, unless it is b              a.one_or_more()    one at least
        ~a             any text that is not a

    `~` is about texts: characters in UTF-8, the empty one included, without special tokens.  `&`, `-` and `~` take
    grammars of every kind.  Whether parts without recursion agree is known to the byte; elsewhere a prefix may be let
    in that nothing completes, never a complete text that is wrong.

    `grammar & predicate` restricts it further (see `tamis.engine.predicate`).
    """

    __slots__ = ("_expression", "_kind", "_lowered", "_options", "_source")

    def __init__(self, kind: str, source: str, options: Mapping[str, Any] | None = None) -> None:
        """Parse `source` at once, so that a bad one raises `GrammarError` here, as does an option of no front end."""
        if not isinstance(kind, str) or kind not in FRONT_ENDS:
            raise GrammarError(f"unknown kind of grammar {kind!r}", hint=f"known kinds: {', '.join(FRONT_ENDS)}")
        if not isinstance(source, str):
            raise GrammarError(f"the source of a grammar is a str, not {type(source).__name__}")
        refuse_surrogates(source)
        self._kind = kind
        self._source: str | None = source
        self._expression: Expression | None = None
        checked = _checked(kind, _front_end(kind), {} if options is None else options)
        self._options = json.dumps(checked, sort_keys=True)
        self._lowered: tuple[GrammarBuilder, int] | None = lowered(kind, source, self.options)

    @classmethod
    def of_expression(cls, expression: Expression) -> Grammar:
        """The grammar of an expression (see `algebra`), whose parts are checked already: it is lowered when needed."""
        made = object.__new__(cls)
        made._kind = "algebra"
        made._source = None
        made._options = "{}"
        made._expression = expression
        made._lowered = None
        return made

    @property
    def expression(self) -> Expression | None:
        """What operators made it of; None for the other front ends."""
        if self._expression is None and self._kind == "algebra":
            from .algebra import read

            self._expression = read(self.source)
        return self._expression

    @property
    def kind(self) -> str:
        return self._kind

    @property
    def source(self) -> str:
        if self._source is None:
            from .algebra import write

            assert self._expression is not None
            self._source = write(self._expression)
        return self._source

    def optional(self) -> Grammar:
        """This or nothing."""
        return self.repeat(0, 1)

    def zero_or_more(self) -> Grammar:
        """Any number of these in a row, none included."""
        return self.repeat(0, None)

    def one_or_more(self) -> Grammar:
        """One of these or more in a row."""
        return self.repeat(1, None)

    def repeat(self, min: int, max: int | None) -> Grammar:
        """From `min` to `max` of these in a row; None: without bound.  Large bounds cost nothing by themselves.

        Raises GrammarError for what is no integer, below zero or the wrong way round.
        """
        from .algebra import repeated

        return repeated(self, min, max)

    def __add__(self, other: Grammar | str) -> Grammar:
        return _combined("+", self, other)

    def __radd__(self, other: str) -> Grammar:
        return _combined("+", other, self)

    def __or__(self, other: Grammar | str) -> Grammar:
        return _combined("|", self, other)

    def __ror__(self, other: str) -> Grammar:
        return _combined("|", other, self)

    def __and__(self, other: Grammar | str) -> Grammar:
        return _combined("&", self, other)

    def __rand__(self, other: str) -> Grammar:
        return _combined("&", other, self)

    def __sub__(self, other: Grammar | str) -> Grammar:
        return _combined("-", self, other)

    def __rsub__(self, other: str) -> Grammar:
        return _combined("-", other, self)

    def __invert__(self) -> Grammar:
        from .algebra import complemented

        return complemented(self)

    @property
    def options(self) -> dict[str, Any]:
        """A fresh dictionary of the front end's options (JSON values)."""
        options: dict[str, Any] = json.loads(self._options)
        return options

    def compile(self, *, memory_limit: int = DEFAULT_MEMORY_LIMIT) -> Automaton:
        """The automaton over bytes, shared by all equal grammars of the process.

        `memory_limit` (bytes) holds for the automaton's whole life: past it, using it raises `AutomatonLimitError`.
        Raises `GrammarError` where no automaton can be had: the grammar accepts nothing, or is past the limit at once.
        """
        return _automata.get(self, memory_limit)

    def bind(self, vocabulary: Vocabulary, prefix: bytes = b"") -> TokenAutomaton:
        """The automaton over the tokens of a vocabulary; raises as `compile` does.

        With a `prefix` the strings are those of the grammar behind these bytes: for a prompt whose last token was taken
        back (`heal` of `tamis.engine.generate`).
        """
        return self.compile().bind(vocabulary, prefix)

    def explain(self, data: str | bytes) -> Explanation:
        """Whether a text is in the grammar, and if not, where it died, in which rules, what could have come instead.

        Text is taken as UTF-8. Raises `GrammarError` as `compile` does, and `AutomatonLimitError` where the text takes
        the automaton past its memory limit.
        """
        return explain(self, data)

    def passes(self) -> list[tuple[str, str]]:
        """(name of the pass, grammar as text) after each of the compiler's passes, the source first."""
        builder, node = self._lower()
        return builder.trace(node)

    def to_spec(self) -> dict[str, Any]:
        """Plain values from which `from_spec` makes an equal grammar, fit for JSON or msgpack."""
        return {"kind": self._kind, "source": self.source, "options": self.options}

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Grammar:
        """The grammar of a `to_spec()` dictionary.  Raises `GrammarError` for anything else."""
        if not isinstance(spec, Mapping):
            raise GrammarError(f"a grammar specification is a dictionary, not {type(spec).__name__}")
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
        return Grammar, (self._kind, self.source, self.options)

    def __repr__(self) -> str:
        try:
            source = self.source if len(self.source) <= 60 else self.source[:57] + "..."
        except GrammarError:  # a placeholder of `recursive`
            return f"<Grammar {self._kind}, not defined yet>"
        return f"<Grammar {self._kind} {source!r}>"

    @property
    def _key(self) -> tuple[str, str, str]:
        return (self._kind, self.source, self._options)

    def _lower(self) -> tuple[GrammarBuilder, int]:
        if self._lowered is None:
            from .algebra import lower_expression

            assert self._expression is not None
            expression, builder = self._expression, GrammarBuilder()
            self._lowered = builder, _guarded(lambda: lower_expression(builder, expression), None)
        return self._lowered

    def _compiled(self, memory_limit: int) -> Automaton:
        builder, node = self._lower()
        try:
            return builder.compile(node, memory_limit=memory_limit)
        except CompileError as error:
            raise GrammarError(str(error), text=self.source) from None
        except AutomatonLimitError as error:
            raise GrammarError(
                f"the grammar is too large to start with: {error}",
                text=self.source,
                hint="smaller bounds of repetitions and fewer alternatives make it smaller",
            ) from None


def lowered(kind: str, source: str, options: Mapping[str, Any], *, labels: bool = False) -> tuple[GrammarBuilder, int]:
    """What the front end makes of a source: a builder and the node of the texts.

    With `labels` rules keep their names, for explanations. Raises GrammarError.
    """
    front_end = _front_end(kind)
    if labels:
        builder = GrammarBuilder(labels=True)
        return builder, _guarded(lambda: front_end(builder, source, **options), source)
    return _guarded(lambda: cache.lowered(kind, source, options, front_end), source)


def _guarded(lower: Callable[[], _T], source: str | None) -> _T:
    """What `lower` returns; what the builder refuses becomes a GrammarError."""
    try:
        return lower()
    except CompileError as error:
        raise GrammarError(str(error), text=source) from None
    except RecursionError:
        raise GrammarError("the grammar is nested too deeply", text=source) from None


def _front_end(kind: str) -> Callable[..., int]:
    lower: Callable[..., int] = import_module(FRONT_ENDS[kind], __package__).lower
    return lower


def _combined(operator: str, left: Grammar | str, right: Grammar | str) -> Grammar:
    from .algebra import combined  # which needs this module

    return combined(operator, left, right)


def refuse_surrogates(source: str) -> None:
    """Raises GrammarError for a text that is no UTF-8, with the place."""
    try:
        source.encode()
    except UnicodeEncodeError as error:
        at = error.start
        begin = source.rfind("\n", 0, at) + 1
        raise GrammarError(
            "the source has a lone surrogate, which no UTF-8 text contains",
            line=source.count("\n", 0, at) + 1,
            column=at - begin + 1,
            text=ascii(source[begin:].partition("\n")[0][:200]),
        ) from None


def _checked(kind: str, lower: Callable[..., int], options: Mapping[str, Any]) -> dict[str, Any]:
    """The options, which must be known to the front end and have the types that its `lower` declares."""
    if not isinstance(options, Mapping):
        raise GrammarError(f"the options of a grammar are a dictionary, not {type(options).__name__}")
    known, types = _options_of(lower)
    for name, value in options.items():
        if name not in known:
            raise GrammarError(
                f"unknown option {name!r} of {kind}",
                hint=f"known options: {', '.join(known)}" if known else f"{kind} has no options",
            )
        if not isinstance(value, types[name]):
            wanted = getattr(types[name], "__name__", None) or str(types[name])
            raise GrammarError(
                f"the option {name} of {kind} must be {wanted}, not {type(value).__name__}", text=repr(value)
            )
    return dict(options)


@functools.cache
def _options_of(lower: Callable[..., int]) -> tuple[list[str], dict[str, Any]]:
    """The names of a front end's options, and their types."""
    return list(signature(lower).parameters)[2:], get_type_hints(lower)  # behind the builder and the source


class _Automata:
    """The most recently used automata, of 1 GiB together at most.

    One that has used half of its budget is left to its users and made anew.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._automata: OrderedDict[tuple[Any, ...], Automaton] = OrderedDict()
        self._made = 0

    def get(self, grammar: Grammar, memory_limit: int) -> Automaton:
        key = (*grammar._key, memory_limit)
        with self._lock:
            found = self._usable(key, memory_limit)
        if found is not None:
            return found
        made = grammar._compiled(memory_limit)
        with self._lock:
            # Another thread may have been faster: all shall share one.
            shared = self._usable(key, memory_limit) or self._automata.setdefault(key, made)
            self._made += 1
            room = _CACHED_BYTES if self._made % _UNCHECKED == 0 else None
            while len(self._automata) > _CACHED_AUTOMATA or (room is not None and self._bytes() > room):
                self._automata.popitem(last=False)
        return shared

    def _bytes(self) -> int:
        """What all automata but the last take."""
        return sum(automaton.memory_bytes for automaton in list(self._automata.values())[:-1])

    def _usable(self, key: tuple[Any, ...], memory_limit: int) -> Automaton | None:
        found = self._automata.get(key)
        if found is None:
            return None
        if found.memory_bytes > memory_limit // 2:
            del self._automata[key]
            return None
        self._automata.move_to_end(key)
        return found


_automata = _Automata()
