"""Patterns and formats of strings, lowered by the regular-expression front end for the schema front end in C++."""

from __future__ import annotations

import json
from difflib import get_close_matches
from functools import cache, lru_cache

from .._core import GrammarBuilder
from ..errors import GrammarError
from ..regex import Node, lower_pattern, parse
<<<<<<< HEAD
from .formats import KNOWN_FORMATS, LONGEST, expression


def pattern_node(kind: str, text: str, codec: int, pointer: str) -> tuple[GrammarBuilder, int] | None:
    """All strings that match the pattern `text`, or have the format of that name, as a node of a builder of its own.

    None for a format that no standard knows: it is an annotation. Raises GrammarError, with the pointer, for a pattern
    that cannot be used and for a format that is misspelt or not supported.
    """
    builder = GrammarBuilder()
    if kind == "format":
        if not _is_known(text, pointer):
            return None
        node = lower_pattern(builder, _format(text), codec)
        if text in LONGEST:
            character = builder.chars([(0, 0x10FFFF)], codec)
            node = builder.intersect([node, builder.repeat(character, 0, LONGEST[text])])
        return builder, node
=======
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
>>>>>>> main
    try:
        return builder, lower_pattern(builder, _pattern(text), codec, search=True)
    except GrammarError as error:
        raise GrammarError(error.message, column=error.column, pointer=pointer, text=text, hint=error.hint) from None


def well_known_document(uri: str) -> str | None:
    """The JSON text of a draft's own meta-schema; None for other URIs."""
    # Comes with jsonschema; imported only when one is referred to.
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]

    try:
        return json.dumps(REGISTRY.contents(uri))
    except LookupError:
        return None


@lru_cache(maxsize=1024)
def _pattern(text: str) -> Node:
    return parse(text, dialect="ecma")


@cache
def _format(name: str) -> Node:
    return parse(expression(name), dialect="ecma")


@lru_cache(maxsize=1024)
def _nearest(name: str) -> str | None:
    """The standard format that `name` is probably meant to be."""
    return next(iter(get_close_matches(name, KNOWN_FORMATS, 1, cutoff=0.8)), None)


def _is_known(name: str, pointer: str) -> bool:
    if name not in KNOWN_FORMATS:
        near = _nearest(name)
        if near is None:
            return False
        raise GrammarError(
            f"unknown format {name!r}; did you mean {near!r}?",
            pointer=pointer,
            hint='format="annotate" ignores formats',
        )
    if KNOWN_FORMATS[name] is None:
        raise GrammarError(
            f"format {name!r} is not supported: it is not regular",
            pointer=pointer,
            hint='format="annotate" ignores formats',
        )
    return True
