"""Choices: exactly the listed texts, and what is no list of texts is refused."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tamis.grammars import GrammarError, choice

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=4)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(TEXT, min_size=1, max_size=6), TEXT)
def test_exactly_the_listed_texts(texts: list[str], other: str) -> None:
    automaton = choice(texts).compile()
    assert all(automaton.accepts(text.encode()) for text in texts)
    assert automaton.accepts(other.encode()) == (other in texts)


def test_many_long_texts() -> None:
    texts = [f"{'x' * (n % 50)} number {n} \n" for n in range(2000)]
    automaton = choice(texts).compile()
    assert all(automaton.accepts(text.encode()) for text in texts)
    assert not automaton.accepts(texts[7][:-1].encode())


def test_choices_are_values_and_take_any_iterable() -> None:
    grammar = choice(("a", "é\n"))
    assert grammar == choice(iter(["a", "é\n"]))
    assert pickle.loads(pickle.dumps(grammar)) == grammar
    assert grammar.source == '["a", "é\\n"]'


@pytest.mark.parametrize(
    ("texts", "message", "pointer"),
    [
        ([], "at least one", ""),
        (["a", 3], "not int", "/1"),
        (["a", None], "not NoneType", "/1"),
        ([b"a"], "not bytes", "/0"),
        ("ab", "not one string", None),
        (["ok", "\ud800"], "surrogate", "/1"),
    ],
)
def test_refusals(texts: list[str], message: str, pointer: str | None) -> None:
    with pytest.raises(GrammarError, match=message) as caught:
        choice(texts)
    assert caught.value.pointer == pointer
    assert caught.value.text
