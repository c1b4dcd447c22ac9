"""`generate` and the engine it keeps; what a caller sees while a call runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from tamis.bench.exactness.llamas import PROMPT
from tamis.engine import Engine, InputError, Progress, generate
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


@pytest.mark.parametrize("options", [{}, {"stop": ["dd", "cb"]}, {"heal": True}, {"ess_threshold": 0.0}], ids=str)
@pytest.mark.parametrize("particles", [1, 5])
def test_streamed_text_begins_every_sample_that_counts(engine: Engine, particles: int, options: dict[str, Any]) -> None:
    streamed: dict[int, list[str]] = {}

    def on_text(position: int, text: str) -> None:
        assert text
        streamed.setdefault(position, []).append(text)

    results = engine.generate(
        [PROMPT] * 60, regex("(ab|ba|cc|d|cab)*"), particles=particles, max_tokens=12, on_text=on_text, **options
    )
    pieces = 0
    for position, result in enumerate(results):
        text = "".join(streamed.get(position, []))
        pieces += len(streamed.get(position, []))
        for sample in result.samples:
            if sample.weight > 0:
                assert sample.text.startswith(text)
        if particles == 1 and result.text is not None:
            assert text == result.text
    assert pieces > (100 if particles == 1 else 8)


def test_streams_are_refused_and_fail_as_other_arguments_do(engine: Engine) -> None:
    with pytest.raises(InputError, match="on_text must be a function"):
        engine.generate(PROMPT, on_text="print")

    def broken(position: int, text: str) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        engine.generate(PROMPT, GRAMMAR, on_text=broken, max_tokens=8)
    assert not engine._engine.has_unfinished_requests()
    assert engine.generate(PROMPT, GRAMMAR, max_tokens=8).samples


def test_base_stops_where_a_stop_string_is_written_though_the_constraint_refuses_the_text(engine: Engine) -> None:
    result = engine.generate(PROMPT, regex("d+"), method="base", stop=["cc"], particles=40, max_tokens=60, seed=5)
    stopped = [sample for sample in result.samples if len(sample.token_ids) < 60 and sample.token_ids[-1] != 0]
    assert stopped
    for sample in result.samples:
        assert "cc" not in sample.text
    assert {sample.finish_reason for sample in stopped} == {"stop"}
    assert not all(sample.accepted for sample in stopped)
