"""Hypothesis strategies for random grammars, as recipes that can be replayed into any builder."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

ALPHABET = b"ab("
UNIVERSE = ((0, 0x10FFFF),)

Recipe = tuple[Any, ...]


def regular(codec: int = 0, combinations: bool = True) -> st.SearchStrategy[Recipe]:
    """Recipes without rules; with `combinations`, also intersections and complements."""
    letters = st.sets(st.sampled_from([97, 98, 40, 0x22, 0xE9, 0x1F600] if codec else list(ALPHABET)), min_size=1)
    leaves = st.one_of(
        letters.map(lambda chosen: ("chars", tuple((c, c) for c in sorted(chosen)), codec)),
        st.just(("empty",)),
    )
    return st.recursive(leaves, lambda inner: _operators(inner, combinations, codec), max_leaves=8)


def context_free(combinations: bool = True) -> st.SearchStrategy[dict[str, Recipe]]:
    """Grammars of up to three rules over a tiny alphabet: left, right and middle recursion, empty and useless rules.

    With `combinations`, some parts are intersections of regular ones.
    """
    names = ["s", "t", "u"]
    leaves = st.one_of(
        st.sampled_from(list(ALPHABET)).map(lambda c: ("chars", ((c, c),), 0)),
        st.just(("empty",)),
        st.sampled_from(names).map(lambda name: ("rule", name)),
        st.sampled_from(names).map(lambda name: ("rule", name)),
    )
    combined = regular(0).map(lambda recipe: ("intersect", (recipe, ("repeat", ("chars", ((97, 98),), 0), 0, -1))))
    leaves = st.one_of(leaves, combined) if combinations else leaves
    body = st.recursive(leaves, lambda inner: _operators(inner, False, 0), max_leaves=6)
    return st.fixed_dictionaries(dict.fromkeys(names, body))


def combined() -> st.SearchStrategy[dict[str, Recipe]]:
    """Context-free grammars whose start combines rules: intersections, also recursive ones, and complements."""
    leaves = st.one_of(
        st.sampled_from(list(ALPHABET)).map(lambda c: ("chars", ((c, c),), 0)),
        st.sampled_from(["s", "t", "u"]).map(lambda name: ("rule", name)),
        st.sampled_from(["s", "t", "u"]).map(lambda name: ("without", ("rule", name), 0)),
        st.sampled_from(["s", "t", "u"]).map(lambda name: ("intersect", (("rule", "v"), ("rule", name)))),
    )
    body = st.recursive(leaves, lambda inner: _operators(inner, False, 0) | _intersections(inner), max_leaves=6)
    return st.tuples(context_free(combinations=False), body).map(lambda pair: {"v": pair[1], **pair[0]})


def _intersections(inner: st.SearchStrategy[Recipe]) -> st.SearchStrategy[Recipe]:
    return st.lists(inner, min_size=2, max_size=3).map(tuple).map(lambda parts: ("intersect", parts))


def _operators(inner: st.SearchStrategy[Recipe], combinations: bool, codec: int) -> st.SearchStrategy[Recipe]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    options = [
        several.map(lambda parts: ("seq", parts)),
        several.map(lambda parts: ("alt", parts)),
        st.tuples(inner, st.sampled_from([(0, -1), (1, -1), (0, 1), (2, 2), (0, 3), (2, -1), (3, 40), (0, 30)])).map(
            lambda pair: ("repeat", pair[0], *pair[1])
        ),
    ]
    if combinations:
        options.append(several.map(lambda parts: ("intersect", parts)))
        options.append(inner.map(lambda part: ("without", part, codec)))
    return st.one_of(options)


def build(builder: Any, recipe: Recipe, rules: dict[str, int] | None = None) -> int:
    """The node of a recipe in any builder with the methods of `GrammarBuilder`."""
    kind = recipe[0]
    if kind == "empty":
        return int(builder.empty())
    if kind == "chars":
        return int(builder.chars(list(recipe[1]), recipe[2]))
    if kind == "rule":
        assert rules is not None
        return rules[recipe[1]]
    if kind == "repeat":
        return int(builder.repeat(build(builder, recipe[1], rules), recipe[2], recipe[3]))
    if kind == "without":
        universe = builder.repeat(builder.chars(list(UNIVERSE), recipe[2]), 0, -1)
        return int(builder.intersect([universe, builder.complement(build(builder, recipe[1], rules))]))
    return int(getattr(builder, kind)([build(builder, part, rules) for part in recipe[1]]))


def build_rules(builder: Any, grammar: dict[str, Recipe], start: str = "s") -> int:
    """The start node of a context-free recipe."""
    rules = {name: builder.rule(name) for name in grammar}
    for name, recipe in grammar.items():
        builder.define(rules[name], build(builder, recipe, rules))
    return rules[start]
