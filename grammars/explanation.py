"""Why a text is not in a grammar: where it died, in which rules, and what could have come instead.

`Grammar.explain` is the entry. The place where a text dies is the shared automaton's word: no text of the grammar
begins with the bytes up to and including it. The rules' names come from a second automaton of the same grammar, whose
rules keep their names (`GrammarBuilder(labels=True)`), and machines tell theirs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

from ._core import Automaton, AutomatonLimitError, CompileError
from .errors import GrammarError
from .instances import instance_pointer

if TYPE_CHECKING:
    from .grammar import Grammar

Ranges = list[tuple[int, int]]

_LABELLED: Final = 4  # automata with names that are kept,
_LABELLED_MEMORY: Final = 1 << 27  # of so many bytes
_FEW: Final = 16  # beginnings that are written out one by one
_ESCAPES: Final = 200  # looked at, in a JSON string
_TAIL: Final = 40  # bytes of what must follow them
_RANGES: Final = 12  # of characters
_LOOKUPS: Final = 500  # states asked for the characters of several bytes
_LINES: Final = 8  # of places in a message
_RULES: Final = 5  # of a place
_WIDTH: Final = 60  # characters of the text on either side of its end


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the grammar where the text stood when it died.

    Attributes: `rules`, those under way that are not through, the outermost first (JSON pointers of subschemas; of a
    pattern the column of its part; rules and terminals of the notations); `next_bytes`, the bytes that may come there,
    ascending; `expected`, the same for people; `refusals`, why the next byte may not, where a part of an intersection
    or an exclusion refuses it.
    """

    rules: tuple[str, ...]
    next_bytes: bytes
    expected: tuple[str, ...]
    refusals: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What became of a text; `str()` tells it in a few lines.

    Attributes:
        verdict: "accepted"; "refused", at a byte after which no completion exists; "incomplete": a completion exists.
        offset: of the byte that was refused, or the length of the text, in bytes.
        line, column: of the same place, from 1; columns count characters.
        found: the character at the offset (bytes that are no UTF-8 as \\xHH), None at the end of the text.
        expected: what could have come instead: characters, ranges of them, and literals as far as they are without
            choice.
        next_bytes: the bytes that could have come, ascending.
        may_end: whether the text could have ended at the offset.
        places: where in the grammar that was; empty if it cannot be told within bounds.
        instance: of JSON Schemas, the JSON pointer of the value or member that was being read; None otherwise.
        excerpt: the line of the text around the offset, and where in it the offset is (in characters).
    """

    verdict: Literal["accepted", "refused", "incomplete"]
    offset: int
    line: int
    column: int
    found: str | None
    expected: tuple[str, ...]
    next_bytes: bytes
    may_end: bool
    places: tuple[Place, ...]
    instance: str | None
    excerpt: tuple[str, int]

    @property
    def accepted(self) -> bool:
        """Whether the text is in the grammar."""
        return self.verdict == "accepted"

    def __str__(self) -> str:
        """What happened, the offending line with a caret, and what could have come."""
        if self.accepted:
            return "accepted"
        where = f"line {self.line}, column {self.column} (byte {self.offset})"
        text, caret = self.excerpt
        head = f"ends too early, at {where}" if self.found is None else f"refused at {where}: {self.found}"
        lines = [head, f"  {text}", f"  {' ' * caret}^"]
        if self.instance is not None:
            cut = "..." if len(self.instance) > 4 * _WIDTH else ""
            lines.append(f"in the instance at {cut}{self.instance[-4 * _WIDTH :] or '#'}")
        told = [place for place in self.places if place.expected or place.refusals]
        for place in told[:_LINES]:
            named = bool(place.rules) or len(told) > 1
            if named:
                around = "... > " if len(place.rules) > _RULES else ""
                lines.append(f"in {around}{' > '.join(place.rules[-_RULES:]) or 'no rule'}")
            indent = "  " if named else ""
            lines += [f"{indent}expected {_listed(place.expected)}"] if place.expected else []
            lines += [f"{indent}refused by {refusal}" for refusal in place.refusals]
        if len(told) > _LINES:
            lines.append(f"and {len(told) - _LINES} more")
        if not told and self.expected:
            lines.append(f"expected {_listed(self.expected)}")
        if self.may_end:
            lines.append("the text could have ended here")
        return "\n".join(lines)


def explain(grammar: Grammar, data: str | bytes) -> Explanation:
    """See `Grammar.explain`."""
    if not isinstance(data, (str, bytes)):
        raise TypeError(f"explain takes str or bytes, not {type(data).__name__}")
    text = data.encode("utf-8", errors="surrogatepass") if isinstance(data, str) else data
    automaton = grammar.compile()
    state, offset = automaton.longest(automaton.start, text)
    complete = automaton.is_complete(state)
    refused = text[offset] if offset < len(text) else None
    if refused is None and complete:
        verdict: Literal["accepted", "refused", "incomplete"] = "accepted"
    else:
        verdict = "incomplete" if refused is None else "refused"
    next_bytes = b"" if verdict == "accepted" else automaton.next_bytes(state)
    begin = text.rfind(b"\n", 0, offset) + 1
    continuations = _Continuations(automaton, state)
    return Explanation(
        verdict=verdict,
        offset=offset,
        line=text.count(b"\n", 0, offset) + 1,
        column=len(_decoded(text[begin:offset])) + 1,
        found=None if refused is None else _quoted(_character(text, offset)),
        expected=continuations.of(next_bytes),
        next_bytes=next_bytes,
        may_end=complete,
        places=() if verdict == "accepted" else tuple(_places(grammar, text[:offset], refused, continuations)),
        instance=instance_pointer(text[:offset]) if grammar.kind == "json_schema" else None,
        excerpt=_excerpt(text, begin, offset),
    )


def _places(grammar: Grammar, before: bytes, refused: int | None, continuations: _Continuations) -> Iterator[Place]:
    try:
        labelled = _labelled(grammar)
        there, read = labelled.longest(labelled.start, before)
        if read < len(before):
            return
        found = labelled.diagnose(there, refused)
        if labelled.memory_bytes > _LABELLED_MEMORY // 2:
            _labelled.cache_clear()
    except (GrammarError, CompileError, AutomatonLimitError, RecursionError):
        _labelled.cache_clear()
        return  # too large to be told with names
    for rules, next_bytes, named, refusals in found:
        # A terminal that may begin anew need not be told as begun, too.
        told = tuple(name for name in named if name.removesuffix(" (begun)") == name or name[:-8] not in named)
        expected = told or continuations.of(next_bytes)
        yield Place(tuple(rules), next_bytes, expected, tuple(refusals))


@lru_cache(maxsize=_LABELLED)
def _labelled(grammar: Grammar) -> Automaton:
    """The grammar's automaton with rules that keep their names. Raises as `Grammar` and `compile` do."""
    from .grammar import lowered

    if grammar.kind == "choice" or (grammar.kind == "lark" and grammar.options.get("parser") != "earley"):
        return grammar.compile()  # it has no rules but those of its machine
    builder, node = lowered(grammar.kind, grammar.source, grammar.options, labels=True)
    return builder.compile(node, memory_limit=_LABELLED_MEMORY)


