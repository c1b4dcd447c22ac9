"""Critics: arithmetic, refusals, and the target they define, against enumeration."""

import math

import numpy as np
import pytest
from tamis.bench.exactness import llamas
from tamis.bench.exactness.enumeration import exact_posterior
from tamis.bench.exactness.simulation import simulate
from tamis.engine import CriticError, critic, preference
from tamis.engine.critic import Reading
from tamis.engine.vllm.options import make_options
from tamis.grammars import Vocabulary, regex

READINGS = [
    Reading("aé".encode(), (1, 2), True),
    Reading("aé".encode()[:2], (1, 2), False),
    Reading(b"", (), False),
]


def test_each_string_is_weighed_by_the_function_of_its_kind():
    seen = []
    some = critic(lambda text: seen.append(text) or 1.0, lambda text: seen.append(text) or -2.0)
    assert some.log_potentials(READINGS).tolist() == [1.0, -2.0, -2.0]
    # Characters that have not ended are held back.
    assert seen == ["aé", "a", ""]
    assert some.guides
    assert critic(len).log_potentials(READINGS).tolist() == [2.0, 0.0, 0.0]
    assert not critic(len).guides
    assert critic(prefix=len, on="bytes").log_potentials(READINGS).tolist() == [0.0, 2.0, 0.0]
    assert critic(len, on="tokens").log_potentials(READINGS).tolist() == [2.0, 0.0, 0.0]
    assert critic(lambda texts: [len(text) for text in texts], batch=True).log_potentials(READINGS)[0] == 2.0


def test_critics_multiply_and_temper():
    some = critic(lambda text: 3.0, lambda text: -4.0)
    other = critic(lambda text: -1.0)
    assert (some * other).log_potentials(READINGS).tolist() == [2.0, -4.0, -4.0]
    assert ((some * other) ** 0.5).log_potentials(READINGS).tolist() == [1.0, -2.0, -2.0]
    assert some.annealed(lambda tokens: tokens / 2).log_potentials(READINGS).tolist() == [3.0, -4.0, 0.0]
    never = critic(lambda text: -math.inf)
    assert (never**0).log_potentials(READINGS).tolist() == [0.0, 0.0, 0.0]
    assert never.log_potentials(READINGS)[0] == -math.inf


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda text: math.nan, "returned nan, which is no log potential"),
        (lambda text: math.inf, "returned inf"),
        (lambda text: "much", "raised ValueError"),
        (lambda text: 1 / 0, "raised ZeroDivisionError"),
        (lambda text: None, "raised TypeError"),
    ],
)
def test_what_is_no_log_potential_is_refused(function, said):
    with pytest.raises(CriticError, match=f"critic 'odd' {said}.*for 'aé'"):
        critic(function, name="odd").log_potentials(READINGS)


def test_a_batch_of_the_wrong_length_is_refused():
    with pytest.raises(CriticError, match="returned 1 numbers for 2 strings"):
        critic(prefix=lambda texts: [1.0], batch=True).log_potentials(READINGS)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((), "a function of complete strings"),
        ((3,), "complete must be a callable"),
        ((None, "x"), "prefix must be a callable"),
    ],
)
def test_bad_critics_are_refused(arguments, error):
    with pytest.raises(TypeError, match=error):
        critic(*arguments)
    with pytest.raises(ValueError, match="on must be"):
        critic(len, on="chars")
    with pytest.raises(ValueError, match="exponent"):
        critic(len) ** -1
    with pytest.raises(TypeError, match="schedule"):
        critic(len).annealed(2)


def test_a_preference_costs_its_penalty_once_the_grammar_is_left():
    some = preference(regex("a+b"), 2.5)
    texts = [(b"aab", True), (b"aa", True), (b"aa", False), (b"b", False)]
    read = [Reading(data, (), finished) for data, finished in texts]
    assert some.log_potentials(read).tolist() == [0.0, -2.5, 0.0, -2.5]
    with pytest.raises(ValueError, match="penalty"):
        preference(regex("a"), -1)
    with pytest.raises(TypeError, match="needs a grammar"):
        preference("a+", 1.0)


A = llamas.PIECES.index("a") + 1
CRITICS = {
    "in the end": critic(lambda tokens: 0.7 * tokens.count(A), on="tokens"),
    "at every step": critic(lambda tokens: 0.7 * tokens.count(A), lambda tokens: 0.7 * tokens.count(A), on="tokens"),
    "a pure twist": critic(prefix=lambda tokens: math.sin(3 * sum(tokens)), on="tokens"),
    "annealed, ruling out": (
        critic(lambda tokens: -math.inf if tokens[0] == A else 0.0, lambda tokens: -0.5 * len(tokens), on="tokens")
        * critic(prefix=lambda tokens: -math.inf if tokens[0] == A else 0.0, on="tokens")
    ).annealed(lambda count: count / 6),
}


@pytest.mark.parametrize("method", ["awrs", "smc_base", "rerank"])
@pytest.mark.parametrize("name", list(CRITICS))
def test_the_target_is_the_product_whatever_the_twist(name, method):
    """Evidence and string masses of pooled groups equal those of p phi by enumeration."""
    weigh = CRITICS[name]
    model = llamas.Rows(llamas.make(), llamas.PROMPT)
    vocabulary = Vocabulary([None, *(piece.encode() for piece in llamas.PIECES)], eos_ids=[llamas.EOS])
    bound = regex("(ab|ba|cc)+d?").compile().bind(vocabulary)
    exact = {
        tokens: mass * math.exp(weigh.log_potentials([Reading(b"", tokens[:-1], True)])[0])
        for tokens, mass in exact_posterior(model, bound, llamas.SIZE, llamas.EOS, llamas.MAX_TOKENS).items()
    }
    options = make_options(constraint={"kind": "anything"}, method=method, particles=6, seed=3)
    groups = simulate(model, bound, options, groups=700, eos=llamas.EOS, max_tokens=llamas.MAX_TOKENS, critic=weigh)
    if method != "rerank":
        assert sum(group.resamplings for group in groups) > 100
    estimates = np.array([math.exp(group.log_evidence()) for group in groups])
    evidence = sum(exact.values())
    assert abs(estimates.mean() - evidence) < 5 * estimates.std() / math.sqrt(len(groups))
    heavy = {tokens for tokens, mass in exact.items() if mass > evidence / 40}
    assert len(heavy) > 3
    for tokens in heavy:
        masses = np.array(
            [
                sum(
                    math.exp(weight)
                    for particle, weight in zip(group.particles, group.final_log_weights(), strict=True)
                    if tuple(particle.tokens) == tokens
                )
                / 6
                for group in groups
            ]
        )
        assert abs(masses.mean() - exact[tokens]) < 5 * masses.std() / math.sqrt(len(groups)), tokens


@pytest.mark.parametrize("weigh", [critic(lambda text: 1e308) ** 10, critic(len, len).annealed(lambda count: math.nan)])
def test_scaled_values_that_are_no_potentials_are_refused(weigh):
    with pytest.raises(CriticError, match="no log potential"):
        weigh.log_potentials([Reading(b"a", (1,), True), Reading(b"a", (1,), False)])
