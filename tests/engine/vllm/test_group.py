"""The bookkeeping of a group, without vLLM."""

from __future__ import annotations

import math

import pytest
from tamis.engine.result import result_from_answer
from tamis.engine.vllm.channel import TokenRecord
from tamis.engine.vllm.group import ParticleGroup
from tamis.engine.vllm.options import GroupOptions

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


def test_an_error_is_the_answer() -> None:
    some = group(2)
    some.receive(0, record(-1, -math.inf, error="boom"), finished=True)
    assert some.answer() == {"error": "boom"}
