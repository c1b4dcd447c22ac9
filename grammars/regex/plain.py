"""Trees of characters, sequences, alternatives, repetitions, anchors and recursion to grammar nodes.

Patterns with anchors, word boundaries or look-around for one character go through `contexts`, all others directly.
"""

from __future__ import annotations

from ..builder import BYTES, Builder
from ..errors import GrammarError
from .charsets import EVERYTHING, Ranges, intersection
from .contexts import ContextLowering
from .nodes import Alternatives, Chars, Group, Node, Recurse, Repeat, Sequence, assertions, postorder


def universe(codec: int) -> Ranges:
    """The characters that exist under `codec`."""
    return ((0, 0xFF),) if codec == BYTES else EVERYTHING


def lower_regular(builder: Builder, tree: Node, codec: int) -> int:
    """The grammar node of all texts that `tree` matches from edge to edge.

    Raises GrammarError where assertions stand inside of large bounded repetitions or nest too deeply.
    """
    found = assertions(tree)
    if not found:
        return lower_plain(builder, tree, codec)
    try:
        return ContextLowering(builder, codec, universe(codec), found, lower_plain).whole(tree)
    except RecursionError:
        raise GrammarError("regular expression: anchors inside of too many nested groups") from None


def lower_plain(builder: Builder, tree: Node, codec: int) -> int:
    """The grammar node of a tree without assertions; no recursion, however deep the tree. Groups that call themselves
    become rules."""
    rules: dict[int, int] = {}
    pending: list[tuple[int, Node]] = []
    lowered: dict[int, int] = {}

    def lower(root: Node) -> int:
        for node in postorder(root):
            if id(node) in lowered:
                continue
            if isinstance(node, Recurse) and node.number not in rules:
                rules[node.number] = builder.rule(f"group {node.number}")
                pending.append((rules[node.number], node.groups[node.number]))
            lowered[id(node)] = _lower_one(builder, node, codec, lowered, rules)
        return lowered[id(root)]

    whole = lower(tree)
    while pending:
        rule, target = pending.pop()
        builder.define(rule, lower(target))
    return whole


def _lower_one(builder: Builder, node: Node, codec: int, lowered: dict[int, int], rules: dict[int, int]) -> int:
    if isinstance(node, Chars):
        ranges = intersection(node.ranges, universe(codec))
        characters = builder.chars(ranges, codec) if ranges else builder.nothing()
        return characters if node.at is None else builder.label(node.at, characters)
    if isinstance(node, Repeat):
        return builder.repeat(lowered[id(node.item)], node.least, node.most)
    if isinstance(node, Alternatives):
        return builder.alt([lowered[id(item)] for item in node.items])
    if isinstance(node, Sequence):
        return builder.seq([lowered[id(item)] for item in node.items])
    if isinstance(node, Recurse):
        return rules[node.number]
    assert isinstance(node, Group), node
    return lowered[id(node.item)]
