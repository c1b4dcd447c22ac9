"""Sets of strings: lengths, patterns, formats and constants, closed under conjunction and complement."""

from __future__ import annotations

from typing import Any, NamedTuple

from .shapes import Oracle

# Something regular that a string is asked for: ("pattern" or "format", its text), or ("union", shapes) for being in
# one of them.
Atom = tuple[str, Any]

# Products of unions are multiplied out up to this size; past it the unions are kept as atoms.
_MAX_PRODUCT = 4


class StringShape(NamedTuple):
    """Strings of `min_length` to `max_length` code points for which each atom holds or not, as its flag says.

    With `constants`, only those; all of them have an admitted length and none is in `excluded`.
    """

    min_length: int = 0
    max_length: int | None = None
    atoms: tuple[tuple[Atom, bool], ...] = ()
    constants: tuple[str, ...] | None = None
    excluded: tuple[str, ...] = ()

    @staticmethod
    def meet(first: StringShape, second: StringShape) -> StringShape | None:
        """Strings in both; None where that is plainly none."""
        min_length = max(first.min_length, second.min_length)
        max_length = first.max_length
        if second.max_length is not None and (max_length is None or second.max_length < max_length):
            max_length = second.max_length
        if max_length is not None and min_length > max_length:
            return None
        atoms = first.atoms
        for atom, holds in second.atoms:
            if (atom, not holds) in first.atoms:
                return None
            if (atom, holds) not in first.atoms:
                atoms += ((atom, holds),)
        excluded = tuple(dict.fromkeys(first.excluded + second.excluded))
        constants = first.constants if first.constants is not None else second.constants
        if constants is not None:
            if first.constants is not None and second.constants is not None:
                kept = set(second.constants)
                constants = tuple(text for text in constants if text in kept)
            dropped = set(excluded)
            constants = tuple(
                text
                for text in constants
                if text not in dropped and min_length <= len(text) and (max_length is None or len(text) <= max_length)
            )
            if not constants:
                return None
            return StringShape(0, None, atoms, constants, ())
        return StringShape(min_length, max_length, atoms, None, excluded)

    def complement(self) -> list[StringShape]:
        """Shapes whose union is every other string."""
        outside = []
        if self.constants is not None:
            outside.append(StringShape(excluded=self.constants))
        if self.min_length:
            outside.append(StringShape(max_length=self.min_length - 1))
        if self.max_length is not None:
            outside.append(StringShape(min_length=self.max_length + 1))
        outside.extend(StringShape(atoms=((atom, not holds),)) for atom, holds in self.atoms)
        if self.excluded:
            outside.append(StringShape(constants=self.excluded))
        return outside

    def admits(self, text: str, oracle: Oracle) -> bool:
        """Whether `text` is in it."""
        if self.constants is not None:
            if text not in self.constants:
                return False
        elif (
            len(text) < self.min_length
            or (self.max_length is not None and len(text) > self.max_length)
            or text in self.excluded
        ):
            return False
        return all(oracle.matches(atom, text) is holds for atom, holds in self.atoms)

    def is_empty(self, oracle: Oracle) -> bool:
        """Whether no string is in it."""
        if self.constants is not None:
            return not any(self.admits(text, oracle) for text in self.constants)
        return bool(self.atoms) and oracle.no_strings(self)

    @staticmethod
    def merged(shapes: tuple[StringShape, ...]) -> tuple[StringShape, ...]:
        """The same union with all plain constants in one shape."""
        if len(shapes) <= 1:
            return shapes
        constants: dict[str, None] = {}
        others = []
        for shape in shapes:
            if shape.constants is None or shape.atoms:
                others.append(shape)
            else:
                constants.update(dict.fromkeys(shape.constants))
        return (*others, StringShape(constants=tuple(constants))) if constants else shapes


Union = tuple[StringShape, ...]


def meet_unions(first: Union, second: Union) -> Union:
    """Strings in both unions. Strings are regular: unlike arrays and objects, nothing needs to be multiplied out."""
    listed = any(len(union) == 1 and union[0].constants is not None for union in (first, second))
    if listed or len(first) * len(second) <= _MAX_PRODUCT or 1 in (len(first), len(second)):
        both = (StringShape.meet(one, other) for one in first for other in second)
        return tuple(dict.fromkeys(shape for shape in both if shape is not None))
    return (StringShape(atoms=((("union", first), True), (("union", second), True))),)


def complement_union(union: Union) -> Union:
    """Every other string."""
    if not union:
        return (StringShape(),)
    if len(union) == 1:
        return tuple(union[0].complement())
    return (StringShape(atoms=((("union", union), False),)),)
