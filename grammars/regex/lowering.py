"""Syntax tree to grammar nodes. Patterns with anchors or word boundaries go through `contexts`, all others directly."""

from __future__ import annotations

from collections.abc import Collection

from ..builder import BYTES, Builder
from ..errors import GrammarError
from .charsets import EVERYTHING, Ranges, intersection
from .contexts import ContextLowering
from .nodes import (
    Alternatives,
    Assertion,
    Atomic,
    Backreference,
    Chars,
    Commit,
    Conditional,
    Forget,
    Group,
    Look,
    Node,
    Recurse,
    Repeat,
    Sequence,
    assertions,
    postorder,
)


def universe(codec: int) -> Ranges:
    """The characters that exist under `codec`."""
    return ((0, 0xFF),) if codec == BYTES else EVERYTHING


def lower_pattern(builder: Builder, ast: Node, codec: int, search: bool = False) -> int:
    """The grammar node of all texts that match `ast`, spelled by `codec`.

    With `search` False the whole text must match (`re.fullmatch`), with True the pattern must occur somewhere in it
    (`re.search`, JSON Schema's `pattern`); anchors and word boundaries are exact in both. Raises GrammarError where
    assertions stand inside of large bounded repetitions or nest too deeply.
    """
    if search:
        anything = Repeat(Chars(universe(codec)), 0, -1)
        ast = Sequence((anything, *(ast.items if isinstance(ast, Sequence) else (ast,)), anything))
    refuse_unsupported(ast)
    found = assertions(ast)
    if not found:
        return lower_plain(builder, ast, codec)
    try:
        return ContextLowering(builder, codec, universe(codec), found, lower_plain).whole(ast)
    except RecursionError:
        raise GrammarError("regular expression: anchors inside of too many nested groups") from None


def lower_plain(builder: Builder, ast: Node, codec: int) -> int:
    """The grammar node of a tree without assertions; no recursion, however deep the tree."""
    lowered: dict[int, int] = {}
    for node in postorder(ast):
        lowered[id(node)] = _lower_one(builder, node, codec, lowered)
    return lowered[id(ast)]


def _lower_one(builder: Builder, node: Node, codec: int, lowered: dict[int, int]) -> int:
    if isinstance(node, Chars):
        ranges = intersection(node.ranges, universe(codec))
        return builder.chars(ranges, codec) if ranges else builder.nothing()
    if isinstance(node, Repeat):
        return builder.repeat(lowered[id(node.item)], node.least, node.most)
    if isinstance(node, Alternatives):
        return builder.alt([lowered[id(item)] for item in node.items])
    if isinstance(node, Sequence):
        return builder.seq([lowered[id(item)] for item in node.items])
    if isinstance(node, Group):
        return lowered[id(node.item)]
    assert not isinstance(node, Assertion), "assertions are lowered with their context"
    raise TypeError(node)


def refuse_unsupported(ast: Node) -> None:
    """Raise GrammarError if `ast` holds what no lowering understands."""
    for node in postorder(ast):
        name = _UNSUPPORTED.get(type(node))
        if isinstance(node, Look):
            name = _LOOKS[node.ahead, node.negated]
        elif isinstance(node, Repeat) and node.possessive:
            name = "a possessive quantifier"
        if name is not None:
            raise GrammarError(f"regular expression: {name} is not supported", hint="Rewrite the pattern without it.")


def refuse_assertions(ast: Node, where: str, allowed: Collection[str] = ()) -> None:
    """Raise GrammarError if `ast` has assertions other than the `allowed` kinds: inside of a grammar they look beyond
    their own text."""
    for assertion in assertions(ast):
        if assertion.kind not in allowed:
            raise GrammarError(
                f"{_NAMES[assertion.kind]} is not supported in {where}",
                hint="It is matched in the middle of a text: leave anchors, word boundaries and look-around out.",
            )


_NAMES = {
    "start": "the anchor ^ or \\A",
    "end": "the anchor $ or \\Z",
    "final": "the anchor $",
    "line_start": "the anchor ^",
    "line_end": "the anchor $",
    "boundary": "the word boundary \\b",
    "not_boundary": "the word boundary \\B",
    "ahead": "a lookahead",
    "not_ahead": "a negative lookahead",
    "behind": "a lookbehind",
    "not_behind": "a negative lookbehind",
}
_UNSUPPORTED = {
    Atomic: "an atomic group (?>...)",
    Backreference: "a back-reference",
    Commit: "a backtracking verb",
    Conditional: "a conditional group (?(...)...)",
    Forget: "a back-reference",
    Recurse: "recursion",
}
_LOOKS = {
    (True, False): "a lookahead (?=...)",
    (True, True): "a negative lookahead (?!...)",
    (False, False): "a lookbehind (?<=...)",
    (False, True): "a negative lookbehind (?<!...)",
}
