"""Free text up to a pattern, what the pattern asks for, free text again: as right-linear rules of the builder.

The rules are the states of the automaton of Aho and Corasick ("Efficient string matching", 1975) over characters and
special tokens, so free text contains no pattern, exactly, however patterns overlap: the first one to end counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..builder import UTF8, Builder
from ..errors import GrammarError
from .expression import Dispatch, Pattern, Symbol

_LAST = 0x10FFFF
_LARGEST = 2_000_000


@dataclass(slots=True)
class _State:
    """The longest end of the text that a pattern begins with."""

    next: dict[Symbol, _State] = field(default_factory=dict)
    moves: dict[Symbol, _State] = field(default_factory=dict)  # also those of shorter ends; others leave all patterns
    shorter: _State | None = None  # the next longest such end; none behind a special token, which is no free text
    behind_special: bool = False
    found: set[int] = field(default_factory=set)  # patterns that end here
    excluded: bool = False


def _states(patterns: Sequence[Pattern], excludes: Sequence[Pattern]) -> list[_State]:
    """The states in which the text goes on, that of no pattern under way first."""
    root = _State()
    for index, pattern in enumerate([*patterns, *excludes]):
        here = root
        for symbol in pattern:
            here = here.next.setdefault(symbol, _State(behind_special=here.behind_special or isinstance(symbol, tuple)))
        if index < len(patterns):
            here.found.add(index)
        else:
            here.excluded = True
    states = [root]
    size = 0
    for state in states:
        shorter = state.shorter
        state.moves = state.next if shorter is None else shorter.moves | state.next
        size += len(state.moves)
        if size > _LARGEST:
            raise GrammarError(
                "the triggers, patterns and excluded texts are too many or too long",
                hint=f"Their automaton has more than {_LARGEST} transitions.",
            )
        for symbol, target in state.next.items():
            if not target.behind_special:
                target.shorter = root if shorter is None else shorter.moves.get(symbol, root)
                target.found |= target.shorter.found
                target.excluded = target.excluded or target.shorter.excluded
            if not target.found and not target.excluded:
                states.append(target)
    return states


def unreachable(patterns: Sequence[Pattern]) -> dict[int, int]:
    """Patterns that never end first, each with one that always ends before it does."""
    places = {pattern: place for place, pattern in enumerate(patterns)}
    lengths = sorted(set(map(len, places)))
    hidden: dict[int, int] = {}
    for index, pattern in enumerate(patterns):
        ends = (pattern[end - length : end] for end in range(1, len(pattern)) for length in lengths if length <= end)
        earlier = next((places[end] for end in ends if end in places), None)
        if earlier is not None:
            hidden[index] = earlier
    return hidden


def lower_dispatch(builder: Builder, dispatch: Dispatch, nodes: Sequence[int]) -> int:
    """The node of a dispatch whose continuations have the nodes `nodes`."""
    states = _states(dispatch.patterns, dispatch.excludes)

    def free_text(complete: bool, after: Callable[[], int]) -> int:
        """The rule of free text up to and with the first pattern, then `after`; or to the end, if `complete`."""
        rules = {id(state): builder.rule("free_text") for state in states}
        for state in states:
            builder.define(rules[id(state)], body(state, rules, complete, after))
        return rules[id(states[0])]

    def body(state: _State, rules: dict[int, int], complete: bool, after: Callable[[], int]) -> int:
        targets: dict[int, tuple[_State, list[str]]] = {}
        characters = {symbol for symbol in state.moves if isinstance(symbol, str)}
        for character in sorted(characters):
            target = state.moves[character]
            targets.setdefault(id(target), (target, []))[1].append(character)
        ways = [builder.empty()] if complete and not state.behind_special else []

        def lead(step: int, target: _State) -> None:
            if target.found:
                continuations = builder.alt([nodes[index] for index in sorted(target.found)])
                ways.append(builder.seq([step, continuations, after()]))
            elif not target.excluded:
                ways.append(builder.seq([step, rules[id(target)]]))

        for target, some in targets.values():
            lead(builder.chars([(ord(c), ord(c)) for c in some], UTF8), target)
        for special in sorted(symbol for symbol in state.moves if isinstance(symbol, tuple)):
            lead(builder.special(special[0]), state.moves[special])
        if state.behind_special:
            return builder.alt(ways)
        others = builder.chars(_all_but(characters), UTF8)
        if state is states[0]:
            # A loop of its own, which masks know how to read.
            return builder.seq([builder.repeat(others, 0, -1), builder.alt(ways)])
        return builder.alt([*ways, builder.seq([others, rules[id(states[0])]])])

    again: list[int] = []

    def loop() -> int:
        if not again:
            again.append(builder.rule("after_tag"))
            builder.define(again[0], free_text(True, lambda: again[0]))
        return again[0]

    if dispatch.required:
        return free_text(False, builder.empty if dispatch.once else loop)
    return free_text(True, builder.empty) if dispatch.once else loop()


def _all_but(characters: set[str]) -> list[tuple[int, int]]:
    ranges, low = [], 0
    for code in sorted(map(ord, characters)):
        ranges.append((low, code - 1))
        low = code + 1
    return [(low, high) for low, high in [*ranges, (low, _LAST)] if low <= high]
