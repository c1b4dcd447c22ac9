"""Syntax tree to grammar nodes, the cheapest exact way: as an automaton, with intersections and complements for
look-around, or by a backtracking matcher that rides along."""

from __future__ import annotations

from collections.abc import Collection

from ..builder import Builder
from ..errors import GrammarError
from .approximation import ANYTHING, anchored_at_end, anchored_at_start, approximate
from .looks import LookLowering, NotRegular
from .nodes import (
    Alternatives,
    Atomic,
    Backreference,
    Commit,
    Conditional,
    Forget,
    Look,
    Node,
    Recurse,
    Repeat,
    Sequence,
    assertions,
    called,
    postorder,
)
from .plain import lower_plain
from .program import machine
from .shape import holds, is_assertion, is_regular
from .simplify import simplified


def lower_pattern(builder: Builder, ast: Node, codec: int, search: bool = False) -> int:
    """The grammar node of all texts that match `ast`, spelled by `codec`.

    With `search` False the whole text must match (`re.fullmatch`), with True the pattern must occur somewhere in it
    (`re.search`, JSON Schema's `pattern`). Raises GrammarError where a pattern is too long.
    """
    if _is_plain(ast):
        regular: Node | None = ast
    else:
        regular = simplified(ast)
        if not all(map(_may_be_regular, [regular, *called(regular).values()])):
            regular = None
    if regular is not None:
        try:
            return LookLowering(builder, codec).whole(_searching(regular) if search else regular)
        except (NotRegular, GrammarError, RecursionError):
            pass
    return _by_matcher(builder, ast, codec, search)


def _is_plain(tree: Node) -> bool:
    return not holds(tree, lambda node: not is_regular(node)) and not called(tree)


def _may_be_regular(tree: Node) -> bool:
    """Can `LookLowering` say it? Groups that call themselves must not see the characters around them."""
    if any(holds(target, lambda n: is_assertion(n) or isinstance(n, Look)) for target in called(tree).values()):
        return False
    return not holds(tree, lambda node: not (is_regular(node) or isinstance(node, Look)))


def _searching(tree: Node) -> Node:
    """A tree for the whole texts in which `tree` occurs."""
    if isinstance(tree, Alternatives):
        return Alternatives(tuple(map(_searching, tree.items)))
    items = tree.items if isinstance(tree, Sequence) else (tree,)
    before = () if anchored_at_start(tree) else (ANYTHING,)
    after = () if anchored_at_end(tree) else (ANYTHING,)
    return Sequence((*before, *items, *after))


def _by_matcher(builder: Builder, tree: Node, codec: int, search: bool) -> int:
    source = machine(tree, codec, search=search, anchored=search and anchored_at_start(tree))
    rough = approximate(tree)
    if search:
        before = () if anchored_at_start(tree) else (ANYTHING,)
        after = () if anchored_at_end(tree) else (ANYTHING,)
        rough = Sequence((*before, rough, *after))
    return builder.intersect([builder.machine(source), lower_plain(builder, rough, codec)])


def refuse_unsupported(ast: Node) -> None:
    """Raise GrammarError if `ast` holds what only a backtracking matcher understands, or longer look-around."""
    for node in postorder(ast):
        name = _UNSUPPORTED.get(type(node))
        if isinstance(node, Look):
            name = f"{_LOOKS[node.ahead, node.negated]} for more than one character"
        elif isinstance(node, Repeat) and node.possessive:
            name = "a possessive quantifier"
        if name is not None:
            raise GrammarError(f"regular expression: {name} is not supported", hint="Rewrite the pattern without it.")


def refuse_assertions(ast: Node, where: str, allowed: Collection[str] = ()) -> None:
    """Raise GrammarError if `ast` has assertions other than the `allowed` kinds, or look-around: inside of a grammar
    they look beyond their own text."""
    names = [_NAMES[assertion.kind] for assertion in assertions(ast) if assertion.kind not in allowed]
    names += [_LOOKS[node.ahead, node.negated] for node in postorder(ast) if isinstance(node, Look)]
    if names:
        raise GrammarError(
            f"{names[0]} is not supported in {where}",
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
    (True, False): "a lookahead",
    (True, True): "a negative lookahead",
    (False, False): "a lookbehind",
    (False, True): "a negative lookbehind",
}
