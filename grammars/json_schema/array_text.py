"""The text of arrays."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from .arrays import ArrayShape
from .document import ANYTHING, NOTHING, Goal, conjunction, negations
from .forms import FALSE, TRUE
from .shapes import NotExpressible

if TYPE_CHECKING:
    from .lower import Lowering

# Bounds of what is unrolled: distinct values of a uniqueItems array, states of a contains count.
_MAX_DISTINCT = 7
_MAX_STATES = 600


def array_text(lowering: Lowering, shape: ArrayShape) -> int:
    """The node of the arrays in `shape`. Raises NotExpressible for uniqueItems and contains that cannot be unrolled."""
    if shape.unique and not _distinct_anyway(lowering, shape):
        return _permutations(lowering, shape)
    contains = tuple(item for item in shape.contains if item[1] > 0 or item[2] is not None)
    if contains:
        return _counted(lowering, shape, contains)
    builder, text = lowering.builder, lowering.text
    most = shape.most
    prefix: list[int] = []
    for place, goal in enumerate(shape.prefix):
        node = lowering.value(goal) if most is None or place < most else builder.nothing()
        if builder.is_nothing(node):
            most = place if most is None else min(most, place)
            break
        prefix.append(node)
    length = len(prefix)
    rest = builder.nothing()
    if most is None or most > length:
        rest = lowering.value(shape.rest)
        if builder.is_nothing(rest):
            most = length
    if most is not None and shape.least > most:
        return builder.nothing()

    def repeated(done: int) -> int:
        """What may follow `done` items, all of the prefix among them."""
        if most is not None and most <= done:
            return builder.empty()
        following = builder.seq([text.comma, rest])
        return builder.repeat(following, max(0, shape.least - done), -1 if most is None else most - done)

    if most == 0:
        return text.enclosed(b"[", None, b"]", or_empty=True)
    if not prefix:
        contents = builder.seq([rest, repeated(1)])
    else:
        tail = repeated(length)
        for place in range(length - 1, 0, -1):
            tail = builder.seq([text.comma, prefix[place], tail])
            if shape.least <= place:
                tail = text.maybe(tail)
        contents = builder.seq([prefix[0], tail])
    return text.enclosed(b"[", contents, b"]", or_empty=shape.least == 0)


def _distinct_anyway(lowering: Lowering, shape: ArrayShape) -> bool:
    """Whether uniqueItems says nothing more: at most one item, or items that cannot be equal."""
    if shape.most is None:
        return False
    if shape.most <= 1:
        return True
    if shape.most > 16 or shape.most > len(shape.prefix) + 1:
        return False
    goals = [shape.item(i) for i in range(shape.most)]
    return all(
        lowering.normaliser.is_empty(conjunction(goals[i], goals[j])) for i in range(len(goals)) for j in range(i)
    )


def _values(lowering: Lowering, goal: Goal) -> list[int]:
    """A node for each of the finitely many values of `goal`. Raises NotExpressible if there may be more."""
    form = lowering.normaliser.form(goal)
    builder = lowering.builder
    values = []
    if form.null:
        values.append(builder.literal(b"null"))
    values += [builder.literal(word) for bit, word in ((FALSE, b"false"), (TRUE, b"true")) if form.booleans & bit]
    numbers = {shape.low for shape in form.numbers if shape.low == shape.high}
    if len(numbers) != len(form.numbers) or None in numbers or form.arrays or form.objects:
        raise NotExpressible("uniqueItems over items that are not listed in an enum")
    values += [lowering.number(shape) for shape in form.numbers]
    for strings in form.strings:
        if strings.constants is None or len(form.strings) > 1:
            raise NotExpressible("uniqueItems over items that are not listed in an enum")
        kept = [
            item for item in strings.constants if not strings._replace(constants=(item,)).is_empty(lowering.normaliser)
        ]
        values += [
            lowering.text.string(lowering.strings.contents(strings._replace(constants=(item,)))) for item in kept
        ]
    return values


def _permutations(lowering: Lowering, shape: ArrayShape) -> int:
    """Arrays of distinct values out of a few: one node for each set of values still to come."""
    if shape.prefix or shape.contains:
        raise NotExpressible("uniqueItems together with prefixItems or contains")
    values = _values(lowering, shape.rest)
    if len(values) > _MAX_DISTINCT:
        raise NotExpressible(f"uniqueItems over more than {_MAX_DISTINCT} values")
    builder, text = lowering.builder, lowering.text
    count = len(values)
    most = count if shape.most is None else min(shape.most, count)
    if shape.least > most:
        return builder.nothing()
    after = {0: builder.empty()}
    for left in sorted(range(1, 1 << count), key=int.bit_count):
        done = count - left.bit_count()
        parts = [builder.empty()] if done >= shape.least else []
        if done < most:
            parts += [
                builder.seq([text.comma, values[i], after[left & ~(1 << i)]]) for i in range(count) if left >> i & 1
            ]
        after[left] = builder.alt(parts)
    everything = (1 << count) - 1
    first = [builder.seq([values[i], after[everything & ~(1 << i)]]) for i in range(count)] if most else []
    return text.enclosed(b"[", builder.alt(first) if first else None, b"]", or_empty=shape.least == 0)


def _counted(lowering: Lowering, shape: ArrayShape, contains: tuple[tuple[Goal, int, int | None], ...]) -> int:
    """Arrays with `contains`: one node for each place and each count of matches, no further than they matter."""
    builder, text = lowering.builder, lowering.text
    last = max(len(shape.prefix), shape.least, 1) if shape.most is None else shape.most
    caps = [fewest if most is None else most for _, fewest, most in contains]
    states = last + 1
    for cap in caps:
        states *= cap + 1
    if states > _MAX_STATES:
        raise NotExpressible("contains together with such large counts or lengths")

    def moves(place: int, counts: tuple[int, ...]) -> list[tuple[tuple[int, ...], int]]:
        """(counts afterwards, item) for every way in which the item at `place` may match."""
        options: list[list[tuple[int, Goal]]] = []
        for (goal, _, most), count, cap in zip(contains, counts, caps, strict=True):
            if most is None:
                stay: list[Goal] = [ANYTHING]  # not looked at: at least so many match anyway
            else:
                stay = negations(goal)
            choices = [(count, other) for other in stay]
            if count < cap:
                choices.append((count + 1, goal))
            options.append(choices)
        found = []
        for combination in product(*options):
            item = shape.item(place)
            for _, goal in combination:
                item = conjunction(item, goal)
            if item != NOTHING:
                node = lowering.value(item)
                if not builder.is_nothing(node):
                    found.append((tuple(count for count, _ in combination), node))
        return found

    after: dict[tuple[int, tuple[int, ...]], int] = {}
    every_count = sorted(product(*(range(cap + 1) for cap in caps)), reverse=True)
    for place in range(last, 0, -1):
        for counts in every_count:
            enough = place >= shape.least and all(
                count >= fewest for count, (_, fewest, _) in zip(counts, contains, strict=True)
            )
            parts = [builder.empty()] if enough else []
            loops = []
            if shape.most is None or place < shape.most:
                for following, node in moves(place, counts):
                    member = builder.seq([text.comma, node])
                    if place == last and following == counts:
                        loops.append(member)
                    else:
                        parts.append(builder.seq([member, after[(min(place + 1, last), following)]]))
            node = builder.alt(parts)
            if loops:
                node = builder.seq([builder.repeat(builder.alt(loops), 0, -1), node])
            after[(place, counts)] = node
    zero = (0,) * len(contains)
    first = [builder.seq([node, after[(1, following)]]) for following, node in moves(0, zero)] if last else []
    or_empty = shape.least == 0 and all(fewest == 0 for _, fewest, _ in contains)
    return text.enclosed(b"[", builder.alt(first), b"]", or_empty)
