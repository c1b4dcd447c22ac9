"""`generate` and the engine it keeps; what a caller sees while a call runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from tamis.bench.exactness.llamas import PROMPT
from tamis.engine import Engine, Progress, generate
from tamis.engine.generate import close_default_engine
from tamis.grammars import Grammar, GrammarError, regex, special

GRAMMAR = Grammar("regex", "(ab|ba|cc|d)*")


@pytest.fixture
def loaded(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """`generate` with engines that are made without loading anything; yields the names of models asked for."""
    names: list[str] = []

    class Borrowed:
        def __init__(self, model: str) -> None:
            names.append(model)

        generate = engine.generate

        def close(self) -> None:
            names.append("closed")

    # By its name in sys.modules: the package's attribute of that name is the function.
    monkeypatch.setattr(sys.modules["tamis.engine.generate"], "Engine", Borrowed)
    close_default_engine()
    yield names
    close_default_engine()


def test_the_engine_is_kept(loaded: list[str], engine: Engine) -> None:
    first = generate(PROMPT, GRAMMAR, max_tokens=10, model="one")
    assert len(first.samples) == 8
    again = generate(PROMPT, GRAMMAR, particles=8, seed=0, max_tokens=10, model="one", ess_threshold=0.5)
    assert [sample.token_ids for sample in again.samples] == [sample.token_ids for sample in first.samples]
    assert loaded == ["one"]
    generate(PROMPT, GRAMMAR, max_tokens=10, model="two")
    assert loaded == ["one", "closed", "two"]


def test_progress(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[Progress] = []
    results = engine.generate([PROMPT] * 3, GRAMMAR, particles=2, max_tokens=10, progress=seen.append)
    assert [step.tokens for step in seen] == sorted(step.tokens for step in seen)
    assert seen[-1].finished == seen[-1].total == 3
    assert seen[-1].tokens == sum(result.stats.tokens for result in results)
    engine.generate(PROMPT, GRAMMAR, max_tokens=5, progress=True)
    assert capsys.readouterr().out == ""


def test_text_knows_the_eos_of_its_own_request(engine: Engine) -> None:
    """Token 1, "a", ends strings of one request and is text in another's."""
    result = engine.generate(PROMPT, Grammar("regex", "b*"), particles=4, max_tokens=20, eos=[1])
    assert all(set(sample.text) <= {"b"} for sample in result.samples)
    before, engine.eos = engine.eos, (1,)
    try:
        result = engine.generate(PROMPT, Grammar("regex", "a{3}"), particles=2, max_tokens=20, eos=[0])
    finally:
        engine.eos = before
    assert result.text == "aaa"


def test_one_prompt_one_result_a_list_a_list(engine: Engine) -> None:
    assert engine.generate("ab", GRAMMAR, max_tokens=5).samples
    assert len(engine.generate(["ab"], GRAMMAR, max_tokens=5)) == 1
    assert len(engine.generate([PROMPT, PROMPT[:1]], [GRAMMAR, None], max_tokens=5)) == 2
    assert len(engine.generate(["ab", "ba"], None, max_tokens=5)) == 2


def test_special_tokens_are_drawn_and_shown(engine: Engine) -> None:
    """The model's own EOS is an ordinary special token where another token ends strings."""
    grammar = special("<eos>") + regex("[bc]") + special("<eos>")
    result = engine.generate(PROMPT, grammar, particles=4, max_tokens=20, eos=[1])
    assert {sample.text for sample in result.samples} <= {"<eos>b<eos>", "<eos>c<eos>"}
    assert result.samples[0].token_ids[0] == 0
    with pytest.raises(GrammarError, match="'<eos>' ends a string"):
        engine.generate(PROMPT, grammar, particles=1, max_tokens=20)
