"""The bookkeeping of a group, without vLLM."""

from __future__ import annotations

import math
from typing import Any

import pytest
from tamis.engine.awrs import RowFlag
from tamis.engine.result import result_from_answer
from tamis.engine.vllm.channel import TokenRecord
from tamis.engine.vllm.group import ParticleGroup
from tamis.engine.vllm.options import GroupOptions, make_options

EOS = 9


def group(particles: int, threshold: float = 1.0) -> ParticleGroup:
    return ParticleGroup(GroupOptions({"kind": "anything"}, particles=particles, ess_threshold=threshold), (EOS,))


def record(token: int, log_weight: float = 0.0, **more: str) -> TokenRecord:
    return TokenRecord(token, log_weight, 5, 0, **more)


def test_a_group_waits_for_its_slowest_particle() -> None:
    some = group(3)
    some.receive(0, record(1, -1.0), finished=False)
    assert some.ahead() == [some.particles[0]]
    assert some.resample() == []
    some.receive(1, record(2, -9.0), finished=False)
    some.receive(2, record(3, -9.0), finished=False)
    assert some.ahead() == []
    forks = some.resample()
    assert {fork.ancestor for fork in forks} == {0}
    assert {fork.slot for fork in forks} == {1, 2}
    assert [particle.tokens for particle in some.particles] == [[1], [1], [1]]
    mean = math.log((math.exp(-1) + 2 * math.exp(-9)) / 3)
    assert [particle.log_weight for particle in some.particles] == pytest.approx([mean] * 3)
    # Once per step.
    assert some.resample() == []


def test_without_resampling_nobody_waits() -> None:
    for some in (group(3, threshold=0.0), group(1)):
        some.receive(0, record(1, -1.0), finished=False)
        assert some.ahead() == []
        assert some.resample() == []


def test_early_stop_waits_for_its_share_of_the_weight() -> None:
    options = GroupOptions({"kind": "anything"}, particles=4, ess_threshold=0.0, early_stop=0.7)
    some = ParticleGroup(options, (EOS,))
    some.receive(0, record(EOS, math.log(0.6)), finished=True)
    some.receive(1, record(1, math.log(0.3)), finished=False)
    some.receive(2, record(2, math.log(0.1)), finished=False)
    some.receive(3, record(3, math.log(9.0)), finished=True)  # cut, so that its weight does not count
    some.stop_early()
    assert len(some.live) == 2
    some.receive(2, record(EOS), finished=True)
    some.stop_early()
    assert [particle.status for particle in some.particles] == ["stop", "early", "stop", "length"]
    assert some.unfinished == pytest.approx(0.3)
    answer = some.answer()
    assert [particle["log_weight"] is None for particle in answer["particles"]] == [False, True, False, True]
    assert math.exp(answer["log_evidence"]) == pytest.approx(0.7 / 4)
    result = result_from_answer(answer, lambda tokens: " ".join(map(str, tokens)))
    assert result.stats.unfinished == pytest.approx(0.3)
    assert result.samples[1].finish_reason == "early"


def test_early_stop_compares_particles_in_step() -> None:
    """Which one vLLM happens to run first must not matter."""
    options = GroupOptions({"kind": "anything"}, particles=3, ess_threshold=0.0, early_stop=0.5)
    some = ParticleGroup(options, (EOS,))
    some.receive(0, record(EOS, math.log(0.6)), finished=True)
    some.receive(1, record(1, math.log(0.1)), finished=False)
    some.stop_early()
    assert len(some.live) == 2
    assert some.ahead() == [some.particles[1]]
    some.receive(2, record(1, math.log(0.1)), finished=False)
    some.stop_early()
    assert some.live == []


def test_finished_particles_are_ancestors_and_can_be_overwritten() -> None:
    some = group(2)
    some.receive(0, record(EOS, -0.1), finished=True)
    some.receive(1, record(1, -50.0), finished=False)
    (fork,) = some.resample()
    assert (fork.slot, fork.ancestor) == (1, 0)
    assert some.particles[1].tokens == [EOS]
    assert some.particles[1].status == "stop"
    assert some.live == []
    assert some.copied_finished == 1

    some = group(2)
    some.receive(0, record(EOS, -50.0), finished=True)
    some.receive(1, record(1, -0.1), finished=False)
    (fork,) = some.resample()
    assert (fork.slot, fork.ancestor) == (0, 1)
    assert some.particles[0].status is None
    assert some.revived == 1


