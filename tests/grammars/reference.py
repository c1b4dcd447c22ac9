"""A slow, obviously right twin of the C++ grammar builder: the oracle of the grammar tests.

`ReferenceBuilder` has the methods of `tamis.grammars._core.GrammarBuilder`. Nodes are kept as they were written, and `accepts` computes
"where can this node end if it starts here" straight from the definition of each operator, iterated to a fixpoint for recursive rules.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator, Sequence

BYTES, UTF8, JSON = 0, 1, 2

Ranges = tuple[tuple[int, int], ...]
Node = tuple[object, ...]

_SHORT_ESCAPES = dict(zip(b'"\\/bfnrt', b'"\\/\b\f\n\r\t', strict=True))
_SHORT_SPELLING = {code: letter for letter, code in _SHORT_ESCAPES.items()}


class ReferenceBuilder:
    """Pure Python grammar builder; see the C++ class for what each method means."""

    def __init__(self) -> None:
        self._nodes: list[Node] = []
        self._ids: dict[Node, int] = {}
        self._names: list[str] = []
        self._bodies: dict[int, int] = {}

    def _add(self, *node: object) -> int:
        if node not in self._ids:
            self._ids[node] = len(self._nodes)
            self._nodes.append(node)
        return self._ids[node]

    def nothing(self) -> int:
        return self._add("alt", ())

    def empty(self) -> int:
        return self._add("seq", ())

    def chars(self, ranges: Iterable[tuple[int, int]], codec: int) -> int:
        top = 0xFF if codec == BYTES else 0x10FFFF
        kept = []
        for low, high in ranges:
            pieces = [(low, high)] if codec == BYTES else [(low, min(high, 0xD7FF)), (max(low, 0xE000), high)]
            kept += [(max(a, 0), min(b, top)) for a, b in pieces if max(a, 0) <= min(b, top)]
        return self._add("chars", tuple(sorted(set(kept))), codec) if kept else self.nothing()

    def literal(self, data: bytes) -> int:
        return self._add("seq", tuple(self.chars([(byte, byte)], BYTES) for byte in data))

    def text(self, s: str, codec: int) -> int:
        return self._add("seq", tuple(self.chars([(ord(c), ord(c))], codec) for c in s))

    def seq(self, nodes: Sequence[int]) -> int:
        return self._add("seq", tuple(nodes))

    def alt(self, nodes: Sequence[int]) -> int:
        return self._add("alt", tuple(nodes))

    def repeat(self, node: int, min: int, max: int) -> int:
        return self._add("repeat", node, min, max)

    def intersect(self, nodes: Sequence[int]) -> int:
        return self._add("intersect", tuple(nodes))

    def complement(self, node: int) -> int:
        return self._add("complement", node)

    def rule(self, name: str) -> int:
        self._names.append(name)
        return self._add("rule", len(self._names) - 1)

    def define(self, rule_node: int, body: int) -> None:
        if rule_node in self._bodies:
            raise ValueError(f"rule {self.to_text(rule_node)} is defined twice")
        self._bodies[rule_node] = body

    def is_nothing(self, node: int) -> bool:
        return self._nodes[node] == ("alt", ())

    def to_text(self, node: int) -> str:
        kind, *parts = self._nodes[node]
        if kind == "rule":
            return f"<{self._names[parts[0]]}#{parts[0]}>"  # type: ignore[index]
        if kind == "chars":
            return f"chars{list(parts[0])}/{parts[1]}"  # type: ignore[call-overload]
        if kind == "repeat":
            return f"{self.to_text(parts[0])}{{{parts[1]},{parts[2]}}}"  # type: ignore[arg-type]
        if kind == "complement":
            return f"~{self.to_text(parts[0])}"  # type: ignore[arg-type]
        sign = {"seq": " ", "alt": " | ", "intersect": " & "}[kind]  # type: ignore[index]
        return "(" + sign.join(self.to_text(child) for child in parts[0]) + ")"  # type: ignore[attr-defined]

    def compile(self, start: int, max_states: int = 0) -> ReferenceAutomaton:
        return ReferenceAutomaton(self, start)

    def accepts(self, node: int, data: bytes) -> bool:
        """Is `data` a string of `node`'s language?"""
        with _deep_recursion():
            return len(data) in _Run(self, data).ends(node, 0)

    def viable(self, node: int, prefix: bytes) -> bool:
        """Is `prefix` the beginning of some string of `node`'s language? Raises ValueError on complement and intersect."""
        with _deep_recursion():
            return _Run(self, prefix).is_open(node, 0)

    def children(self, node: int) -> tuple[int, ...]:
        kind, *parts = self._nodes[node]
        if kind == "chars":
            return ()
        if kind == "rule":
            if node not in self._bodies:
                raise ValueError(f"rule {self.to_text(node)} is not defined")
            return (self._bodies[node],)
        return (parts[0],) if kind in ("repeat", "complement") else parts[0]  # type: ignore[return-value]


