"""A builder that writes down the calls a front end makes, and the same calls made again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from ._core import GrammarBuilder, MachineSource
from .machines import make, recipe

Call = list[Any]  # the name of a method, then its arguments

_METHODS: Final = (
    *(
        "chars",
        "literal",
        "text",
        "seq",
        "alt",
        "repeat",
        "intersect",
        "complement",
        "machine",
        "special",
        "rule",
        "define",
    ),
)


class RecordingBuilder:
    """A `Builder` that passes every call on and keeps it; nodes are those of the builder underneath."""

    labels: Final = False

    def __init__(self) -> None:
        self.builder = GrammarBuilder()
        self.calls: list[Call] = []
        self.complete = True  # whether the calls can be made again from plain values

    def _called(self, method: str, *arguments: Any) -> Any:
        self.calls.append([method, *arguments])
        return getattr(self.builder, method)(*arguments)

    def nothing(self) -> int:
        return self.builder.nothing()

    def empty(self) -> int:
        return self.builder.empty()

    def chars(self, ranges: Sequence[tuple[int, int]], codec: int, /) -> int:
        return int(self._called("chars", ranges, codec))

    def literal(self, data: bytes, /) -> int:
        self.calls.append(["literal", data.decode("latin-1")])
        return self.builder.literal(data)

    def text(self, string: str, codec: int, /) -> int:
        return int(self._called("text", string, codec))

    def seq(self, nodes: Sequence[int], /) -> int:
        return int(self._called("seq", nodes))

    def alt(self, nodes: Sequence[int], /) -> int:
        return int(self._called("alt", nodes))

    def repeat(self, node: int, least: int, most: int, /) -> int:
        return int(self._called("repeat", node, least, most))

    def intersect(self, nodes: Sequence[int], /) -> int:
        return int(self._called("intersect", nodes))

    def complement(self, node: int, /) -> int:
        return int(self._called("complement", node))

    def machine(self, source: MachineSource, /) -> int:
        made = recipe(source)
        self.complete = self.complete and made is not None
        if made is not None:
            self.calls.append(["machine", made.maker, *made.arguments])
        return self.builder.machine(source)

    def special(self, name: str, /) -> int:
        return int(self._called("special", name))

    def rule(self, name: str, /) -> int:
        return int(self._called("rule", name))

    def label(self, name: str, node: int, /) -> int:
        return self.builder.label(name, node)

    def define(self, rule: int, body: int, /) -> None:
        self._called("define", rule, body)

    def is_nothing(self, node: int, /) -> bool:
        return self.builder.is_nothing(node)

    def to_text(self, node: int, /) -> str:
        return self.builder.to_text(node)


def replayed(calls: Iterable[Call]) -> GrammarBuilder:
    """A builder after the calls. Raises ValueError or TypeError for calls that no front end makes."""
    builder = GrammarBuilder()
    for method, *arguments in calls:
        if method not in _METHODS:
            raise ValueError(f"no builder has a method {method!r}")
        if method == "literal":
            builder.literal(*(text.encode("latin-1") for text in arguments))
        elif method == "machine":
            builder.machine(make(*arguments))
        else:
            getattr(builder, method)(*arguments)
    return builder