# What could have come ------------------------------------------------------------------------------------------------


class _Continuations:
    """What may follow a state of an automaton, for people."""

    def __init__(self, automaton: Automaton, state: int) -> None:
        self._automaton = automaton
        self._state = state
        self._rests: dict[tuple[int, int], Ranges] = {}

    def of(self, next_bytes: bytes) -> tuple[str, ...]:
        """What begins with one of these bytes, which may come: literals if there are few, else characters; and special
        tokens."""
        if b"\xff" in next_bytes:
            return (*self.of(next_bytes.replace(b"\xff", b"")), *self._special_tokens())
        if not next_bytes:
            return ()
        if any(0x80 <= byte < 0xC0 for byte in next_bytes):
            return (f"the rest of a character (a byte of {_bytes_shown(next_bytes)})",)
        try:
            if b"\\" in next_bytes and len(next_bytes) > 1 and self._only_respells(self._state):
                next_bytes = next_bytes.replace(b"\\", b"")
            if len(next_bytes) <= _FEW and next_bytes.isascii():
                literals = self._literals(next_bytes)
                if not _is_a_class(next_bytes) or any(len(text) > 1 for text in literals if text[0].isalnum()):
                    return tuple(_merged(literals))
            return (_class(self._characters(next_bytes)),)
        except AutomatonLimitError:
            ascii_ranges = _ranges(bytes(byte for byte in next_bytes if byte < 0x80))
            beyond = ("some characters beyond ASCII",) if next_bytes[-1] >= 0x80 else ()
            return ((_written(ascii_ranges),) if ascii_ranges else ()) + beyond

    def _special_tokens(self) -> tuple[str, ...]:
        """The special tokens that may come."""
        names: list[bytes] = []
        open_ = [(b"", self._automaton.advance(self._state, b"\xff"))]
        for _ in range(_LOOKUPS):
            if not open_:
                return tuple(f"the special token {_quoted(name.decode(errors='replace'))}" for name in sorted(names))
            name, here = open_.pop()
            if here is None:
                continue
            for byte in self._automaton.next_bytes(here):
                if byte == 0xFE:
                    names.append(name)
                else:
                    open_.append((name + bytes([byte]), self._automaton.advance(here, bytes([byte]))))
        return ("special tokens",)

    def _literals(self, next_bytes: bytes) -> list[str]:
        """Each byte, with what must follow it."""
        found = []
        for byte in next_bytes:
            after = self._automaton.advance(self._state, bytes([byte]))
            tail = b"" if after is None else self._tail(after)
            text = (bytes([byte]) + tail).decode("utf-8", errors="ignore")
            found.append(text + ("..." if len(tail) >= _TAIL else ""))
        return found

    def _tail(self, state: int) -> bytes:
        """What must come behind a state, but for other spellings of it inside of a JSON string."""
        automaton, tail = self._automaton, b""
        while len(tail) < _TAIL:
            found = automaton.forced(state, _TAIL - len(tail))
            if not found:
                found = b"" if automaton.is_complete(state) else self._without_spellings(state)
                if len(found) != 1:
                    break
            tail += found.partition(b"\xff")[0]
            if b"\xff" in found:
                break
            after = automaton.advance(state, found)
            assert after is not None
            state = after
        return tail

    def _without_spellings(self, state: int) -> bytes:
        """The bytes that may come, without a backslash that begins nothing but other spellings of them."""
        choices = self._automaton.next_bytes(state)
        if b"\\" not in choices or len(choices) == 1:
            return choices
        return choices.replace(b"\\", b"") if self._only_respells(state) else choices

    def _only_respells(self, state: int) -> bool:
        """Whether each escape that may come means an ASCII character that may come itself and leads to the same."""
        automaton = self._automaton
        open_ = [(b"\\", automaton.advance(state, b"\\"))]
        for _ in range(_ESCAPES):
            if not open_:
                return True
            written, here = open_.pop()
            if here is None:
                return False
            if len(written) == 6 or (len(written) == 2 and written != b"\\u"):
                try:
                    meant = json.loads(b'"' + written + b'"').encode()
                except ValueError:
                    return False
                if not meant.isascii() or automaton.advance(state, meant) != here:
                    return False
                continue
            following = automaton.next_bytes(here)
            if not following or automaton.is_complete(here):
                return False
            for byte in following:
                open_.append((written + bytes([byte]), automaton.advance(here, bytes([byte]))))
        return False

    def _characters(self, first: bytes) -> Ranges:
        """The characters in UTF-8 that may come and begin with one of the bytes `first`."""
        found = [(byte, byte) for byte in first if byte < 0x80]
        for byte in first:
            after = self._automaton.advance(self._state, bytes([byte]))
            if byte >= 0xC0 and after is not None:
                length = 1 if byte < 0xE0 else 2 if byte < 0xF0 else 3
                above = (byte & (0x3F >> length)) << 6 * length
                found += [(above + low, above + high) for low, high in self._rest(after, length)]
        return _joined(found)

    def _rest(self, state: int, remaining: int) -> Ranges:
        """What `remaining` continuation bytes behind a state add to a character. Raises AutomatonLimitError where that
        takes more than a bounded number of states."""
        if remaining == 0:
            return [(0, 0)]
        if (state, remaining) not in self._rests:
            if len(self._rests) > _LOOKUPS:
                raise AutomatonLimitError
            found: Ranges = []
            for byte in self._automaton.next_bytes(state):
                after = self._automaton.advance(state, bytes([byte]))
                if after is not None and 0x80 <= byte < 0xC0:
                    above = (byte & 0x3F) << 6 * (remaining - 1)
                    found += [(above + low, above + high) for low, high in self._rest(after, remaining - 1)]
            self._rests[state, remaining] = _joined(found)
        return self._rests[state, remaining]


