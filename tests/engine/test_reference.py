"""SMC with AWRS against exact enumeration of a small model: evidence and posterior, with and without resampling."""

import math

import numpy as np
import pytest
from tamis.bench.exactness.enumeration import exact_posterior
from tamis.engine.estimators import Estimator
from tamis.engine.predicate import predicate
from tamis.engine.reference import reference_smc
from tamis.engine.resampling import SCHEMES
from tamis.engine.target import Target
from toys import ListVocabulary, TokenDfa, table_model

VOCABULARY = 6
EOS = 5
MAX_TOKENS = 5
MODEL = table_model(VOCABULARY, seed=11)
X = -1

# An even number of 0s, of which there is at least one.
EVEN = TokenDfa([[1, 0, 0, 0, 0, X], [2, 1, 1, 1, 1, X], [1, 2, 2, 2, 2, X]], [2], EOS)
# Brackets: 0 opens, 1 closes, the rest is text that may only stand inside, two levels at most.
BRACKETS = TokenDfa([[1, X, X, X, X, X], [2, 0, 1, 1, 1, X], [X, 1, 2, X, 2, X]], [0], EOS)
# A trap: 2 leads to a place that allows 2 and 3 once each and then nothing; elsewhere 0 and 1 alternate.
TRAP = TokenDfa([[1, 2, 3, X, X, X], [X, 2, 3, X, X, X], [1, X, 3, X, X, X], [X, X, 4, 4, X, X], [X] * 6], [1, 2], EOS)
# A Python predicate over text: palindromes of at most four letters over tokens one of which is two letters long.
LETTERS = ListVocabulary([b"a", b"b", b"c", b"ab", b"ba", None], [EOS])
PALINDROMES = predicate(lambda text: len(text) <= 4, lambda text: bool(text) and text == text[::-1]).bind(LETTERS)

CONSTRAINTS = {"even": EVEN, "brackets": BRACKETS, "trap": TRAP, "predicate": PALINDROMES}


def assert_matches_enumeration(constraint, runs, particles, *, sigmas=5.0, target=None, **options):
    """The unnormalised mass of every string, and their sum, are unbiased: each within `sigmas` standard errors.

    Strings that are expected fewer than 200 times in all runs are judged together, so that the normal approximation
    behind the standard errors holds. Returns the runs.
    """
    # With more tail checks than tokens the weights would be exact; two leave something to test.
    options.setdefault("estimator", Estimator("des_raj", 2))
    exact = exact_posterior(MODEL, constraint, VOCABULARY, EOS, MAX_TOKENS, target)
    evidence = sum(exact.values())
    assert 0.005 < evidence < 0.9
    common = [string for string, mass in exact.items() if mass / evidence * runs * particles > 200]
    columns = {string: column for column, string in enumerate(common)}
    masses = np.zeros((runs, len(common) + 1))
    results = []
    for run in range(runs):
        result = reference_smc(
            MODEL, constraint, particles, target, eos_ids=[EOS], max_tokens=MAX_TOKENS, seed=5, request=run, **options
        )
        results.append(result)
        for particle in result.particles:
            if particle.status == "stop":
                assert particle.tokens in exact
                column = columns.get(particle.tokens, len(common))
                masses[run, column] += math.exp(particle.log_weight) / particles
            else:
                assert particle.status in ("length", "dead")
        np.testing.assert_allclose(masses[run].sum(), math.exp(result.log_evidence), rtol=1e-9)
    expected = np.array([exact[string] for string in common] + [evidence - sum(exact[string] for string in common)])
    errors = masses.std(axis=0) / np.sqrt(runs)
    assert (np.abs(masses.mean(axis=0) - expected) <= sigmas * errors + 1e-6 * expected).all()
    total = masses.sum(axis=1)
    assert abs(total.mean() - evidence) <= sigmas * total.std() / np.sqrt(runs) + 1e-6 * evidence
    # The posterior pooled over runs by their evidence, in total variation: at most the sum of the errors above.
    pooled = masses.sum(axis=0) / masses.sum()
    assert 0.5 * np.abs(pooled - expected / evidence).sum() <= sigmas * 0.5 * (errors.sum() + errors.max()) / evidence
    return results


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_without_resampling(name):
    results = assert_matches_enumeration(CONSTRAINTS[name], 1500, 6, ess_threshold=0.0)
    assert not any(result.resampled for result in results)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", CONSTRAINTS)
