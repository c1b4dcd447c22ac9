"""Patterns and formats of strings: parsed once, lowered on demand, decided where a schema's meaning hangs on it."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from .._core import AutomatonLimitError, CompileError, EmptyLanguageError
from ..builder import UTF8, Builder
from ..errors import GrammarError
from ..regex import Node, lower_pattern, parse
from . import formats
from .formats import KNOWN_FORMATS
from .strings import Atom, StringShape

# Memory that deciding whether a set of strings is empty may take.
_SCRATCH_BYTES = 32 << 20

_parsed: dict[str, Node] = {}


def _tree(pattern: str) -> Node:
    """The syntax tree of a pattern, from a cache of bounded size."""
    tree = _parsed.get(pattern)
    if tree is None:
        tree = parse(pattern, dialect="ecma")
        if len(_parsed) >= 4096:
            _parsed.clear()
        _parsed[pattern] = tree
    return tree


class Patterns:
    """The patterns of one schema. `new_builder` makes scratch builders, whose automata answer what is asked here."""

    def __init__(self, new_builder: Callable[[], Any]) -> None:
        self._new_builder = new_builder
        self._automata: dict[Atom, Any] = {}
        self._answers: dict[tuple[Atom, str], bool] = {}
        self._emptiness: dict[StringShape, bool] = {}

    def pattern(self, text: str, pointer: str) -> Atom:
        """The atom of a `pattern`. Raises GrammarError, with the pointer, if it cannot be parsed or is not regular."""
        atom = ("pattern", text)
        try:
            _tree(text)
        except GrammarError as error:
            raise GrammarError(
                error.message, column=error.column, pointer=pointer, text=text, hint=error.hint
            ) from None
        return atom

    def format(self, name: str, pointer: str) -> Atom | None:
        """The atom of a `format`; None for names that no standard knows, which are annotations.

        Raises GrammarError for a name that looks like a misspelt standard one, and for formats that are not regular.
        """
        if name not in KNOWN_FORMATS:
            near = get_close_matches(name, KNOWN_FORMATS, 1, cutoff=0.8)
            if not near:
                return None
            raise GrammarError(
                f"unknown format {name!r}; did you mean {near[0]!r}?",
                pointer=pointer,
                hint='format="annotate" ignores formats',
            )
        if not KNOWN_FORMATS[name]:
            raise GrammarError(
                f"format {name!r} is not supported: it is not regular",
                pointer=pointer,
                hint='format="annotate" ignores formats',
            )
        return ("format", name)

    def matches(self, atom: Atom, text: str) -> bool:
        """Whether `text` matches the pattern, has the format or is in the union."""
        if atom[0] == "union":
            return any(shape.admits(text, self) for shape in atom[1])
        answer = self._answers.get((atom, text))
        if answer is None:
            automaton = self._automata.get(atom)
            if automaton is None:
                builder = self._new_builder()
                node = Spelling(builder, UTF8).atom(atom)
                if builder.is_nothing(node):
                    return False
                try:
                    automaton = self._automata[atom] = builder.compile(node)
                except EmptyLanguageError:
                    return False
            answer = self._answers[(atom, text)] = bool(automaton.accepts(text.encode("utf-8", "surrogatepass")))
        return answer

    def no_strings(self, shape: StringShape) -> bool:
        """Whether the shape, which has no constants, is empty; False where that is too large a question."""
        answer = self._emptiness.get(shape)
        if answer is None:
            builder = self._new_builder()
            answer = self._emptiness[shape] = _is_void(builder, Spelling(builder, UTF8).contents(shape))
        return answer


class Spelling:
    """Lowers sets of strings into one builder, their characters spelled by one codec."""

    def __init__(self, builder: Builder, codec: int) -> None:
        self._builder = builder
        self._codec = codec
        self._atoms: dict[Atom, int] = {}
        self._character = builder.chars([(0, 0x10FFFF)], codec)

    def atom(self, atom: Atom) -> int:
        """All strings that match the pattern, have the format or are in the union."""
        node = self._atoms.get(atom)
        if node is None:
            builder = self._builder
            kind, value = atom
            if kind == "union":
                node = builder.alt([self.contents(shape) for shape in value])
            elif kind == "format":
                node = formats.lower(builder, value, self._codec)
            else:
                node = lower_pattern(builder, _tree(value), self._codec, search=True)
            self._atoms[atom] = node
        return node

    def contents(self, shape: StringShape) -> int:
        """The strings of a shape, without quotes."""
        builder = self._builder
        if shape.constants is not None:
            parts = [builder.alt([builder.text(text, self._codec) for text in shape.constants])]
        else:
            most = -1 if shape.max_length is None else shape.max_length
            positive = any(holds for _, holds in shape.atoms)
            free = shape.min_length == 0 and most == -1
            parts = [] if free and positive else [builder.repeat(self._character, shape.min_length, most)]
        parts += [self.atom(atom) if holds else builder.complement(self.atom(atom)) for atom, holds in shape.atoms]
        if shape.excluded:
            excluded = [builder.text(text, self._codec) for text in shape.excluded]
            parts.append(builder.complement(builder.alt(excluded)))
        return parts[0] if len(parts) == 1 else builder.intersect(parts)


def _is_void(builder: Any, node: int) -> bool:
    if builder.is_nothing(node):
        return True
    try:
        builder.compile(node, memory_limit=_SCRATCH_BYTES)
    except EmptyLanguageError:
        return True
    except (AutomatonLimitError, CompileError):
        return False  # the question stays open
    return False
