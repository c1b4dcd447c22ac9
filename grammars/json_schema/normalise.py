"""Schema to canonical form: keywords side by side hold together, applicators in place are set operations on forms."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

from ..errors import GrammarError
from .arrays import ArrayShape
from .assertions import Assertions
from .document import ANYTHING, NOTHING, Document, Goal, Subschema, circular
from .forms import ANY, NONE, Form, complement, exactly_one, intersect, is_empty, union
from .objects import KeyRules, ObjectShape
from .patterns import Patterns
from .shapes import NotExpressible
from .strings import Atom, StringShape

# Branches of an anyOf whose combinations are told apart where unevaluated* asks which branch looked at what.
_MAX_TRACKED = 6
# How far the emptiness of a value's parts is followed.
_MAX_DEPTH = 24


class _Circular(Exception):
    """A subschema was met again while its own form is being worked out."""

    def __init__(self, subschema: Subschema) -> None:
        super().__init__(subschema.pointer)
        self.subschema = subschema


class Normaliser:
    """Works out and keeps the forms of goals. `tracked`: some unevaluated* needs to know what was looked at."""

    def __init__(self, document: Document, patterns: Patterns, assert_formats: bool, tracked: bool) -> None:
        self._document = document
        self._patterns = patterns
        self._assertions = Assertions(document, patterns, assert_formats, tracked)
        self._tracked = tracked
        self._schemas: dict[int, Form] = {}
        self._goals: dict[Goal, Form] = {ANYTHING: ANY, NOTHING: NONE}
        self._active: set[int] = set()
        self._empty: dict[Goal, bool] = {ANYTHING: False, NOTHING: True}
        self._asked: set[Goal] = set()
        self.contradictions: list[str] = []

    def form(self, goal: Goal) -> Form:
        """The canonical form of a goal. Raises GrammarError for what cannot be expressed."""
        try:
            return self._form(goal)
        except _Circular as error:
            raise circular(error.subschema) from None

    def _form(self, goal: Goal) -> Form:
        form = self._goals.get(goal)
        if form is None:
            form = ANY
            for literal in goal:
                subschema = self._document.subschemas[literal >> 1]
                part = self._schema(subschema)
                try:
                    form = intersect(form, complement(part) if literal & 1 else part)
                except NotExpressible as error:
                    raise _refusal("not" if literal & 1 else "allOf", subschema.pointer, error) from None
            self._goals[goal] = form
        return form

    # The oracle of the shapes ---------------------------------------------------------------------------------------

    def is_empty(self, goal: Goal) -> bool:
        """Whether no value satisfies the goal, as far as that can be shown."""
        known = self._empty.get(goal)
        if known is None:
            if goal in self._asked or len(self._asked) > _MAX_DEPTH:
                return False
            self._asked.add(goal)
            try:
                known = is_empty(self._form(goal), self)
            except _Circular:
                return False
            finally:
                self._asked.discard(goal)
            self._empty[goal] = known
        return known

    def matches(self, atom: Atom, text: str) -> bool:
        """Whether a string matches a pattern or has a format."""
        return self._patterns.matches(atom, text)

    def no_strings(self, shape: StringShape) -> bool:
        """Whether no string is in the shape."""
        return self._patterns.no_strings(shape)

    # Subschemas -----------------------------------------------------------------------------------------------------

    def _schema(self, subschema: Subschema) -> Form:
        form = self._schemas.get(subschema.index)
        if form is None:
            if subschema.value is False:
                return NONE
            if subschema.index in self._active:
                raise _Circular(subschema)
            self._active.add(subschema.index)
            try:
                alternatives = self._document.alternatives.get(subschema.index)
                if alternatives is not None:
                    form = union([self._form(goal) for goal in alternatives])
                else:
                    form = self._in_place(subschema, self._assertions.form(subschema))
            finally:
                self._active.discard(subschema.index)
            if form == NONE:
                self.contradictions.append(subschema.pointer)
            self._schemas[subschema.index] = form
        return form

    def _in_place(self, subschema: Subschema, form: Form) -> Form:
        """Adds what the keywords that apply schemas to the same value say."""
        keywords = subschema.keywords
        for word in ("$ref", "$dynamicRef", "$recursiveRef"):
            if word in keywords:
                target = self._document.resolve(subschema, word)
                form = self._both(subschema, word, form, lambda target=target: self._schema(target))  # type: ignore[misc]
        for word, combine in (("allOf", self._all), ("anyOf", self._any), ("oneOf", self._one)):
            if word in keywords:
                parts = self._parts(subschema, word)
                within = form
                form = self._both(
                    subschema,
                    word,
                    form,
                    lambda combine=combine, parts=parts, within=within: combine(parts, within),  # type: ignore[misc]
                )
        if "not" in keywords:
            goal = self._document.goal(subschema, keywords["not"], "not")
            form = self._both(subschema, "not", form, lambda: complement(self._form(goal)))
        if "if" in keywords and ("then" in keywords or "else" in keywords or self._tracked):
            form = self._both(subschema, "if", form, lambda: self._condition(subschema))
        for word in ("dependencies", "dependentRequired", "dependentSchemas"):
            for name, wanted in keywords.get(word, {}).items():
                form = self._both(
                    subschema,
                    word,
                    form,
                    lambda word=word, name=name, wanted=wanted: self._dependency(subschema, word, name, wanted),  # type: ignore[misc]
                )
        if "unevaluatedProperties" in keywords:
            goal = self._document.goal(subschema, keywords["unevaluatedProperties"], "unevaluatedProperties")
            form = form._replace(objects=tuple(_rest_of_keys(shape, goal) for shape in form.objects))
        if "unevaluatedItems" in keywords:
            goal = self._document.goal(subschema, keywords["unevaluatedItems"], "unevaluatedItems")
            arrays = (self._rest_of_items(shape, goal) for shape in form.arrays)
            form = form._replace(arrays=tuple(shape for shape in arrays if shape is not None))
        return form

    @staticmethod
    def _both(subschema: Subschema, keyword: str, form: Form, other: Callable[[], Form]) -> Form:
        try:
            return intersect(form, other())
        except NotExpressible as error:
            raise _refusal(keyword, f"{subschema.pointer}/{keyword}", error) from None

    def _parts(self, subschema: Subschema, keyword: str) -> list[Form]:
        return [
            self._form(self._document.goal(subschema, part, keyword, str(i)))
            for i, part in enumerate(subschema.keywords[keyword])
        ]

    @staticmethod
    def _all(parts: list[Form], within: Form) -> Form:
        form = within
        for part in parts:
            form = intersect(form, part)
        return form

    def _any(self, parts: list[Form], within: Form) -> Form:
        if not self._tracked or len(parts) == 1:
            return union(parts)
        if len(parts) > _MAX_TRACKED:
            raise NotExpressible("so many branches beside unevaluatedProperties or unevaluatedItems")
        # A value that satisfies several branches was looked at by all of them.
        combined = []
        for size in range(len(parts), 0, -1):
            for chosen in combinations(parts, size):
                form = self._all(list(chosen), ANY)
                if form != NONE:
                    combined.append(form)
        return union(combined or [NONE], tracked=True)

    def _one(self, parts: list[Form], within: Form) -> Form:
        return exactly_one(parts, within, self)

    def _condition(self, subschema: Subschema) -> Form:
        document, keywords = self._document, subschema.keywords
        condition = self._form(document.goal(subschema, keywords["if"], "if"))
        then = self._form(document.goal(subschema, keywords.get("then", True), "then"))
        otherwise = self._form(document.goal(subschema, keywords.get("else", True), "else"))
        return union([intersect(condition, then), intersect(complement(condition), otherwise)], self._tracked)

    def _dependency(self, subschema: Subschema, keyword: str, name: str, wanted: Any) -> Form:
        absent = ANY._replace(objects=(ObjectShape((KeyRules({name: NOTHING}),)),))
        if isinstance(wanted, list):
            present = Form(objects=(ObjectShape(required=tuple(dict.fromkeys([name, *wanted]))),))
        else:
            schema = self._form(self._document.goal(subschema, wanted, keyword, name))
            present = intersect(Form(objects=(ObjectShape(required=(name,)),)), schema)
        return union([absent, present], self._tracked)

    def _rest_of_items(self, shape: ArrayShape, goal: Goal) -> ArrayShape | None:
        """The shape with `goal` for every item that no keyword has looked at."""
        if shape.evaluated == -1:
            return shape
        rest = self._document.any_goal((goal, *shape.matched))
        return ArrayShape.meet(shape, ArrayShape((ANYTHING,) * shape.evaluated, rest, evaluated=-1))


def _rest_of_keys(shape: ObjectShape, goal: Goal) -> ObjectShape:
    """The shape with `goal` for every key that no keyword has looked at."""
    if shape.evaluated is None:
        return shape
    looked_at = KeyRules(
        dict.fromkeys(sorted(shape.evaluated.names), ANYTHING),
        tuple((pattern, ANYTHING) for pattern in sorted(shape.evaluated.patterns)),
        goal,
    )
    return shape._replace(rules=(*shape.rules, looked_at), evaluated=None)


def _refusal(keyword: str, pointer: str, error: NotExpressible) -> GrammarError:
    return GrammarError(
        f"{keyword} is not supported here: it would take {error}",
        pointer=pointer,
        hint="a stricter schema that says the same without it compiles",
    )