def test_with_resampling(name, scheme):
    results = assert_matches_enumeration(CONSTRAINTS[name], 800, 6, ess_threshold=0.9, scheme=scheme)
    assert sum(len(result.resampled) for result in results) > 50


@pytest.mark.parametrize(
    "estimator",
    [Estimator(), Estimator("recursive"), Estimator("paper"), Estimator("geometric"), Estimator(budget=2)],
    ids=str,
)
def test_every_estimator(estimator):
    assert_matches_enumeration(BRACKETS, 1500, 6, estimator=estimator)


@pytest.mark.parametrize(
    "target", [Target(0.6), Target(1.4, 0.9), Target(1.0, 1.0, 3), Target(1.0, 1.0, 0, 0.3)], ids=str
)
def test_every_target(target):
    assert_matches_enumeration(EVEN, 1500, 6, target=target)


def test_one_particle_is_properly_weighted_and_never_resampled():
    results = assert_matches_enumeration(BRACKETS, 6000, 1, ess_threshold=1.0)
    assert not any(result.resampled for result in results)


def outcome(constraint, **options):
    result = reference_smc(MODEL, constraint, 8, eos_ids=[EOS], max_tokens=MAX_TOKENS, **options)
    return [(p.tokens, p.log_weight, p.status) for p in result.particles], result.log_evidence, result.resampled


def test_one_seed_one_result():
    assert outcome(EVEN, seed=3, request=1) == outcome(EVEN, seed=3, request=1)
    assert outcome(EVEN, seed=3, request=1) != outcome(EVEN, seed=4, request=1)
    assert outcome(EVEN, seed=3, request=1) != outcome(EVEN, seed=3, request=2)


def test_a_group_in_which_everything_dies_says_so():
    dead_end = TokenDfa([[1, X, X, X, X, X], [X] * 6], [], EOS)
    particles, evidence, _ = outcome(dead_end)
    assert evidence == -math.inf
    assert {status for _, _, status in particles} == {"dead"}


def test_a_group_that_is_cut_says_so():
    endless = TokenDfa([[0, 0, 0, 0, 0, X]], [], EOS)
    particles, evidence, _ = outcome(endless)
    assert evidence == -math.inf
    assert {status for _, _, status in particles} == {"length"}
    assert {len(tokens) for tokens, _, _ in particles} == {MAX_TOKENS}


def test_finished_particles_take_part_in_resampling():
    # Half of the particles draw 0 and finish with the second token; the others draw 1 and go on through tokens of
    # probability exp(-9), so the resampling after two tokens lets the finished ones take over their slots.
    constraint = TokenDfa([[1, 2, X, X, X, X], [X] * 6, [X, X, X, 2, X, X]], [1], EOS)
    row = np.array([0.0, 0.0, -9.0, -9.0, -9.0, 0.0], dtype=np.float32)
    result = reference_smc(
        lambda prefix: row, constraint, 12, eos_ids=[EOS], max_tokens=MAX_TOKENS, seed=2, ess_threshold=0.9
    )
    assert result.resampled == [2]
    assert [(p.tokens, p.status) for p in result.particles] == [((0, EOS), "stop")] * 12
    # One resampling made all weights equal to the mean: p(0) p(EOS), in spite of the particles that were replaced.
    assert len(set(result.final_log_weights.tolist())) == 1
    assert result.log_evidence == pytest.approx(result.particles[0].log_weight)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"particles": 0}, "particles"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"scheme": "none"}, "scheme"),
        ({"ess_threshold": 2.0}, "threshold"),
    ],
)
def test_bad_settings_are_refused(options, problem):
    settings = {"particles": 2, "max_tokens": 3, "eos_ids": [EOS]} | options
    with pytest.raises(ValueError, match=problem):
        reference_smc(MODEL, EVEN, **settings)
