"""A slow, obviously right twin of the C++ grammar builder: the oracle of the grammar tests.

`ReferenceBuilder` has the methods of `tamis.grammars._core.GrammarBuilder`. Nodes are kept as they were written, and
`accepts` computes "where can this node end if it starts here" straight from the definition of each operator, iterated
to a fixpoint for recursive rules.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator, Sequence

from spelling import BYTES, decode, inside, is_partial

Node = tuple[object, ...]


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
        """Is `prefix` the beginning of some string of `node`'s language? Raises ValueError on complement and
        intersect."""
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
        self._complete: dict[tuple[int, int], frozenset[int]] = {}
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
            return {decoded[1]} if decoded and inside(decoded[0], parts[0]) else set()  # type: ignore[arg-type]
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
        if kind == "complement":
            # What is left out must be known for good: a fixpoint of its own (no grammar recurs through a complement).
            if (children[0], at) not in self._complete:
                self._complete[children[0], at] = _Run(self.builder, self.data).ends(children[0], at)
            return set(range(at, len(self.data) + 1)) - self._complete[children[0], at]
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
                    if (
                        kind == "chars"
                        or (any if kind == "alt" else all)(children)
                        or (kind == "repeat" and parts[1] == 0)
                    ):
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
            ranges, codec = parts
            return size in self._visit(node, at) or is_partial(self.data[at:], ranges, codec)  # type: ignore[arg-type]
        children = self.builder.children(node)
        if kind in ("complement", "intersect"):
            raise ValueError(f"viable() cannot judge {kind}")
        if kind in ("alt", "rule"):
            return any(self._visit_open(child, at) for child in children)
        here = {at}
        if kind == "seq":
            for index, child in enumerate(children):
                if any(self._visit_open(child, p) for p in here) and all(map(self.productive, children[index + 1 :])):
                    return True
                here = self._step(child, here)
            return size in here
        (body,), (least, most) = children, parts[1:]
        count, seen = 0, set[int]()
        while here and (most < 0 or count <= most):  # type: ignore[operator]
            if size in here and (count >= least or self.productive(body)):  # type: ignore[operator]
                return True
            if count != most and any(self._visit_open(body, p) for p in here):
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
