"""What a backtracking matcher finds first: the texts that a pattern, matched at their beginning, consumes whole.

`re.match` does not try all ways to match but takes the first in its order of preference: earlier alternatives, more
rounds, or fewer if lazy. A text w is found this way where `re.match(pattern, w).end() == len(w)`; `".*?"` finds `"a"`
but not `"a"b"`. These are the texts that lark's dynamic_complete lexer takes for a token: it matches at a place, then
again on every shorter beginning of what it found.

A round of a repetition that matches nothing counts as none; `re` has a rule of its own for those, which matters only
where a repeated group can be empty and prefers to be, as in `(?:a*?)*`.

The set is regular: threads of a nondeterministic automaton run side by side in their order of preference, and one that
matches cuts off all behind it. (Thompson's simulation with priorities, as in R. Cox, "Regular Expression Matching: the
Virtual Machine Approach", 2009.)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ..builder import Builder
from ..errors import GrammarError
from .charsets import Ranges, intersection, normalise, partition
from .lowering import lower_pattern, refuse_unsupported
from .nodes import Alternatives, Assertion, Chars, Group, Node, Repeat, Sequence
from .plain import universe

MAX_INSTRUCTIONS: Final = 20_000
MAX_STATES: Final = 10_000
MAX_SIZE: Final = 100_000


def lower_preferred(builder: Builder, tree: Node, codec: int) -> int:
    """The node of the texts that `tree`, matched at their beginning, consumes whole.

    Of the assertions only look-behind is understood, and only where a character of the same text is behind it. Raises
    GrammarError for look-behind at the beginning and for patterns whose automaton exceeds 10,000 states.
    """
    refuse_unsupported(tree)
    try:
        machine = _Machine(tree, universe(codec))
    except RecursionError:
        raise GrammarError("regular expression: too many nested groups") from None
    if machine.prefers_all:
        return lower_pattern(builder, tree, codec)
    return _eliminate(builder, machine, codec)


@dataclass(slots=True)
class _Program:
    """Instructions: a character and what follows, alternatives in order of preference, an assertion and what follows,
    or the match."""

    code: list[tuple[Ranges, int] | list[int] | tuple[Assertion, int] | None] = field(default_factory=lambda: [None])

    def add(self, instruction: tuple[Ranges, int] | list[int] | tuple[Assertion, int]) -> int:
        if len(self.code) >= MAX_INSTRUCTIONS:
            raise GrammarError(
                f"regular expression: more than {MAX_INSTRUCTIONS} instructions", hint="Use smaller repetitions."
            )
        self.code.append(instruction)
        return len(self.code) - 1

    def emit(self, node: Node, following: int) -> int:
        """Add `node`, to be followed by `following`; its entry."""
        if isinstance(node, Chars):
            return self.add((node.ranges, following))
        if isinstance(node, Assertion):
            return self.add((node, following))
        if isinstance(node, Group):
            return self.emit(node.item, following)
        if isinstance(node, Alternatives):
            return self.add([self.emit(item, following) for item in node.items])
        if isinstance(node, Sequence):
            for item in reversed(node.items):
                following = self.emit(item, following)
            return following
        assert isinstance(node, Repeat)
        entry = following
        if node.most < 0:
            entry = self.add([])
            self._choose(entry, self.emit(node.item, entry), following, node.lazy)
        for _ in range(node.most - node.least):
            body = self.emit(node.item, entry)
            entry = self.add([])
            self._choose(entry, body, following, node.lazy)
        for _ in range(node.least):
            entry = self.emit(node.item, entry)
        return entry

    def _choose(self, entry: int, body: int, following: int, lazy: bool) -> None:
        self.code[entry] = [following, body] if lazy else [body, following]


class _Machine:
    """The deterministic automaton: states are numbers from 0, the start; `prefers_all` says that order never
    matters."""

    def __init__(self, tree: Node, alphabet: Ranges) -> None:
        program = _Program()
        entry = program.emit(tree, 0)
        self._code = program.code
        sets = [i[0] if isinstance(i[0], tuple) else i[0].chars for i in self._code if isinstance(i, tuple)]
        self.cells = partition(alphabet, sets)
        self._inside = {members: [bool(intersection(cell, members)) for cell in self.cells] for members in set(sets)}
        self.accepting: set[int] = set()
        self.steps: list[dict[int, list[int]]] = []  # per state: target -> cells
        self.prefers_all = True
        self._explore(entry)

    def _explore(self, entry: int) -> None:
        start = (self._closure([entry], None, cut=True), self._closure([entry], None, cut=False))
        numbers = {start: 0}
        states = [start]
        for state, (preferred, every) in enumerate(states):
            accepted = 0 in preferred
            self.prefers_all &= accepted == (0 in every)
            if accepted:
                self.accepting.add(state)
            targets: dict[int, list[int]] = {}
            for cell in range(len(self.cells)):
                following = (self._step(preferred, cell, cut=True), self._step(every, cell, cut=False))
                if not following[1]:
                    continue
                if following not in numbers:
                    if len(states) >= MAX_STATES:
                        raise GrammarError(
                            f"regular expression: more than {MAX_STATES} states", hint="Use smaller repetitions."
                        )
                    numbers[following] = len(states)
                    states.append(following)
                targets.setdefault(numbers[following], []).append(cell)
            self.steps.append(targets)

    def _step(self, threads: tuple[int, ...], cell: int, cut: bool) -> tuple[int, ...]:
        entries = []
        for thread in threads:
            instruction = self._code[thread]
            if isinstance(instruction, tuple):
                members, following = instruction
                if isinstance(members, tuple) and self._inside[members][cell]:
                    entries.append(following)
        return self._closure(entries, cell, cut)

    def _closure(self, entries: list[int], last: int | None, cut: bool) -> tuple[int, ...]:
        """The threads that wait for a character or match, in order of preference; with `cut` none after one that
        matches."""
        threads: list[int] = []
        seen: set[int] = set()
        stack = entries[::-1]
        while stack:
            thread = stack.pop()
            if thread in seen:
                continue
            seen.add(thread)
            instruction = self._code[thread]
            if isinstance(instruction, list):
                stack.extend(reversed(instruction))
            elif instruction is not None and isinstance(instruction[0], Assertion):
                if last is None:
                    raise GrammarError("a lookbehind at the beginning of a terminal is not supported")
                if self._inside[instruction[0].chars][last] == (instruction[0].kind == "behind"):
                    stack.append(instruction[1])
            else:
                threads.append(thread)
                if cut and instruction is None:
                    break
        # Without `cut` only the set counts.
        return tuple(threads) if cut else tuple(sorted(threads))


def _eliminate(builder: Builder, machine: _Machine, codec: int) -> int:
    """The automaton's language as one node, by eliminating states, the cheapest first."""
    start, final = -1, -2
    edges: dict[int, dict[int, int]] = {start: {0: builder.empty()}, final: {}}
    sizes: dict[int, int] = {}

    def size(node: int) -> int:
        return sizes.get(node, 1)

    def made(node: int, total: int) -> int:
        if total > MAX_SIZE:
            raise GrammarError(
                "regular expression: its order of preference makes it too large", hint="Use fewer alternatives."
            )
        sizes[node] = min(total, sizes.get(node, total))
        return node

    for state, targets in enumerate(machine.steps):
        edges[state] = {
            target: builder.chars(normalise(r for cell in cells for r in machine.cells[cell]), codec)
            for target, cells in targets.items()
        }
        if state in machine.accepting:
            edges[state][final] = builder.empty()
    sources: dict[int, set[int]] = {state: set() for state in edges}
    for state, row in edges.items():
        for target in row:
            sources[target].add(state)
    remaining = set(range(len(machine.steps)))
    while remaining:
        state = min(remaining, key=lambda s: (len(sources[s]) * len(edges[s]), s))
        remaining.discard(state)
        row = edges.pop(state)
        loop = row.pop(state, None)
        lead = builder.empty() if loop is None else made(builder.repeat(loop, 0, -1), size(loop) + 1)
        for source in sources.pop(state) - {state}:
            into = edges[source].pop(state)
            for target, out in row.items():
                path = made(builder.seq([into, lead, out]), size(into) + size(lead) + size(out))
                old = edges[source].get(target)
                edges[source][target] = path if old is None else made(builder.alt([old, path]), size(old) + size(path))
                sources[target].add(source)
        for target in row:
            sources[target].discard(state)
    return edges[start].get(final, builder.nothing())
