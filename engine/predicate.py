"""Constraints written as Python functions or objects."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from .constraint import (
    Both,
    BoundConstraint,
    Constraint,
    TokenVocabulary,
    bound_behind,
)
from .errors import TamisError, shown


class PredicateError(TamisError, RuntimeError):
    """A predicate raised or broke its contract; the message names it and the prefix, `__cause__` is what it raised.

    `kills`: only the particle that asked is lost, with the message as its reason (`on_error="kill"`).
    """

    kills = False


@runtime_checkable
class IncrementalPredicate(Protocol):
    """An immutable object that has read a prefix."""

    def advance(self, data: bytes) -> "IncrementalPredicate | None":
        """The object after `data` more bytes, None if they are rejected."""

    def is_complete(self) -> bool:
        """Whether the string may end here."""


def predicate(
    check: Callable[..., Any] | IncrementalPredicate,
    complete: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    on: Literal["text", "bytes"] = "text",
    batch: bool = False,
    workers: int = 0,
    timeout: float | None = None,
    on_error: Literal["raise", "kill"] | None = None,
) -> "Predicate":
    """A constraint from any Python callable.

    check: a function of the prefix so far that returns something true if the prefix may still become a valid string
        (it may err in that direction only: a prefix it refuses is gone for good); or an incremental object, or a class
        of such objects that is called without arguments for each use.
    complete: a function of the whole string that judges it when it ends; `check` if left out. Incremental objects
        bring their own `is_complete`.
    name: what error messages call it. on: whether the functions get str or bytes. As str, they see whole characters
        only: bytes of a character that is not finished yet are held back, and a string cannot end within one; bytes
        that are no UTF-8 are rejected.

    batch: whether the functions get a list of prefixes, all that are asked about at once, and return as many answers.
    workers: run the functions in so many processes of their own, several prefixes at a time; for slow functions, which
        then must be picklable (cloudpickle takes lambdas and closures). timeout: seconds that one call may take there.
    on_error: "raise" fails the request when a function raises; "kill" loses only the particle that asked, which ends
        "dead" with a reason, and counts in `Statistics.failures`: the target then lacks what was to be asked about.
        With workers the default is "kill", else "raise".

    The result can be intersected with grammars and other predicates by `&`. It can be pickled if its callables can.
    Raises TypeError or ValueError for anything else.
    """
    incremental = is_incremental(check)
    if not incremental and not callable(check):
        raise TypeError(f"a predicate needs a callable or an object with advance() and is_complete(), got {check!r}")
    if incremental and complete is not None:
        raise TypeError("an incremental predicate judges complete strings itself (is_complete); leave `complete` out")
    if complete is not None and not callable(complete):
        raise TypeError(f"complete must be a callable, got {complete!r}")
    if on not in ("text", "bytes"):
        raise ValueError(f"on must be 'text' or 'bytes', got {on!r}")
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 0:
        raise ValueError(f"workers must be an integer of at least 0, got {shown(workers)}")
    if incremental and (batch or workers):
        raise TypeError("an incremental predicate is asked step by step; leave batch and workers out")
    if batch and workers:
        raise ValueError("workers get one prefix at a time; leave batch or workers out")
    if timeout is not None:
        if not workers:
            raise ValueError("a time limit needs processes that can be ended; give workers, or leave timeout out")
        if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 < timeout < float("inf"):
            raise ValueError(f"timeout must be a positive number of seconds, got {shown(timeout)}")
    if on_error is None:
        on_error = "kill" if workers else "raise"
    if on_error not in ("raise", "kill"):
        raise ValueError(f"on_error must be 'raise' or 'kill', got {shown(on_error)}")
    if workers:
        from .pool import packed

        packed((check, complete))
    if name is None:
        name = getattr(check, "__qualname__", None) or type(check).__qualname__
    return Predicate(check, complete, name, on, bool(batch), workers, timeout, on_error)


def is_incremental(check: object) -> bool:
    """Whether `check` is an incremental object or a class of such objects."""
    return callable(getattr(check, "advance", None)) and callable(getattr(check, "is_complete", None))


@dataclass(frozen=True, slots=True)
class Predicate:
    """A constraint written in Python; see `predicate`."""

    check: Callable[..., Any] | IncrementalPredicate
    complete: Callable[..., Any] | None
    name: str
    on: Literal["text", "bytes"]
    batch: bool = False
    workers: int = 0
    timeout: float | None = None
    on_error: Literal["raise", "kill"] = "raise"

    def bind(self, vocabulary: TokenVocabulary, prefix: bytes = b"") -> BoundConstraint:
        """The predicate over the tokens of `vocabulary`; it sees what stands behind `prefix`, which must come first."""
        from .bound_predicate import BoundFunction, BoundIncremental

        if is_incremental(self.check):
            return BoundIncremental(self, vocabulary, prefix)
        return BoundFunction(self, vocabulary, prefix)

    def reader(self) -> Any:
        """The predicate over bytes, without a vocabulary."""
        from .bound_predicate import PredicateReader

        return PredicateReader(self)

    def __and__(self, other: Constraint) -> "Conjunction":
        """The strings that satisfy both."""
        return Conjunction((self, other))

    def __rand__(self, other: Constraint) -> "Conjunction":
        """The strings that satisfy both."""
        return Conjunction((other, self))


class _Shown:
    """A vocabulary whose special tokens of some names are the texts of these names."""

    def __init__(self, vocabulary: Any, names: set[str]) -> None:
        """Over `vocabulary`, which knows the names of its special tokens."""
        self.size = vocabulary.size
        self.eos_ids = vocabulary.eos_ids
        self._bytes = vocabulary.token_bytes
        self._names = {token: name.encode() for token, name in vocabulary.special_tokens.items() if name in names}

    def token_bytes(self, token: int) -> bytes | None:
        """The bytes of a token; None for other special tokens."""
        return self._names.get(token) or self._bytes(token)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Conjunction:
    """The strings that satisfy all `parts`: grammars, predicates, conjunctions."""

    parts: tuple[Constraint, ...]

    def __post_init__(self) -> None:
        """Flatten nested conjunctions and put predicates, which are slow, last."""
        flat: list[Constraint] = []
        for part in self.parts:
            flat.extend(part.parts if isinstance(part, Conjunction) else (part,))
        for part in flat:
            if not callable(getattr(part, "bind", None)):
                raise TypeError(f"a constraint must be a grammar or a predicate, got {part!r}")
        if not flat:
            raise ValueError("a conjunction needs at least one part")
        object.__setattr__(self, "parts", tuple(sorted(flat, key=lambda part: isinstance(part, Predicate))))

    def bind(self, vocabulary: TokenVocabulary, prefix: bytes = b"") -> BoundConstraint:
        """The conjunction over the tokens of `vocabulary`, behind `prefix`.

        Predicates see the special tokens of grammars by name.
        """
        grammars = [part for part in self.parts if not isinstance(part, Predicate)]
        asked = {name for part in grammars if hasattr(part, "compile") for name in part.compile().special_tokens}
        shown = _Shown(vocabulary, asked) if asked else vocabulary
        bound = bound_behind(self.parts[0], vocabulary, prefix)
        for part in self.parts[1:]:
            seen = shown if isinstance(part, Predicate) else vocabulary
            bound = Both(bound, bound_behind(part, seen, prefix), vocabulary.size)
        return bound

    def __and__(self, other: Constraint) -> "Conjunction":
        """The strings that satisfy all."""
        return Conjunction((self, other))

    def __rand__(self, other: Constraint) -> "Conjunction":
        """The strings that satisfy all."""
        return Conjunction((other, self))