class ReferenceAutomaton:
    """`compile`'s result: states are numbers given to the byte prefixes in the order of their first visit."""

    start = 0

    def __init__(self, builder: ReferenceBuilder, node: int) -> None:
        self._builder, self._node = builder, node
        self._prefixes = [b""]

    def accepts(self, data: bytes) -> bool:
        return self._builder.accepts(self._node, data)

    def advance(self, state: int, data: bytes) -> int | None:
        prefix = self._prefixes[state] + data
        if not self._builder.viable(self._node, prefix):
            return None
        if prefix not in self._prefixes:
            self._prefixes.append(prefix)
        return self._prefixes.index(prefix)

    def is_complete(self, state: int) -> bool:
        return self.accepts(self._prefixes[state])


class _Run:
    """One string against one grammar: `ends` and `is_open`, both least fixpoints over (node, position)."""

    def __init__(self, builder: ReferenceBuilder, data: bytes) -> None:
        self.builder, self.data = builder, data
        self._ends: dict[tuple[int, int], frozenset[int]] = {}
        self._open: dict[tuple[int, int], bool] = {}
        self._final: set[tuple[int, int]] = set()
        self._visited: set[tuple[int, int]] = set()
        self._visited_open: set[tuple[int, int]] = set()
        self._changed = False
        self._recursive: dict[int, bool] = {}
        self._productive: set[int] | None = None

    def ends(self, node: int, position: int) -> frozenset[int]:
        """All ends of `node`'s strings that begin at `position`."""
        while True:
            self._changed, self._visited = False, set()
            self._visit(node, position)
            if not self._changed:
                return self._ends[node, position]

    def _visit(self, node: int, at: int) -> frozenset[int]:
        key = (node, at)
        if key in self._final or key in self._visited:
            return self._ends.get(key, frozenset())
        self._visited.add(key)
        found = frozenset(self._evaluate(node, at))
        if found != self._ends.get(key):
            # An empty first value is no news to those who already read "nothing" for it.
            self._changed |= bool(found)
            self._ends[key] = found
        if not self.is_recursive(node):
            self._final.add(key)
        return found

    def _step(self, node: int, positions: Iterable[int]) -> set[int]:
        return {end for position in positions for end in self._visit(node, position)}

    def _evaluate(self, node: int, at: int) -> set[int]:
        kind, *parts = self.builder._nodes[node]
        if kind == "chars":
            decoded = decode(self.data, at, parts[1])  # type: ignore[arg-type]
            return {decoded[1]} if decoded and _inside(decoded[0], parts[0]) else set()  # type: ignore[arg-type]
        children = self.builder.children(node)
        if kind == "rule":
            return set(self._visit(children[0], at))
        if kind == "alt":
            return {end for child in children for end in self._visit(child, at)}
        if kind == "seq":
            here = {at}
            for child in children:
                here = self._step(child, here)
            return here
        if kind == "repeat":
            return self._repeat(children[0], parts[1], parts[2], at)  # type: ignore[arg-type]
        for child in children:
            if self.is_recursive(child):
                raise ValueError(f"recursion inside {kind}: {self.builder.to_text(node)}")
        if kind == "complement":
            return set(range(at, len(self.data) + 1)) - self._visit(children[0], at)
        common = set(self._visit(children[0], at))
        for child in children[1:]:
            common &= self._visit(child, at)
        return common

    def _repeat(self, body: int, least: int, most: int, at: int) -> set[int]:
        here = {at}
        for _ in range(least):
            following = self._step(body, here)
            if following == here:
                break
            here = following
        reached, count = set(here), least
        while here and count != most:
            here = self._step(body, here) - reached
            reached |= here
            count += 1
        return reached

    def is_recursive(self, node: int) -> bool:
        """Can `node` reach a rule that reaches itself?"""
        if node not in self._recursive:
            path: list[int] = []

            def walk(current: int) -> bool:
                if current in path:
                    return True
                if current in self._recursive:
                    return self._recursive[current]
                path.append(current)
                result = any(walk(child) for child in self.builder.children(current))
                path.pop()
                self._recursive[current] = result
                return result

            walk(node)
        return self._recursive[node]

    def productive(self, node: int) -> bool:
        """Has `node` any string at all? (no complement, no intersect)"""
        if self._productive is None:
            known: set[int] = set()
            size = -1
            while size != len(known):
                size = len(known)
                for candidate, (kind, *parts) in enumerate(self.builder._nodes):
                    if kind in ("complement", "intersect"):
                        continue
                    if kind == "rule" and candidate not in self.builder._bodies:
                        continue
                    children = [child in known for child in self.builder.children(candidate)]
                    if kind == "chars" or (any if kind == "alt" else all)(children) or (kind == "repeat" and parts[1] == 0):
                        known.add(candidate)
            self._productive = known
        return node in self._productive

    def is_open(self, node: int, position: int) -> bool:
        """Is the data from `position` on the beginning of one of `node`'s strings?"""
        while True:
            self._changed, self._visited_open, self._visited = False, set(), set()
            self._visit_open(node, position)
            if not self._changed:
                return self._open[node, position]

    def _visit_open(self, node: int, at: int) -> bool:
        key = (node, at)
        if key in self._visited_open:
            return self._open.get(key, False)
        self._visited_open.add(key)
        found = self._evaluate_open(node, at)
        self._changed |= found and not self._open.get(key, False)
        self._open[key] = found
        return found

    def _evaluate_open(self, node: int, at: int) -> bool:
        kind, *parts = self.builder._nodes[node]
        size = len(self.data)
        if kind == "chars":
            return size in self._visit(node, at) or is_partial(self.data[at:], parts[0], parts[1])  # type: ignore[arg-type]
        children = self.builder.children(node)
        if kind in ("complement", "intersect"):
            raise ValueError(f"viable() cannot judge {kind}")
        if kind in ("alt", "rule"):
            # No short cut: every branch must be visited for the fixpoint to see all of it.
            return any([self._visit_open(child, at) for child in children])
        here = {at}
        if kind == "seq":
            for index, child in enumerate(children):
                if any([self._visit_open(child, p) for p in here]) and all(map(self.productive, children[index + 1 :])):
                    return True
                here = self._step(child, here)
            return size in here
        (body,), (least, most) = children, parts[1:]
        count, seen = 0, set[int]()
        while here and (most < 0 or count <= most):  # type: ignore[operator]
            if size in here and (count >= least or self.productive(body)):  # type: ignore[operator]
                return True
            if count != most and any([self._visit_open(body, p) for p in here]):
                return True
            following = self._step(body, here)
            if following == here:
                break
            if count >= least:  # type: ignore[operator]
                seen |= here
                following -= seen
            here, count = following, count + 1
        return False