def _is_a_class(next_bytes: bytes) -> bool:
    """More than two digits or letters in a row: better written as a range, if nothing must follow them."""
    return any(high - low > 1 and chr(low).isalnum() for low, high in _ranges(next_bytes))


def _merged(literals: Iterable[str]) -> Iterator[str]:
    """Literals for people, blanks as one."""
    texts = list(literals)
    blank = [text for text in texts if not text.strip(" \t\r\n")]
    yield from (_quoted(text) for text in texts if len(blank) < 2 or text not in blank)
    if len(blank) > 1:
        yield "white space"


def _quoted(text: str) -> str:
    written = json.dumps(text, ensure_ascii=False)
    return "'" + written[1:-1].replace('\\"', '"') + "'" if '"' in text and "'" not in text else written


def _joined(ranges: Ranges) -> Ranges:
    joined: Ranges = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined


def _ranges(values: bytes) -> Ranges:
    return _joined([(value, value) for value in values])


def _class(ranges: Ranges) -> str:
    """Characters as a class; where most are in it, what is not."""
    everything = 0x10FFFF - 0x800
    if sum(high - low + 1 for low, high in ranges) > everything // 2:
        edges = [-1, *(edge for pair in ranges for edge in pair), 0x110000]
        gaps = [(edges[i] + 1, edges[i + 1] - 1) for i in range(0, len(edges), 2)]
        gaps = [(low, high) for low, high in gaps if low <= high and (low, high) != (0xD800, 0xDFFF)]
        return f"any character but {_written(gaps)}" if gaps else "any character"
    return _written(ranges)


