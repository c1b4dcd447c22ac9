"""The canonical form of a schema: for each JSON type a union of shapes, closed under conjunction and union.

Everything in place (allOf, anyOf, oneOf, not, if, $ref) is worked out on forms; parts of arrays and objects stay
goals (see document.py) until they are lowered, which is what keeps recursive schemas finite.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from .arrays import ArrayShape
from .numbers import NumberShape
from .objects import ObjectShape
from .shapes import NotExpressible, Oracle
from .strings import StringShape, complement_union, meet_unions

# Bits of Form.booleans.
FALSE, TRUE = 1, 2

# Unions larger than this are refused: a product of overlapping alternatives, not something that anybody wrote down.
MAX_SHAPES = 1024


class Form(NamedTuple):
    """The values that a schema admits: a union of shapes for each JSON type."""

    null: bool = False
    booleans: int = 0
    numbers: tuple[NumberShape, ...] = ()
    strings: tuple[StringShape, ...] = ()
    arrays: tuple[ArrayShape, ...] = ()
    objects: tuple[ObjectShape, ...] = ()


NONE = Form()
ANY = Form(True, FALSE | TRUE, (NumberShape(),), (StringShape(),), (ArrayShape(),), (ObjectShape(),))


Shape = TypeVar("Shape", NumberShape, StringShape, ArrayShape, ObjectShape)


def _product(
    first: tuple[Shape, ...],
    second: tuple[Shape, ...],
    any_shape: tuple[Shape, ...],
    meet: Callable[[Shape, Shape], Shape | None],
) -> tuple[Shape, ...]:
    if first is any_shape or not first or not second:
        return second if first else first
    if second is any_shape or first is second:
        return first
    if len(first) * len(second) > 16 * MAX_SHAPES:
        raise NotExpressible("its alternatives multiply beyond what can be kept")
    shapes: list[Shape] = []
    for one in first:
        for other in second:
            both = meet(one, other)
            if both is not None and both not in shapes[-8:]:
                shapes.append(both)
    if len(shapes) > MAX_SHAPES and len(shapes) > max(len(first), len(second)):
        raise NotExpressible("its alternatives multiply beyond what can be kept")
    return tuple(shapes)


def _meet_strings(first: tuple[StringShape, ...], second: tuple[StringShape, ...]) -> tuple[StringShape, ...]:
    if first is ANY.strings or not first or first is second:
        return second if first else ()
    return first if second is ANY.strings else meet_unions(first, second)


def intersect(first: Form, second: Form) -> Form:
    """Values in both."""
    if first is ANY or first is second:
        return second
    if second is ANY:
        return first
    return Form(
        first.null and second.null,
        first.booleans & second.booleans,
        _product(first.numbers, second.numbers, ANY.numbers, NumberShape.meet),
        _meet_strings(first.strings, second.strings),
        _product(first.arrays, second.arrays, ANY.arrays, ArrayShape.meet),
        _product(first.objects, second.objects, ANY.objects, ObjectShape.meet),
    )


def _sum(unions: Iterable[tuple[Shape, ...]]) -> tuple[Shape, ...]:
    shapes: list[Shape] = []
    single: tuple[Shape, ...] | None = None
    for union in unions:
        if union:
            single = union if not shapes else None
            for shape in union:
                if shape not in shapes[-8:]:
                    shapes.append(shape)
    return single if single is not None and len(single) == len(shapes) else tuple(shapes)


def union(forms: list[Form], tracked: bool = False) -> Form:
    """Values in any of them; if `tracked`, shapes that differ in what was evaluated are kept apart."""
    if len(forms) == 1:
        return forms[0]
    if not tracked and any(form is ANY for form in forms):
        return ANY
    booleans = 0
    for form in forms:
        booleans |= form.booleans
    return Form(
        any(form.null for form in forms),
        booleans,
        _sum(form.numbers for form in forms),
        StringShape.merged(_sum(form.strings for form in forms)),
        _sum(form.arrays for form in forms),
        _sum(form.objects for form in forms),
    )


def _complements(
    shapes: tuple[Shape, ...],
    any_shape: tuple[Shape, ...],
    meet: Callable[[Shape, Shape], Shape | None],
    complement: Callable[[Shape], list[Shape]],
) -> tuple[Shape, ...]:
    if shapes is any_shape:
        return ()
    result = any_shape
    for shape in shapes:
        result = _product(result, tuple(complement(shape)), any_shape, meet)
    return result


def complement(form: Form) -> Form:
    """Values not in it. Raises NotExpressible where an array or object part has no complement among the shapes."""
    return Form(
        not form.null,
        form.booleans ^ 3,
        _complements(form.numbers, ANY.numbers, NumberShape.meet, NumberShape.complement),
        () if form.strings is ANY.strings else complement_union(form.strings),
        _complements(form.arrays, ANY.arrays, ArrayShape.meet, ArrayShape.complement),
        _complements(form.objects, ANY.objects, ObjectShape.meet, ObjectShape.complement),
    )


def _exactly_one(
    unions: list[tuple[Shape, ...]],
    within: tuple[Shape, ...],
    any_shape: tuple[Shape, ...],
    meet: Callable[[Shape, Shape], Shape | None],
    complement: Callable[[Shape], list[Shape]],
    is_empty: Callable[[Shape], bool],
) -> tuple[Shape, ...]:
    inhabited = [union for union in unions if union]
    if len(inhabited) <= 1:
        return inhabited[0] if inhabited else ()
    count = len(inhabited)
    overlapping: list[list[int]] = [[] for _ in range(count)]
    for i in range(count):
        for j in range(i):
            shared = _product(_product(inhabited[i], inhabited[j], any_shape, meet), within, any_shape, meet)
            if any(not is_empty(shape) for shape in shared):
                overlapping[i].append(j)
                overlapping[j].append(i)
    results = []
    for i, shapes in enumerate(inhabited):
        for j in overlapping[i]:
            outside = _complements(inhabited[j], any_shape, meet, complement)
            shapes = tuple(shape for shape in _product(shapes, outside, any_shape, meet) if not is_empty(shape))
        results.append(shapes)
    return _sum(results)


def _one_of_strings(
    unions: list[tuple[StringShape, ...]], within: tuple[StringShape, ...], oracle: Oracle
) -> tuple[StringShape, ...]:
    """As `_exactly_one`, but overlaps that only an automaton could tell are taken for granted."""
    inhabited = [union for union in unions if union]
    if len(inhabited) <= 1:
        return inhabited[0] if inhabited else ()
    if all(len(union) == 1 and union[0].constants is not None and not union[0].atoms for union in inhabited):
        counts = Counter(text for (shape,) in inhabited for text in set(shape.constants or ()))
        once = tuple(text for (shape,) in inhabited for text in shape.constants or () if counts[text] == 1)
        return (StringShape(constants=tuple(dict.fromkeys(once))),) if once else ()
    results = []
    for i, shapes in enumerate(inhabited):
        for j, others in enumerate(inhabited):
            shared = _meet_strings(_meet_strings(inhabited[i], others), within) if i != j else ()
            if any(shape.constants is None or not shape.is_empty(oracle) for shape in shared):
                shapes = _meet_strings(shapes, () if others is ANY.strings else complement_union(others))
        results.append(shapes)
    return _sum(results)


def exactly_one(forms: list[Form], within: Form, oracle: Oracle) -> Form:
    """Values in one of them and in no second (oneOf); whether two overlap is asked inside of `within` only.

    Raises NotExpressible as `complement` does, for branches that overlap.
    """
    once = twice = 0
    for form in forms:
        twice |= once & form.booleans
        once |= form.booleans
    return Form(
        sum(form.null for form in forms) == 1,
        once & ~twice,
        _exactly_one(
            [form.numbers for form in forms],
            within.numbers,
            ANY.numbers,
            NumberShape.meet,
            NumberShape.complement,
            NumberShape.is_empty,
        ),
        StringShape.merged(_one_of_strings([form.strings for form in forms], within.strings, oracle)),
        _exactly_one(
            [form.arrays for form in forms],
            within.arrays,
            ANY.arrays,
            ArrayShape.meet,
            ArrayShape.complement,
            lambda shape: shape.is_empty(oracle),
        ),
        _exactly_one(
            [form.objects for form in forms],
            within.objects,
            ANY.objects,
            ObjectShape.meet,
            ObjectShape.complement,
            lambda shape: shape.is_empty(oracle),
        ),
    )


def is_empty(form: Form, oracle: Oracle) -> bool:
    """Whether no value is in it, as far as that can be shown."""
    return not (
        form.null
        or form.booleans
        or any(not shape.is_empty() for shape in form.numbers)
        or any(not shape.is_empty(oracle) for shape in form.strings)
        or any(not shape.is_empty(oracle) for shape in form.arrays)
        or any(not shape.is_empty(oracle) for shape in form.objects)
    )
