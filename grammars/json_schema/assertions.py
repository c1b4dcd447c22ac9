"""Keywords that look at a value itself and at its parts: each restricts its own type and leaves the others alone."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .arrays import ArrayShape
from .document import ANYTHING, NOTHING, Document, Goal, Subschema
from .forms import ANY, FALSE, TRUE, Form, intersect
from .numbers import INTEGER_SPELLING, NumberShape, exact
from .objects import KeyRules, Keys, ObjectShape
from .patterns import Patterns
from .strings import Atom, StringShape

_NUMBER_KEYWORDS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
_STRING_KEYWORDS = frozenset({"minLength", "maxLength", "pattern", "format"})
_ARRAY_KEYWORDS = frozenset(
    {"items", "prefixItems", "additionalItems", "contains", "minItems", "maxItems", "uniqueItems"}
)
_OBJECT_KEYWORDS = frozenset(
    {
        "properties",
        "patternProperties",
        "additionalProperties",
        "propertyNames",
        "required",
        "minProperties",
        "maxProperties",
    }
)
# Counts of more are not told apart from this one: no text is that long.
_LARGEST = 2**31 - 1

_ALL_TYPES = frozenset({"null", "boolean", "number", "string", "array", "object"})


class Assertions:
    """Turns a subschema's own assertions into a form; its applicators to parts become goals."""

    def __init__(self, document: Document, patterns: Patterns, assert_formats: bool, tracked: bool) -> None:
        self._document = document
        self._patterns = patterns
        self._assert_formats = assert_formats
        self._tracked = tracked

    def form(self, subschema: Subschema) -> Form:
        """What the keywords that look at the value itself, and at its parts, admit."""
        keywords = subschema.keywords
        types = keywords.get("type")
        named = _ALL_TYPES if types is None else frozenset([types] if isinstance(types, str) else types)
        form = Form(
            "null" in named,
            FALSE | TRUE if "boolean" in named else 0,
            self._numbers(subschema, named) if "number" in named or "integer" in named else (),
            self._strings(subschema) if "string" in named else (),
            self._arrays(subschema) if "array" in named else (),
            self._objects(subschema) if "object" in named else (),
        )
        if form == ANY:
            form = ANY
        if "const" in keywords:
            form = intersect(form, self._constants([keywords["const"]], f"{subschema.pointer}/const"))
        if "enum" in keywords:
            form = intersect(form, self._constants(keywords["enum"], f"{subschema.pointer}/enum"))
        return form

    def _constants(self, values: list[Any], pointer: str) -> Form:
        null, booleans = False, 0
        numbers: dict[NumberShape, None] = {}
        strings: dict[str, None] = {}
        arrays: list[ArrayShape] = []
        objects: list[ObjectShape] = []
        goal = self._document.constant_goal
        for value in values:
            if value is None:
                null = True
            elif isinstance(value, bool):
                booleans |= TRUE if value else FALSE
            elif isinstance(value, (int, float, Decimal)):
                number = exact(value)
                numbers[NumberShape(low=number, high=number)] = None
            elif isinstance(value, str):
                strings[value] = None
            elif isinstance(value, list):
                items = tuple(goal(item, pointer) for item in value)
                arrays.append(ArrayShape(items, NOTHING, len(items), len(items), evaluated=0))
            else:
                properties = {name: goal(item, pointer) for name, item in value.items()}
                objects.append(ObjectShape((KeyRules(properties, (), NOTHING),), tuple(properties)))
        constants = (StringShape(constants=tuple(strings)),) if strings else ()
        return Form(null, booleans, tuple(numbers), constants, tuple(arrays), tuple(objects))

    def _numbers(self, subschema: Subschema, named: frozenset[str]) -> tuple[NumberShape, ...]:
        keywords = subschema.keywords
        integer = "number" not in named
        if not integer and not _NUMBER_KEYWORDS & keywords.keys():
            return ANY.numbers
        whole = NumberShape(step=1)
        if integer and not subschema.resource.dialect.integer_has_fraction:
            whole = NumberShape(step=1, spelling=INTEGER_SPELLING)
        shape: NumberShape | None = whole if integer else NumberShape()
        limits = []
        for word, strict_word in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
            strict = keywords.get(strict_word, False)
            if word in keywords:
                limits.append((word, exact(keywords[word]), strict is True))
            if not isinstance(strict, bool):
                limits.append((word, exact(strict), True))
        for word, bound, strict in limits:
            limit = (
                NumberShape(low=bound, low_open=strict)
                if word == "minimum"
                else NumberShape(high=bound, high_open=strict)
            )
            shape = NumberShape.meet(shape, limit) if shape else None
        if "multipleOf" in keywords and shape:
            shape = NumberShape.meet(shape, NumberShape(step=exact(keywords["multipleOf"])))
        return () if shape is None or shape.is_empty() else (shape,)

    def _strings(self, subschema: Subschema) -> tuple[StringShape, ...]:
        keywords = subschema.keywords
        if not _STRING_KEYWORDS & keywords.keys():
            return ANY.strings
        least, most = _least(keywords, "minLength"), _most(keywords, "maxLength")
        atoms: list[tuple[Atom, bool]] = []
        if "pattern" in keywords:
            atoms.append((self._patterns.pattern(keywords["pattern"], f"{subschema.pointer}/pattern"), True))
        if "format" in keywords and self._assert_formats:
            atom = self._patterns.format(keywords["format"], f"{subschema.pointer}/format")
            if atom is not None:
                atoms.append((atom, True))
        if most is not None and least > most:
            return ()
        return (StringShape(least, most, tuple(atoms)),)

    def _arrays(self, subschema: Subschema) -> tuple[ArrayShape, ...]:
        keywords, goal = subschema.keywords, self._document.goal
        if not _ARRAY_KEYWORDS & keywords.keys():
            return ANY.arrays
        items = keywords.get("items", True)
        evaluated = 0
        rest: Goal
        if isinstance(items, list):
            prefix = tuple(goal(subschema, item, "items", str(i)) for i, item in enumerate(items))
            rest = goal(subschema, keywords.get("additionalItems", True), "additionalItems")
            evaluated = -1 if "additionalItems" in keywords else len(prefix)
        else:
            listed = keywords.get("prefixItems", [])
            prefix = tuple(goal(subschema, item, "prefixItems", str(i)) for i, item in enumerate(listed))
            rest = goal(subschema, items, "items")
            evaluated = -1 if "items" in keywords else len(prefix)
        contains: tuple[tuple[Goal, int, int | None], ...] = ()
        if "contains" in keywords:
            wanted = goal(subschema, keywords["contains"], "contains")
            contains = ((wanted, _least(keywords, "minContains", 1), _most(keywords, "maxContains")),)
        shape = ArrayShape.meet(
            ArrayShape(evaluated=evaluated),
            ArrayShape(
                prefix,
                rest,
                _least(keywords, "minItems"),
                _most(keywords, "maxItems"),
                contains,
                keywords.get("uniqueItems", False),
                0,
                (contains[0][0],) if contains and self._tracked and subschema.resource.dialect.number >= 2020 else (),
            ),
        )
        return () if shape is None else (shape,)

    def _objects(self, subschema: Subschema) -> tuple[ObjectShape, ...]:
        keywords, goal = subschema.keywords, self._document.goal
        if not _OBJECT_KEYWORDS & keywords.keys():
            return ANY.objects
        properties = {
            name: goal(subschema, value, "properties", name) for name, value in keywords.get("properties", {}).items()
        }
        patterns = tuple(
            (
                self._patterns.pattern(pattern, f"{subschema.pointer}/patternProperties")[1],
                goal(subschema, value, "patternProperties", pattern),
            )
            for pattern, value in keywords.get("patternProperties", {}).items()
        )
        other = goal(subschema, keywords.get("additionalProperties", True), "additionalProperties")
        required = tuple(dict.fromkeys(keywords.get("required", ())))
        rules = KeyRules(properties, patterns, other)
        evaluated: Keys | None = Keys()
        if "additionalProperties" in keywords:
            evaluated = None
        elif self._tracked:
            evaluated = Keys(frozenset(properties), frozenset(pattern for pattern, _ in patterns))
        shape = ObjectShape.meet(
            ObjectShape(evaluated=evaluated),
            ObjectShape(
                (rules,) if properties or patterns or other != ANYTHING else (),
                required,
                _least(keywords, "minProperties"),
                _most(keywords, "maxProperties"),
                goal(subschema, keywords.get("propertyNames", True), "propertyNames"),
            ),
        )
        if shape is None:
            return ()
        return (shape,)


def _least(keywords: dict[str, Any], word: str, otherwise: int = 0) -> int:
    return min(int(keywords.get(word, otherwise)), _LARGEST)


def _most(keywords: dict[str, Any], word: str) -> int | None:
    value = keywords.get(word)
    return None if value is None or value >= _LARGEST else int(value)