def _written(ranges: Ranges) -> str:
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        return _quoted(chr(ranges[0][0]))
    parts = [_written_one(low) + (f"-{_written_one(high)}" if high > low else "") for low, high in ranges[:_RANGES]]
    return f"[{''.join(parts)}{'...' if len(ranges) > _RANGES else ''}]"


def _written_one(code: int) -> str:
    character = chr(code)
    if character in "\\]-^[":
        return "\\" + character
    if character.isprintable():
        return character
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character) or (
        f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    )


def _bytes_shown(values: bytes) -> str:
    parts = [f"{low:02x}" + (f"-{high:02x}" if high > low else "") for low, high in _ranges(values)]
    return " ".join(parts[:_RANGES]) + (" ..." if len(parts) > _RANGES else "")


# The text ------------------------------------------------------------------------------------------------------------


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", errors="backslashreplace")


def _character(text: bytes, offset: int) -> str:
    """The character that the byte at `offset` belongs to."""
    begin = offset
    while begin > max(0, offset - 3) and text[begin] & 0xC0 == 0x80:
        begin -= 1
    for end in range(offset + 1, min(begin + 5, len(text) + 1)):
        try:
            return text[begin:end].decode()
        except UnicodeDecodeError:
            pass
    return _decoded(text[offset : offset + 1])


def _excerpt(text: bytes, begin: int, offset: int) -> tuple[str, int]:
    """The line from `begin` on, cut to what is around `offset`, and the place of that in it."""
    end = text.find(b"\n", offset)
    before = _decoded(text[max(begin, offset - 4 * _WIDTH) : offset])
    after = _decoded(text[offset : min(len(text) if end < 0 else end, offset + 4 * _WIDTH)])
    cut = len(before) > _WIDTH or offset - begin > 4 * _WIDTH
    before = ("..." + before[-_WIDTH:]) if cut else before
    shown = before + (after if len(after) <= _WIDTH else after[:_WIDTH] + "...")
    return "".join(c if c.isprintable() else " " for c in shown), len(before)


def _listed(items: tuple[str, ...]) -> str:
    shown = items[:_FEW]
    more = f" or {len(items) - len(shown)} more" if len(items) > len(shown) else ""
    return (
        ", ".join(shown[:-1])
        + (" or " if len(shown) > 1 and not more else ", " if len(shown) > 1 else "")
        + (shown[-1] + more)
    )