def test_dead_and_cut_particles_count_as_zero_and_stay_in_n() -> None:
    some = group(4, threshold=0.0)
    some.receive(0, record(EOS, -1.0), finished=True)
    some.receive(1, record(-1, -math.inf), finished=True)
    some.receive(2, record(1, -0.5), finished=True)
    some.receive(3, record(EOS, -3.0), finished=True)
    assert [particle.status for particle in some.particles] == ["stop", "dead", "length", "stop"]
    result = result_from_answer(some.answer(), lambda tokens: " ".join(map(str, tokens)))
    assert result.log_evidence == pytest.approx(math.log((math.exp(-1) + math.exp(-3)) / 4))
    assert [sample.log_weight for sample in result.samples] == [-1.0, -math.inf, -math.inf, -3.0]
    assert sum(sample.weight for sample in result.samples) == pytest.approx(1)
    assert result.samples[2].text == "1"
    assert result.samples[1].token_ids == ()
    assert some.leader() is some.particles[0]
    assert result.stats.checks == 20


def test_the_leader_is_the_heaviest_string_not_the_heaviest_particle() -> None:
    some = group(3, threshold=0.0)
    for index, (token, weight) in enumerate([(1, 0.4), (2, 0.3), (2, 0.3)]):
        some.receive(index, record(token, math.log(weight)), finished=False)
        some.receive(index, record(EOS), finished=True)
    leader = some.leader()
    assert leader is not None
    assert leader.tokens == [2, EOS]
    result = result_from_answer(some.answer(), lambda tokens: str(tokens[0]))
    assert result.text == "2"
    assert result.posterior() == pytest.approx({"2": 0.6, "1": 0.4})


def of_method(method: str, particles: int, **options: Any) -> ParticleGroup:
    return ParticleGroup(
        make_options(constraint={"kind": "anything"}, method=method, particles=particles, **options), (EOS,)
    )


def test_rejection_starts_failed_particles_anew_and_counts_the_tries() -> None:
    some = of_method("rejection", 2, attempts=3)
    some.receive(0, record(-1, -math.inf), finished=True)
    some.receive(1, record(EOS), finished=True)
    assert some.restarts() == [0]
    assert some.particles[0].status is None
    # Numbers of attempts differ from those of all slots.
    assert [some.number(slot) for slot in range(2)] == [2, 1]
    some.receive(0, record(1), finished=True)
    assert some.particles[0].status == "length"
    assert some.restarts() == [0]
    some.receive(0, record(-1, -math.inf), finished=True)
    assert some.restarts() == []
    result = result_from_answer(some.answer(), str)
    assert result.stats.attempts == 4
    assert [sample.finish_reason for sample in result.samples] == ["dead", "stop"]
    # One of two slots after four tries of at most three each: accepted at its first try in the only way there is.
    assert result.log_evidence == pytest.approx(math.log(1 / 2))
    assert result.samples[1].weight == 1


def test_base_keeps_what_is_refused_and_says_so() -> None:
    some = of_method("base", 3)
    for index in range(3):
        some.receive(index, TokenRecord(1, 0.0, 1, RowFlag.REFUSED if index == 0 else 0), finished=False)
    some.receive(0, TokenRecord(EOS, 0.0, 1, RowFlag.REFUSED), finished=True)
    some.receive(1, record(EOS), finished=True)
    some.receive(2, record(1), finished=True)
    result = result_from_answer(some.answer(), str)
    assert [sample.accepted for sample in result.samples] == [False, True, False]
    assert [sample.weight for sample in result.samples] == [0.5, 0.5, 0.0]
    assert result.log_evidence == pytest.approx(math.log(1 / 3))
    assert not result.weights_defined


@pytest.mark.parametrize(("method", "options"), [("lcd", {}), ("awrs", {"temperature": 0.0})])
def test_what_does_not_weigh_estimates_no_evidence(method: str, options: dict[str, Any]) -> None:
    some = of_method(method, 1, **options)
    some.receive(0, record(EOS), finished=True)
    result = result_from_answer(some.answer(), str)
    assert math.isnan(result.log_evidence)
    assert result.to_dict()["log_evidence"] is None
    assert not result.weights_defined
    assert result.text is not None


def test_an_error_is_the_answer() -> None:
    some = group(2)
    some.receive(0, record(-1, -math.inf, error="boom"), finished=True)
    assert some.answer() == {"error": "boom"}
