"""Goals to grammar nodes: the text of JSON values, one node per goal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..builder import BYTES, JSON, Builder
from ..errors import GrammarError
from .array_text import array_text
from .document import ANYTHING, NOTHING, Document, Goal, goals_pointer
from .forms import ANY, FALSE, TRUE, Form
from .normalise import Normaliser
from .number_text import NumberText
from .numbers import NumberShape
from .object_text import object_text
from .patterns import Spelling
from .shapes import NotExpressible

# Values nested deeper than this become rules of their own, worked off in turn instead of by recursion.
_MAX_NESTING = 24


class Text:
    """The punctuation of JSON in one whitespace style.

    "compact": none; "flexible": wherever JSON allows it up to four blanks, and a line break with up to 64 more, so
    that a model cannot go on with blanks forever; "any": as JSON allows.
    """

    def __init__(self, builder: Builder, whitespace: str) -> None:
        self.builder = builder
        if whitespace == "compact":
            self.blank = builder.empty()
        elif whitespace == "any":
            self.blank = builder.repeat(builder.chars([(32, 32), (9, 10), (13, 13)], BYTES), 0, -1)
        else:
            gap = builder.chars([(32, 32), (9, 9)], BYTES)
            line = builder.seq([self.maybe(builder.literal(b"\r")), builder.literal(b"\n"), builder.repeat(gap, 0, 64)])
            self.blank = builder.seq([builder.repeat(gap, 0, 4), self.maybe(line)])
        self.comma = builder.seq([self.blank, builder.literal(b","), self.blank])
        self.colon = builder.seq([self.blank, builder.literal(b":"), self.blank])
        self.quote = builder.literal(b'"')
        self.any_string = builder.repeat(builder.chars([(0, 0x10FFFF)], JSON), 0, -1)

    def maybe(self, node: int) -> int:
        """The node or nothing at all."""
        return self.builder.alt([self.builder.empty(), node])

    def string(self, contents: int) -> int:
        """A string with these contents."""
        return self.builder.seq([self.quote, contents, self.quote])

    def enclosed(self, opening: bytes, contents: int | None, closing: bytes, or_empty: bool) -> int:
        """Brackets around contents (None: there can be none), or around nothing if `or_empty`."""
        builder = self.builder
        parts = []
        if contents is not None:
            parts.append(
                builder.seq([builder.literal(opening), self.blank, contents, self.blank, builder.literal(closing)])
            )
        if or_empty:
            parts.append(builder.seq([builder.literal(opening), self.blank, builder.literal(closing)]))
        return builder.alt(parts)


class Lowering:
    """Lowers the goals of one document into one builder, each once."""

    def __init__(
        self,
        builder: Builder,
        document: Document,
        normaliser: Normaliser,
        any_order: bool,
        whitespace: str,
    ) -> None:
        self.builder = builder
        self.text = Text(builder, whitespace)
        self.strings = Spelling(builder, JSON)
        self.normaliser = normaliser
        self.any_order = any_order
        self._document = document
        self._numbers = NumberText(builder)
        self._nodes: dict[Goal, int] = {NOTHING: builder.nothing()}
        self._open: dict[Goal, int | None] = {}
        self._waiting: list[tuple[Goal, int]] = []
        self._any_parts: dict[str, int] = {}

    def root(self, goal: Goal) -> int:
        """The node of a whole text: the value with blanks around it."""
        node = self.value(goal)
        while self._waiting:
            waiting, rule = self._waiting.pop()
            self._open[waiting] = rule
            self.builder.define(rule, self._body(waiting))
            del self._open[waiting]
        return self.builder.seq([self.text.blank, node, self.text.blank])

    def value(self, goal: Goal) -> int:
        """The node of the values that satisfy `goal`."""
        node = self._nodes.get(goal)
        if node is not None:
            return node
        if goal in self._open:
            rule = self._open[goal]
            if rule is None:
                rule = self._open[goal] = self.builder.rule(self._name(goal))
            return rule
        if len(self._open) >= _MAX_NESTING:
            rule = self._nodes[goal] = self.builder.rule(self._name(goal))
            self._waiting.append((goal, rule))
            return rule
        self._open[goal] = None
        node = self._body(goal)
        rule = self._open.pop(goal)
        if rule is None and self._is_shared(goal) and not self.builder.is_nothing(node):
            rule = self.builder.rule(self._name(goal))
        if rule is not None:
            self.builder.define(rule, node)
            node = rule
        self._nodes[goal] = node
        return node

    def key(self, goal: Goal) -> int:
        """The node of the contents of strings that satisfy `goal`."""
        return self.builder.alt([self.strings.contents(shape) for shape in self.normaliser.form(goal).strings])

    def number(self, shape: NumberShape) -> int:
        """The node of the numbers in `shape`."""
        return self._numbers.lower(shape)

    def pointer(self, goal: Goal) -> str | None:
        """Where a goal comes from."""
        return goals_pointer(self._document, goal)

    def _name(self, goal: Goal) -> str:
        return self.pointer(goal) or ("value" if goal == ANYTHING else "#")

    def _is_shared(self, goal: Goal) -> bool:
        if goal == ANYTHING:
            return True
        if not any(self._document.subschemas[literal >> 1].shared for literal in goal):
            return False
        form = self.normaliser.form(goal)
        return bool(form.arrays or form.objects)

    def _body(self, goal: Goal) -> int:
        form = self.normaliser.form(goal)
        parts = []
        if form.null:
            parts.append(self.builder.literal(b"null"))
        if form.booleans & FALSE:
            parts.append(self.builder.literal(b"false"))
        if form.booleans & TRUE:
            parts.append(self.builder.literal(b"true"))
        parts += self._union(goal, "numbers", form, self.number)
        if form.strings:
            contents = self._union(goal, "strings", form, self.strings.contents)
            parts.append(self.text.string(self.builder.alt(contents)))
        parts += self._union(goal, "arrays", form, lambda shape: array_text(self, shape))
        parts += self._union(goal, "objects", form, lambda shape: object_text(self, shape))
        return self.builder.alt(parts)

    def _union(self, goal: Goal, kind: str, form: Form, lower: Callable[[Any], int]) -> list[int]:
        shapes = getattr(form, kind)
        unrestricted = shapes is getattr(ANY, kind)
        if unrestricted and kind in self._any_parts:
            return [self._any_parts[kind]]
        try:
            nodes = [lower(shape) for shape in shapes]
        except NotExpressible as error:
            raise GrammarError(
                f"the schema of these {kind} is not supported: it would take {error}",
                pointer=self.pointer(goal) or "",
                hint="a stricter schema that says the same without it compiles",
            ) from None
        if unrestricted:
            self._any_parts[kind] = nodes[0]
        return nodes
