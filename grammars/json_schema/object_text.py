"""The text of objects: declared keys in their order (or in any), then the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ..builder import JSON
from .document import ANYTHING, NOTHING, Goal, conjunction
from .objects import Keys, ObjectShape
from .shapes import NotExpressible

if TYPE_CHECKING:
    from .lower import Lowering

# Bounds of what is unrolled: patterns that tell other keys apart, declared keys that may not repeat in any order,
# parts of one object.
_MAX_PATTERNS = 6
_MAX_UNORDERED = 6
_MAX_STATES = 20_000


class Member(NamedTuple):
    """A declared key with its value, as a node."""

    node: int
    required: bool


def object_text(lowering: Lowering, shape: ObjectShape) -> int:
    """The node of the objects in `shape`. Raises NotExpressible for counts and orders beyond what can be unrolled."""
    builder = lowering.builder
    if not shape.others:
        return _plain(lowering, shape, None)
    if len(shape.others) > 1:
        raise NotExpressible("several conditions that some further key exists")
    # Some key outside of a set: one of the declared ones, or one of the rest.
    (keys,) = shape.others
    shape = shape._replace(others=())
    oracle = lowering.normaliser
    if any(not keys.hold(name, oracle) for name in shape.required):
        return _plain(lowering, shape, None)
    parts = [_plain(lowering, shape, keys)]
    for name in _names(shape):
        if not keys.hold(name, oracle):
            parts.append(_plain(lowering, shape._replace(required=(*shape.required, name)), None))
    return builder.alt(parts)


def _names(shape: ObjectShape) -> list[str]:
    """Every key that is named, in the order of declaration; keys that are only required come last."""
    names: dict[str, None] = {}
    for rules in shape.rules:
        names.update(dict.fromkeys(rules.properties))
    names.update(dict.fromkeys(shape.required))
    return list(names)


def _plain(lowering: Lowering, shape: ObjectShape, beyond: Keys | None) -> int:
    """The node of a shape without `others`; with `beyond`, some key that is not named lies outside of that set."""
    builder, text, oracle = lowering.builder, lowering.text, lowering.normaliser
    key_node = None if shape.key == ANYTHING else lowering.key(shape.key)
    required = set(shape.required)
    names = _names(shape)
    members: list[Member] = []
    for name in names:
        goal = shape.goal(name, oracle)
        node = builder.nothing() if goal == NOTHING else lowering.value(goal)
        if not builder.is_nothing(node):
            key = builder.text(name, JSON)
            if key_node is not None:
                key = builder.intersect([key, key_node])
            node = builder.seq([text.string(key), text.colon, node])
        if builder.is_nothing(node):
            if name in required:
                lowering.normaliser.contradictions.append(lowering.pointer(goal) or "")
                return node
            continue
        members.append(Member(node, name in required))
    rest = builder.alt([_other_member(lowering, names, *group, key_node) for group in _other_keys(lowering, shape)])
    special = None
    if beyond is not None:
        outside = _key_text(lowering, names, (), tuple(sorted(beyond.patterns)), beyond.names)
        special = builder.alt(
            [
                _other_member(
                    lowering, names, *group, outside if key_node is None else builder.intersect([outside, key_node])
                )
                for group in _other_keys(lowering, shape)
            ]
        )
        if builder.is_nothing(special):
            return special
    least = 0 if shape.least <= len(required) else shape.least
    most = shape.most
    if most is not None and builder.is_nothing(rest) and most >= len(members):
        most = None
    if least - len(required) > 1 and not builder.is_nothing(rest):
        raise NotExpressible("minProperties beyond the keys that are required: keys that repeat would count twice")
    if special is not None:
        if least or most is not None or lowering.any_order:
            raise NotExpressible("a further key together with other conditions on the keys")
        tail = builder.seq([special, builder.repeat(builder.seq([text.comma, rest]), 0, -1)])
        before = builder.repeat(builder.seq([rest, text.comma]), 0, -1)
        return _declared(lowering, members, builder.seq([before, tail]), must_follow=True)
    if lowering.any_order and len(members) + (not builder.is_nothing(rest)) > 1:
        return _unordered(lowering, members, rest, least, most)
    if least or most is not None:
        return _counted(lowering, members, rest, least, most)
    following = builder.seq([rest, builder.repeat(builder.seq([text.comma, rest]), 0, -1)])
    return _declared(lowering, members, following, must_follow=False)


# Keys without a name -------------------------------------------------------------------------------------------------


def _other_keys(lowering: Lowering, shape: ObjectShape) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], Goal]]:
    """Groups of the keys without a name, as (patterns matched, patterns not matched, goal of their values)."""
    patterns = tuple(dict.fromkeys(pattern for rules in shape.rules for pattern, _ in rules.patterns))
    if len(patterns) > _MAX_PATTERNS:
        raise NotExpressible(f"more than {_MAX_PATTERNS} patternProperties on one object")
    for chosen in range(1 << len(patterns)):
        matched = tuple(pattern for i, pattern in enumerate(patterns) if chosen >> i & 1)
        goal = ANYTHING
        for rules in shape.rules:
            own = [wanted for pattern, wanted in rules.patterns if pattern in matched]
            for wanted in own or [rules.other]:
                goal = conjunction(goal, wanted)
        if goal != NOTHING:
            yield matched, tuple(pattern for pattern in patterns if pattern not in matched), goal


def _other_member(
    lowering: Lowering,
    names: list[str],
    matched: tuple[str, ...],
    unmatched: tuple[str, ...],
    goal: Goal,
    key_node: int | None,
) -> int:
    builder, text = lowering.builder, lowering.text
    value = lowering.value(goal)
    if builder.is_nothing(value):
        return value
    key = _key_text(lowering, names, matched, unmatched, frozenset())
    if key_node is not None:
        key = builder.intersect([key, key_node])
    return builder.seq([text.string(key), text.colon, value])


def _key_text(
    lowering: Lowering,
    names: list[str],
    matched: tuple[str, ...],
    unmatched: tuple[str, ...],
    further: frozenset[str],
) -> int:
    """The contents of keys that match these patterns, not those, and are none of the names."""
    builder, oracle, strings = lowering.builder, lowering.normaliser, lowering.strings
    excluded = [
        name
        for name in dict.fromkeys([*names, *sorted(further)])
        if all(oracle.matches(("pattern", pattern), name) for pattern in matched)
        and not any(oracle.matches(("pattern", pattern), name) for pattern in unmatched)
    ]
    parts = [strings.atom(("pattern", pattern)) for pattern in matched] or [lowering.text.any_string]
    parts += [builder.complement(strings.atom(("pattern", pattern))) for pattern in unmatched]
    if excluded:
        parts.append(builder.complement(builder.alt([builder.text(name, JSON) for name in excluded])))
    return parts[0] if len(parts) == 1 else builder.intersect(parts)


# Sequences of members ------------------------------------------------------------------------------------------------


def _declared(lowering: Lowering, members: list[Member], rest: int, must_follow: bool) -> int:
    """Members in order, then `rest` (one or more members; `must_follow`: at least one)."""
    builder, text = lowering.builder, lowering.text
    after = builder.seq([text.comma, rest])
    if not must_follow:
        after = text.maybe(after)
    first_required = next((i for i, member in enumerate(members) if member.required), None)
    if first_required is not None:
        before = [text.maybe(builder.seq([member.node, text.comma])) for member in members[:first_required]]
        behind = [
            builder.seq([text.comma, member.node])
            if member.required
            else text.maybe(builder.seq([text.comma, member.node]))
            for member in members[first_required + 1 :]
        ]
        contents = builder.seq([*before, members[first_required].node, *behind, after])
        return text.enclosed(b"{", contents, b"}", or_empty=False)
    # From the back: what follows when some member came already (tail), and when none did (contents).
    tail, contents = after, rest
    for member in reversed(members):
        contents = builder.alt([builder.seq([member.node, tail]), contents])
        tail = builder.seq([text.maybe(builder.seq([text.comma, member.node])), tail])
    empty = builder.is_nothing(contents)
    return text.enclosed(b"{", None if empty else contents, b"}", or_empty=not must_follow)


def _counted(lowering: Lowering, members: list[Member], rest: int, least: int, most: int | None) -> int:
    """Members in order with a bound on their number: one node for each place and each count so far."""
    builder, text = lowering.builder, lowering.text
    cap = max(least, 1) if most is None else most
    if (len(members) + 1) * (cap + 1) > _MAX_STATES:
        raise NotExpressible("such large bounds on the number of properties")
    another = builder.seq([text.comma, rest])
    row = []
    for count in range(cap + 1):
        missing = max(0, least - count)
        if count:
            row.append(builder.repeat(another, missing, -1 if most is None else most - count))
        else:
            bound = -1 if most is None else max(0, most - 1)
            some = builder.seq([rest, builder.repeat(another, max(0, missing - 1), bound)])
            row.append(builder.nothing() if most == 0 else some)
    for member in reversed(members):
        following = row
        row = []
        for count in range(cap + 1):
            more = cap if most is None and count == cap else count + 1
            node = builder.nothing() if more > cap else builder.seq([member.node, following[more]])
            if count:
                node = builder.seq([text.comma, node])
            row.append(node if member.required else builder.alt([node, following[count]]))
    or_empty = least == 0 and not any(member.required for member in members)
    return text.enclosed(b"{", None if builder.is_nothing(row[0]) else row[0], b"}", or_empty)


def _unordered(lowering: Lowering, members: list[Member], rest: int, least: int, most: int | None) -> int:
    """Members in any order: one node for each set of members still to come and each count of the others.

    Beyond a few members only the required ones are told apart: an optional key that repeats is the same instance to
    every parser.
    """
    builder, text = lowering.builder, lowering.text
    if len(members) > _MAX_UNORDERED and not least and most is None:
        optional = [member.node for member in members if not member.required]
        rest = builder.alt([*optional, rest])
        members = [member for member in members if member.required]
    count = len(members)
    open_ended = not builder.is_nothing(rest)
    # How many other members are told apart; past it they no longer matter.
    cap = 0 if not open_ended else max(1 if least else 0, 0 if most is None else most)
    if (1 << count) * (cap + 1) * (count + 1) > _MAX_STATES:
        raise NotExpressible('so many declared keys with property_order="any"')
    needed = sum(1 << i for i, member in enumerate(members) if member.required)
    after: dict[tuple[int, int], int] = {}

    def content(left: int, others: int, comma: bool) -> int:
        """What may follow; `comma`: some member came already."""
        done = count - left.bit_count() + others
        parts = []
        if comma and not left & needed and done >= least:
            parts.append(builder.empty())
        joint = text.comma if comma else builder.empty()
        loop = builder.empty()
        if most is None or done < most:
            parts += [
                builder.seq([joint, members[i].node, after[(left & ~(1 << i), others)]])
                for i in range(count)
                if left >> i & 1
            ]
            if open_ended and others < cap:
                parts.append(builder.seq([joint, rest, after[(left, others + 1)]]))
            elif open_ended and comma:
                loop = builder.repeat(builder.seq([joint, rest]), 0, -1)
            elif open_ended:
                parts.append(builder.seq([rest, after[(left, others)]]))
        return builder.seq([loop, builder.alt(parts)])

    for left in sorted(range(1 << count), key=int.bit_count):
        for others in range(cap, -1, -1):
            after[(left, others)] = content(left, others, comma=True)
    whole = content((1 << count) - 1, 0, comma=False)
    return text.enclosed(b"{", None if builder.is_nothing(whole) else whole, b"}", least == 0 and not needed)