@contextlib.contextmanager
def _deep_recursion() -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, 50_000))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _inside(code: int, ranges: Ranges) -> bool:
    return any(low <= code <= high for low, high in ranges)


def _overlap(low: int, high: int, ranges: Ranges) -> bool:
    return any(max(low, a) <= min(high, b) for a, b in ranges)


def decode(data: bytes, at: int, codec: int) -> tuple[int, int] | None:
    """The code point that `data` spells at `at` under `codec` and where its spelling ends; None if there is none."""
    if at >= len(data):
        return None
    byte = data[at]
    if codec == BYTES:
        return byte, at + 1
    if codec == JSON:
        if byte == ord("\\"):
            return _decode_escape(data, at)
        if byte < 0x20 or byte == ord('"'):
            return None
    length = 1 if byte < 0x80 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
    with contextlib.suppress(UnicodeDecodeError):
        text = data[at : at + length].decode("utf-8")
        if len(text) == 1:
            return ord(text), at + length
    return None


def _code_unit(data: bytes, at: int) -> int | None:
    digits = data[at + 2 : at + 6]
    if data[at : at + 2] != b"\\u" or len(digits) != 4 or not all(d in b"0123456789abcdefABCDEF" for d in digits):
        return None
    return int(digits, 16)


def _decode_escape(data: bytes, at: int) -> tuple[int, int] | None:
    if at + 1 < len(data) and data[at + 1] in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[data[at + 1]], at + 2
    unit = _code_unit(data, at)
    if unit is None or 0xDC00 <= unit <= 0xDFFF:
        return None
    if unit < 0xD800 or unit > 0xDFFF:
        return unit, at + 6
    low = _code_unit(data, at + 6)
    if low is None or not 0xDC00 <= low <= 0xDFFF:
        return None
    return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00), at + 12


