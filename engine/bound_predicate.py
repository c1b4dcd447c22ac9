"""Predicates over the tokens of a vocabulary, and over bytes: numbered states, caches, batches, processes."""

from __future__ import annotations

import codecs
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .constraint import MaskCache, TokenByToken, TokenVocabulary, mask_of
from .errors import shown
from .pool import Failure, Pool
from .predicate import Predicate, PredicateError, is_incremental

_ANSWER_CACHE = 65536
_PREFIX_CACHE = 1024
_SHOWN = 120


def _truth(function: Callable[..., Any], *arguments: object) -> bool:
    """The truth value of what a function returns."""
    return bool(function(*arguments))


def _truths(function: Callable[..., Any], arguments: list[Any]) -> list[bool]:
    """The truth values of what a function of lists returns."""
    return [bool(answer) for answer in function(arguments)]


class BoundPredicate(TokenByToken):
    """What the two kinds of bound predicates share: numbered states and bounded caches.

    A state is a node in a tree of accepted tokens; it lives as long as this object. One thread at a time.
    """

    start = 0
    _ENDED = 1

    def __init__(self, source: Predicate, vocabulary: TokenVocabulary, prefix: bytes) -> None:
        """Start in front of the prefix, with the empty string, and the state after EOS."""
        self._unread = [prefix, b""]
        self._source = source
        self._vocabulary = vocabulary
        self._eos = frozenset(vocabulary.eos_ids)
        self._parents = [-1, -1]
        self._pieces: list[bytes] = [b"", b""]
        self._children: dict[tuple[int, int], int] = {}
        self._answers: OrderedDict[tuple[int, int], bool] = OrderedDict()
        self._masks = MaskCache()

    def _prefix(self, state: int) -> bytes:
        """The bytes read up to `state`."""
        pieces = []
        while state > 0:
            pieces.append(self._pieces[state])
            state = self._parents[state]
        return b"".join(reversed(pieces))

    def _allows(self, state: int, piece: bytes) -> bool:
        """Whether `piece` may follow in `state`."""
        raise NotImplementedError

    def _complete(self, state: int) -> bool:
        """Whether the string may end in `state`."""
        raise NotImplementedError

    def _enter(self, parent: int, piece: bytes) -> None:
        """Called right before a state is made from `parent` by an allowed `piece`."""

    def _call(self, function: Callable[..., Any], state: int, piece: bytes, *arguments: object) -> Any:
        """Call into the user's code; an exception becomes a PredicateError with the prefix of `state` and `piece`.

        Even SystemExit does: one predicate may not tear down the engine that serves others. Ctrl-C goes through.
        """
        try:
            return function(*arguments)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise self._failure(state, piece, f"raised {type(error).__name__}: {error}") from error

    def _judge(self, function: Callable[..., Any], state: int, piece: bytes, *arguments: object) -> bool:
        """`_call` for a yes or no; the answer's own `__bool__` is the user's code, too."""
        return bool(self._call(_truth, state, piece, function, *arguments))

    def _failure(self, state: int, piece: bytes, what: str) -> PredicateError:
        """The error that says what the predicate did, for the prefix of `state` and `piece`."""
        prefix = (self._prefix(state) + piece).decode("utf-8", errors="backslashreplace")
        if len(prefix) > _SHOWN:
            prefix = f"...{prefix[-_SHOWN:]}"
        error = PredicateError(f"predicate {self._source.name!r} {what} (for the prefix {prefix!r})")
        error.kills = self._source.on_error == "kill"
        return error

    def _answer(self, state: int, token: int) -> bool:
        """Whether `token` may come next, from the cache if it was asked lately."""
        if state in (-1, self._ENDED) or token < 0:
            return False
        question = (state, token)
        known = self._answers.get(question)
        if known is None:
            if token in self._eos:
                known = not self._unread[state] and self._complete(state)
            else:
                piece = self._vocabulary.token_bytes(token) if token < self._vocabulary.size else None
                known = bool(piece) and self._goes_on(state, piece or b"")
            self._answers[question] = known
            if len(self._answers) > _ANSWER_CACHE:
                self._answers.popitem(last=False)
        return known

    def _goes_on(self, state: int, piece: bytes) -> bool:
        """Whether `piece` goes on with the prefix, and behind it as the predicate wants."""
        unread = self._unread[state]
        if not unread:
            return self._allows(state, piece)
        if len(piece) <= len(unread):
            return unread.startswith(piece)
        return piece.startswith(unread) and self._allows(state, piece[len(unread) :])

    def _prepare(self, states: NDArray[np.int64], tokens: NDArray[np.int32]) -> None:
        """Called before all the tokens (S, K) are asked about: answers may be had for many at once."""

    def check(self, states: NDArray[np.int64], tokens: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Whether tokens (S, K) may come next in states (S,), one call of the predicate per new token."""
        self._prepare(states, tokens)
        answers = np.zeros(tokens.shape, dtype=np.bool_)
        for row, state in enumerate(states.tolist()):
            for column, token in enumerate(tokens[row].tolist()):
                answers[row, column] = self._answer(state, token)
        return answers

    def _after(self, state: int, token: int) -> int:
        """The state after one token, -1 if it is not allowed."""
        if state < 0 or not self._answer(state, token):
            return -1
        if token in self._eos:
            return self._ENDED
        child = self._children.get((state, token))
        if child is None:
            whole = self._vocabulary.token_bytes(token) or b""
            unread = self._unread[state]
            piece = whole[len(unread) :]
            # This may call the predicate, which may sample and make states of its own: number ours afterwards.
            self._enter(state, piece)
            child = len(self._parents)
            self._parents.append(state)
            self._pieces.append(piece)
            self._unread.append(unread[len(whole) :])
            self._children[state, token] = child
        return child

    def enter(self, state: int, piece: bytes) -> int | None:
        """The state after some bytes, which need be no token; None if they are rejected. Each call makes a new one."""
        if not self._allows(state, piece):
            return None
        self._enter(state, piece)
        self._parents.append(state)
        self._pieces.append(piece)
        self._unread.append(b"")
        return len(self._parents) - 1

    def mask(self, state: int) -> NDArray[np.uint32]:
        """All allowed tokens (ceil(V / 32),). Slow: the predicate is called for every token of the vocabulary."""
        mask = self._masks.get(state)
        if mask is None:
            size = self._vocabulary.size
            tokens = np.arange(size, dtype=np.int32)
            allowed = self.check(np.array([state], dtype=np.int64), tokens[None, :])[0]
            mask = mask_of(tokens[allowed], size)
            self._masks.put(state, mask)
        return mask

    def is_complete(self, state: int) -> bool:
        """Whether the string may end here."""
        return state != self._ENDED and not self._unread[state] and self._complete(state)


class _NoTokens:
    """A vocabulary without tokens."""

    size = 0
    eos_ids: tuple[int, ...] = ()

    def token_bytes(self, token: int) -> bytes | None:
        """There is none."""
        return None


class PredicateReader:
    """A predicate over bytes: states are numbers in a tree of accepted pieces."""

    def __init__(self, source: Predicate) -> None:
        """Start with the empty string."""
        self._bound: Any = source.bind(_NoTokens())
        self._children: dict[tuple[int, bytes], int | None] = {}
        self.start = self._bound.start

    def advance(self, state: int, data: bytes) -> int | None:
        """The state after `data`, None if it is rejected."""
        if not data:
            return state
        key = (state, data)
        if key not in self._children:
            self._children[key] = self._bound.enter(state, data)
        return self._children[key]

    def is_complete(self, state: int) -> bool:
        """Whether the string may end here."""
        return bool(self._bound.is_complete(state))


class BoundFunction(BoundPredicate):
    """A predicate given as a function of the whole prefix."""

    def __init__(self, source: Predicate, vocabulary: TokenVocabulary, prefix: bytes) -> None:
        """Remember the prefixes of the latest states."""
        super().__init__(source, vocabulary, prefix)
        self._check = source.check
        self._accept = source.check if source.complete is None else source.complete
        self._recent: OrderedDict[int, bytes] = OrderedDict()
        # What was asked beforehand, by role and argument.
        self._known: dict[tuple[str, Any], bool | Failure] = {}
        self._pool: Pool | None = None

    def _prefix(self, state: int) -> bytes:
        """The bytes read up to `state`; joined once, then remembered for a while."""
        prefix = self._recent.get(state)
        if prefix is None:
            prefix = super()._prefix(state)
            self._recent[state] = prefix
            if len(self._recent) > _PREFIX_CACHE:
                self._recent.popitem(last=False)
        return prefix

    def _question(self, role: str, state: int, piece: bytes) -> bool | bytes | str:
        """What the function has to be asked, or the answer where it need not be asked.

        It need not where no whole character was added, or where the bytes are no text.
        """
        prefix = self._prefix(state) + piece
        if self._source.on == "bytes":
            return prefix
        try:
            if role == "complete":
                return prefix.decode("utf-8")
            text, used = codecs.utf_8_decode(prefix, "strict", False)
        except UnicodeDecodeError:
            return False
        return True if used <= len(prefix) - len(piece) else text

    def _allows(self, state: int, piece: bytes) -> bool:
        """Ask the function about the longer prefix."""
        return self._ask("check", state, piece)

    def _complete(self, state: int) -> bool:
        """Ask the function about the whole string."""
        return self._ask("complete", state, b"")

    def _ask(self, role: str, state: int, piece: bytes) -> bool:
        """The answer of the function of a role, from what is known if it was asked beforehand."""
        question = self._question(role, state, piece)
        if isinstance(question, bool):
            return question
        if not self._source.batch and not self._source.workers:
            function: Any = self._check if role == "check" else self._accept
            return self._judge(function, state, piece, question)
        if (role, question) not in self._known:
            self._ask_all([(role, question)], state, piece)
        answer = self._known[role, question]
        if isinstance(answer, Failure):
            raise self._failure(state, piece, answer.why)
        return answer

    def _prepare(self, states: NDArray[np.int64], tokens: NDArray[np.int32]) -> None:
        """Ask about all new prefixes at once, where the predicate takes several."""
        if not self._source.batch and not self._source.workers:
            return
        calls: dict[tuple[str, Any], None] = {}
        for row, state in enumerate(states.tolist()):
            for token in tokens[row].tolist():
                call = self._call_for(state, token)
                if call is not None and call not in self._known:
                    calls[call] = None
        if calls:
            self._ask_all(list(calls), int(states[0]), b"")

    def _call_for(self, state: int, token: int) -> tuple[str, Any] | None:
        """What has to be asked about a token, if anything."""
        if state in (-1, self._ENDED) or token < 0 or (state, token) in self._answers:
            return None
        unread = self._unread[state]
        if token in self._eos:
            question = False if unread else self._question("complete", state, b"")
            return None if isinstance(question, bool) else ("complete", question)
        piece = self._vocabulary.token_bytes(token) if token < self._vocabulary.size else None
        if not piece or len(piece) <= len(unread) or not piece.startswith(unread):
            return None
        question = self._question("check", state, piece[len(unread) :])
        return None if isinstance(question, bool) else ("check", question)

    def _ask_all(self, calls: list[tuple[str, Any]], state: int, piece: bytes) -> None:
        """Answer calls, by the pool or by the functions that take lists; errors of these name `state` and `piece`."""
        if len(self._known) > _ANSWER_CACHE:
            self._known.clear()
        if self._source.workers:
            if self._pool is None:
                functions = {"check": self._check, "complete": self._accept}
                self._pool = Pool(functions, self._source.workers, self._source.timeout)
            self._known.update(zip(calls, self._pool.answers(calls), strict=True))
            return
        for role, function in (("check", self._check), ("complete", self._accept)):
            arguments = [argument for asked, argument in calls if asked == role]
            if not arguments:
                continue
            answers = self._call(_truths, state, piece, function, arguments)
            if len(answers) != len(arguments):
                what = f"broke its contract: it returned {len(answers)} answers for {len(arguments)} prefixes"
                raise self._failure(state, piece, what)
            self._known.update({(role, argument): answer for argument, answer in zip(arguments, answers, strict=True)})


class BoundIncremental(BoundPredicate):
    """A predicate given as an immutable object per prefix."""

    def __init__(self, source: Predicate, vocabulary: TokenVocabulary, prefix: bytes) -> None:
        """Take the object, or make one if a class was given."""
        super().__init__(source, vocabulary, prefix)
        made = self._call(source.check, self.start, b"") if isinstance(source.check, type) else source.check
        self._objects: list[Any] = [made, None]

    def _step(self, state: int, piece: bytes) -> Any:
        """The object after `piece`, or None."""
        after = self._call(self._objects[state].advance, state, piece, piece)
        if after is not None and (isinstance(after, type) or not self._call(is_incremental, state, piece, after)):
            what = (
                f"advance returned {shown(after)}, which is neither None nor an object with advance() and is_complete()"
            )
            raise self._failure(state, piece, f"broke its contract: {what}")
        return after

    def _allows(self, state: int, piece: bytes) -> bool:
        """Ask the object."""
        return self._step(state, piece) is not None

    def _enter(self, parent: int, piece: bytes) -> None:
        """Keep the object of a state that is really entered; those of tests are dropped."""
        after = self._step(parent, piece) if piece else self._objects[parent]
        if after is None:
            raise self._failure(
                parent,
                piece,
                "broke its contract: advance answered differently for the same prefix; it must be immutable",
            )
        self._objects.append(after)

    def _complete(self, state: int) -> bool:
        """Ask the object."""
        return self._judge(self._objects[state].is_complete, state, b"")
