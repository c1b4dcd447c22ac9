"""Estimators by exact enumeration: every order of a small row with its probability, no random numbers."""

from itertools import permutations

import numpy as np
import pytest
from tamis.engine.estimators import Estimator, des_raj_weight, geometric_weight, paper_weight, second_round_end

P = np.array([0.45, 0.2, 0.15, 0.12, 0.08])
PATTERNS = [
    [True, False, True, False, True],
    [False, True, False, False, True],
    [False, False, False, False, True],
    [True, False, False, False, False],
    [True, True, True, True, True],
]


def orders(p):
    """All orders of sampling without replacement, their probabilities and the mass left before each draw."""
    for order in permutations(range(p.size)):
        weights = p[list(order)]
        before = weights[::-1].cumsum()[::-1]
        yield order, weights, before, float(np.prod(weights / before))


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("tail", [1, 2, 3, 4, 9])
def test_des_raj_is_properly_weighted(pattern, tail):
    ok = np.array(pattern)
    means = np.zeros(P.size)
    for order, weights, before, probability in orders(P):
        answers = ok[list(order)]
        k = int(answers.argmax())
        tested = min(k + 1 + tail, P.size)
        means[order[k]] += probability * des_raj_weight(weights, before, answers, k, tested, tested == P.size)
    np.testing.assert_allclose(means, P * ok, rtol=1e-12)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_des_raj_is_unbiased_on_every_path(pattern):
    ok = np.array(pattern)
    paths = {}
    for order, weights, before, probability in orders(P):
        answers = ok[list(order)]
        k = int(answers.argmax())
        tested = min(k + 1 + 2, P.size)
        weight = des_raj_weight(weights, before, answers, k, tested, tested == P.size)
        mass, total = paths.get(order[: k + 1], (0.0, 0.0))
        paths[order[: k + 1]] = (mass + probability, total + probability * weight)
    for mass, total in paths.values():
        assert total / mass == pytest.approx(P[ok].sum(), rel=1e-12)


def second_rounds(weights, before, answers, k):
    """All ends of the second round with their probabilities, by forcing the coins one way or the other."""
    size = weights.size
    probability = 1.0
    for j in range(k + 1, size + 1):
        left = before[j] if j < size else 0.0
        meets_again = weights[k] / (weights[k] + left)
        coins = np.full(size + 1, np.nextafter(1.0, 0.0))
        coins[j] = 0.0
        end, ended = second_round_end(weights, before, answers, k, size, size, True, coins)
        assert ended
        if end < j:
            # An accepted token came first.
            yield end, probability
            return
        yield j, probability * meets_again
        probability *= 1 - meets_again


@pytest.mark.parametrize("pattern", PATTERNS)
def test_paper_is_properly_weighted(pattern):
    ok = np.array(pattern)
    means = np.zeros(P.size)
    for order, weights, before, probability in orders(P):
        answers = ok[list(order)]
        k = int(answers.argmax())
        ends = list(second_rounds(weights, before, answers, k))
        assert sum(share for _, share in ends) == pytest.approx(1)
        for end, share in ends:
            means[order[k]] += probability * share * paper_weight(before, k, end)
    np.testing.assert_allclose(means, P * ok, rtol=1e-12)


@pytest.mark.parametrize("pattern", PATTERNS[:3])
def test_geometric_is_properly_weighted(pattern):
    """The repeats are integrated by Monte Carlo inside the enumeration of orders and coins."""
    ok = np.array(pattern)
    draws = 300
    rng = np.random.default_rng(0)
    means = np.zeros(P.size)
    variances = np.zeros(P.size)
    for order, weights, before, probability in orders(P):
        answers = ok[list(order)]
        k = int(answers.argmax())
        for end, share in second_rounds(weights, before, answers, k):
            sample = [geometric_weight(weights, before, k, end, P.size, rng.random(P.size + 1)) for _ in range(draws)]
            means[order[k]] += probability * share * np.mean(sample)
            variances[order[k]] += (probability * share) ** 2 * np.var(sample) / draws
    np.testing.assert_array_less(np.abs(means - P * ok), 5 * np.sqrt(variances) + 1e-12)


def test_second_round_waits_for_draws_and_tests():
    weights = np.array([0.5, 0.3, 0.2])
    before = np.array([1.0, 0.5, 0.2])
    ok = np.array([True, False, False])
    never = np.full(4, np.nextafter(1.0, 0.0))
    assert second_round_end(weights, before, ok, 0, 1, 1, False, never) == (1, False)
    assert second_round_end(weights, before, ok, 0, 1, 3, True, never) == (1, False)
    assert second_round_end(weights, before, ok, 0, 2, 3, True, never) == (2, False)
    assert second_round_end(weights, before, ok, 0, 3, 3, True, never) == (3, True)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"name": "desraj"}, "unknown estimator 'desraj'"),
        ({"tail_checks": 0}, "tail_checks"),
        ({"tail_checks": 2.0}, "tail_checks"),
        ({"budget": 0}, "budget"),
        ({"name": "paper", "tail_checks": 4}, "estimator 'paper' takes no tail_checks.*use estimator 'des_raj'"),
        ({"name": "geometric", "tail_checks": 8}, "estimator 'geometric' takes no tail_checks, got tail_checks=8"),
        ({"name": "recursive", "tail_checks": 1}, "estimator 'recursive' takes no tail_checks"),
    ],
)
def test_bad_estimators_are_refused(arguments, problem):
    with pytest.raises(ValueError, match=problem):
        Estimator(**arguments)


def test_tail_checks_may_be_left_out():
    assert Estimator() == Estimator("des_raj", None) == Estimator("des_raj", 8)
    for name in ("paper", "geometric"):
        assert (Estimator(name, None).tail_checks, Estimator(name).tail) == (None, 0)


def test_recursive_is_des_raj_with_one_test():
    assert (Estimator("recursive").kind, Estimator("recursive").tail) == (Estimator("des_raj", 1).kind, 1)