def is_partial(rest: bytes, ranges: Ranges, codec: int) -> bool:
    """Is `rest` a proper beginning of the spelling of a character out of `ranges`?"""
    if not rest:
        return bool(ranges)
    if codec == BYTES:
        return False
    if codec == JSON and rest[0] == ord("\\"):
        return any(_is_escape_start(rest, low, high) for low, high in ranges)
    lead = rest[0]
    if lead < 0xC2 or lead > 0xF4:
        return False
    length, least = (2, 0x80) if lead < 0xE0 else (3, 0x800) if lead < 0xF0 else (4, 0x10000)
    if len(rest) >= length or not all(0x80 <= byte <= 0xBF for byte in rest[1:]):
        return False
    low = high = lead & (0xFF >> (length + 1))
    for index in range(1, length):
        low = low << 6 | (rest[index] & 0x3F if index < len(rest) else 0)
        high = high << 6 | (rest[index] & 0x3F if index < len(rest) else 0x3F)
    return _overlap(max(low, least), min(high, 0x10FFFF), ranges)


def _is_escape_start(rest: bytes, low: int, high: int) -> bool:
    """Is `rest` a proper beginning of an escaped spelling of a code point in [low, high]?"""
    if len(rest) == 1:
        return True
    if len(rest) >= 12 or rest[1] != ord("u"):
        return False
    first, second = _unit_interval(rest[2:6]), _unit_interval(rest[8:12])
    if first is None or second is None:
        return False
    if len(rest) < 6 and max(low, first[0]) <= min(high, first[1], 0xFFFF):
        return True
    if len(rest) >= 7 and rest[6:8] != b"\\u"[: len(rest) - 6]:
        return False
    highs = range(max(first[0], 0xD800), min(first[1], 0xDBFF) + 1)
    lows = (max(second[0], 0xDC00), min(second[1], 0xDFFF))
    base = [0x10000 + ((unit - 0xD800) << 10) - 0xDC00 for unit in highs]
    return lows[0] <= lows[1] and any(max(low, b + lows[0]) <= min(high, b + lows[1]) for b in base)


def _unit_interval(digits: bytes) -> tuple[int, int] | None:
    """All code units whose four hexadecimal digits begin with `digits`."""
    if not all(d in b"0123456789abcdefABCDEF" for d in digits):
        return None
    missing = 4 - len(digits)
    value = int(digits, 16) << 4 * missing if digits else 0
    return value, value + (1 << 4 * missing) - 1


def spellings(code: int, codec: int) -> list[bytes]:
    """Every spelling of one code point under `codec` (for JSON with one choice of hexadecimal case), to build test strings."""
    if codec == BYTES:
        return [bytes([code])]
    raw = chr(code).encode()
    if codec == UTF8:
        return [raw]
    found = [] if code < 0x20 or code in (0x22, 0x5C) else [raw]
    if code in _SHORT_SPELLING:
        found.append(b"\\" + bytes([_SHORT_SPELLING[code]]))
    units = chr(code).encode("utf-16-be")
    found.append(b"".join(b"\\u%04x" % int.from_bytes(units[k : k + 2], "big") for k in range(0, len(units), 2)))
    return found
