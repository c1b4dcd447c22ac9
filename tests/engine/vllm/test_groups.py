"""Groups in vLLM's scheduler: waiting, preemption, forks, aborts; nothing may leak, no result may depend on them."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest
from tamis.bench.exactness.llamas import PROMPT
from tamis.bench.soak.leftovers import leftovers
from tamis.engine import Engine, PredicateError, Progress, Result, predicate
from tamis.grammars import Grammar

LONG = Grammar("regex", "(a|b|c|d){100}")
PAIRS = Grammar("regex", "(ab|ba|cc|d)*")


@pytest.fixture(autouse=True)
def _nothing_leaks(engine: Engine, narrow_engine: Engine) -> Any:
    yield
    for each in (engine, narrow_engine):
        assert {what: count for what, count in leftovers(each).items() if count} == {}


def tokens_of(results: list[Result]) -> list[list[tuple[int, ...]]]:
    return [[sample.token_ids for sample in result.samples] for result in results]


def counting(scheduler: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the calls of a scheduler's method."""
    calls: list[int] = []
    original: Callable[..., Any] = getattr(scheduler, name)

    def counted(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        return original(*args, **kwargs)

    monkeypatch.setattr(scheduler, name, counted)
    return calls


@pytest.mark.parametrize(("particles", "threshold"), [(5, 0.9), (12, 0.9), (12, 0.0)])
def test_shortage_changes_nothing(
    engine: Engine, narrow_engine: Engine, monkeypatch: pytest.MonkeyPatch, particles: int, threshold: float
) -> None:
    """Waiting for slots, preemption and parking are invisible in the result (float32, counter-based randomness)."""
    options: dict[str, Any] = {"particles": particles, "max_tokens": 110, "seed": 3, "ess_threshold": threshold}
    roomy = engine.generate([PROMPT] * 3, LONG, **options)
    preemptions = counting(narrow_engine._scheduler, "_preempt_request", monkeypatch)
    narrow = narrow_engine.generate([PROMPT] * 3, LONG, **options)
    assert tokens_of(narrow) == tokens_of(roomy)
    assert {result.status for result in narrow} == {"stop"}
    if particles == 12:
        # 12 particles of up to 4 blocks each do not fit into 13 blocks.
        assert preemptions
    if threshold > 0:
        assert sum(result.stats.forks for result in narrow) > 0


def test_worker_and_scheduler_agree_after_forks(engine: Engine) -> None:
    """With verification on, the scheduler compares every row's past with the worker's, and raises if they differ."""
    before = engine._scheduler.verified_rows
    results = engine.generate([PROMPT] * 40, PAIRS, particles=8, max_tokens=40, seed=2, ess_threshold=1.0)
    stats = [result.stats for result in results]
    assert sum(stat.forks for stat in stats) > 100
    assert sum(stat.copied_finished for stat in stats) > 0
    assert engine._scheduler.verified_rows - before == sum(stat.tokens for stat in stats)


def test_dead_and_finished_slots_come_back_to_life(engine: Engine) -> None:
    # c is found out two characters later only, so particles die.
    late = predicate(lambda s: "c" not in s[:-2], complete=lambda s: "c" not in s)
    results = engine.generate([PROMPT] * 60, late, particles=8, max_tokens=30, seed=4, ess_threshold=1.0)
    assert sum(result.stats.revived for result in results) > 0
    assert sum(result.stats.copied_finished for result in results) > 0
    for result in results:
        for sample in result.samples:
            assert (sample.weight > 0) <= (sample.finish_reason == "stop")


def test_chunked_prompts(engine: Engine, narrow_engine: Engine) -> None:
    """A prompt longer than a step's tokens is prefilled in pieces; the draws in between must not count."""
    prompt = (PROMPT * 40)[:100]
    options: dict[str, Any] = {"particles": 3, "max_tokens": 20, "seed": 9, "ess_threshold": 0.9}
    assert tokens_of(narrow_engine.generate([prompt] * 2, PAIRS, **options)) == tokens_of(
        engine.generate([prompt] * 2, PAIRS, **options)
    )


def test_predicates_are_not_asked_about_half_read_prompts(engine: Engine, narrow_engine: Engine) -> None:
    """What a row in the middle of the prompt proposes is nobody's token, and must not kill a particle either."""
    prompt = (PROMPT * 40)[:100]
    questions = []
    for some in (engine, narrow_engine):
        asked: list[str] = []

        def noting(text: str, asked: list[str] = asked) -> bool:
            asked.append(text)
            return True

        some.generate(prompt, predicate(noting), particles=1, max_tokens=4, seed=9)
        questions.append(asked)
    assert questions[0] == questions[1]


def test_groups_and_ordinary_requests_share_the_engine(narrow_engine: Engine) -> None:
    """A group as large as the engine waits until all slots are free, ordinary requests go on, and both finish."""
    from tamis.engine.vllm.compat import SamplingParams, tokens_input
    from tamis.engine.vllm.requests import read_answer, sampling_params

    core = narrow_engine._engine
    plain = SamplingParams(temperature=0.0, max_tokens=30, ignore_eos=True)
    for number in range(20):
        core.add_request(f"plain-{number}", tokens_input(PROMPT), plain)
    core.add_request("group", tokens_input(PROMPT), sampling_params(PAIRS, particles=12, max_tokens=20))
    for number in range(20, 60):
        core.add_request(f"plain-{number}", tokens_input(PROMPT), plain)
    order = []
    most = 0
    outputs = {}
    while core.has_unfinished_requests():
        for output in core.step():
            if output.finished:
                order.append(output.request_id)
                outputs[output.request_id] = output
        most = max(most, len(narrow_engine._scheduler.running))
    narrow_engine._step()
    assert most <= 12
    assert len(order) == 61
    # Later requests may overtake for a bounded number of steps, not for ever.
    assert order.index("group") < 60
    assert all(len(outputs[f"plain-{number}"].outputs[0].token_ids) == 30 for number in range(60))
    result = read_answer(outputs["group"], narrow_engine._decode)
    assert len(result.samples) == 12
    assert outputs["group"].outputs[0].text in result.posterior()


@pytest.mark.parametrize("when", [0, 5, 40])
def test_ctrl_c_leaves_nothing(engine: Engine, narrow_engine: Engine, when: int) -> None:
    for each in (engine, narrow_engine):
        steps = 0

        def press(progress: Progress) -> None:
            nonlocal steps
            if steps == when:
                signal.raise_signal(signal.SIGINT)
            steps += 1

        with pytest.raises(KeyboardInterrupt):
            each.generate([PROMPT] * 30, LONG, particles=6, max_tokens=110, progress=press)
        assert steps == when + 1
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert each.generate(PROMPT, PAIRS, particles=4, max_tokens=20).samples


def test_abort_of_single_groups(engine: Engine) -> None:
    from tamis.engine.vllm.compat import tokens_input
    from tamis.engine.vllm.requests import sampling_params

    core = engine._engine
    ids = [
        core.add_request(f"group-{number}", tokens_input(PROMPT), sampling_params(LONG, particles=40, max_tokens=110))
        for number in range(5)
    ]
    for _ in range(4):
        core.step()
    # 128 slots hold three groups: one runs, one waits.
    core.abort_request([ids[0], ids[4]], internal=True)
    finished = set()
    while core.has_unfinished_requests():
        finished |= {output.request_id for output in core.step() if output.finished}
    engine._step()
    assert finished == {"group-1", "group-2", "group-3"}


def test_a_predicate_that_raises_fails_its_own_request(engine: Engine) -> None:
    def no_b(prefix: str) -> bool:
        if "b" in prefix:
            raise RuntimeError("b is not in my book")
        return True

    with pytest.raises(PredicateError, match=r"no_b.*b is not in my book"):
        engine.generate([PROMPT] * 4, [PAIRS, predicate(no_b), None, PAIRS], particles=4, max_tokens=30)
    assert engine.generate(PROMPT, PAIRS, particles=2, max_tokens=10).samples


def test_all_dead_is_said(engine: Engine) -> None:
    """A predicate that leads into a dead end: no text, no evidence, and the status says why."""
    dead_end = predicate(lambda s: len(s) < 4, complete=lambda s: False)
    result = engine.generate(PROMPT, dead_end, particles=4, max_tokens=30)
    assert result.text is None
    assert result.status == "dead"
    assert result.log_evidence == float("-inf")
    assert {sample.finish_reason for sample in result.samples} == {"dead"}
    assert {sample.weight for sample in result.samples} == {0.0}
    assert result.posterior() == {}


def test_cut_is_said(engine: Engine) -> None:
    result = engine.generate(PROMPT, LONG, particles=4, max_tokens=5)
    assert result.text is None
    assert result.status == "length"
    assert result.log_evidence == float("-inf")
    assert all(len(sample.token_ids) == 5 for sample in result.samples)


def test_the_context_cuts_as_max_tokens_does(engine: Engine) -> None:
    prompt = (PROMPT * 50)[: engine.max_model_len - 10]
    result = engine.generate(prompt, LONG, particles=4, max_tokens=100, ess_threshold=1.0)
    assert result.status == "length"
    assert all(len(sample.token_ids) == 10 for sample in result.samples)


def test_a_predicate_that_may_kill_loses_its_particle_only(engine: Engine) -> None:
    def picky(text: str) -> bool:
        if text.startswith("bc"):
            raise ValueError("no bc")
        return len(text) < 6

    result = engine.generate(
        PROMPT, predicate(picky, on_error="kill"), particles=60, max_tokens=8, seed=1, ess_threshold=0.0
    )
    lost = [sample for sample in result.samples if sample.reason is not None]
    assert 0 < len(lost) < 60
    assert result.stats.failures == len(lost)
    for sample in lost:
        assert sample.finish_reason == "dead"
        assert "predicate" in str(sample.reason)
        assert "raised ValueError: no bc" in str(sample.reason)
    assert any(sample.accepted for sample in result.samples)
    with pytest.raises(PredicateError, match="no bc"):
        engine.generate(PROMPT, predicate(picky), particles=60, max_tokens=8, seed=1)
    assert not engine._scheduler.groups
