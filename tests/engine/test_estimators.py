"""Estimators by exact enumeration: every order of a small row with its probability, no random numbers."""

from itertools import combinations, permutations

import numpy as np
import pytest
from tamis.engine.estimators import (
    Estimator,
    des_raj_weight,
    geometric_weight,
    murthy_share,
    murthy_weight,
    paper_weight,
    second_round_end,
    tail_tests,
)

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


def unordered_share(drawn, ok, rest):
    """Murthy's estimate by its definition: Des Raj's first estimate, ok of the first draw, averaged over all orders."""
    total, hit = 0.0, 0.0
    for order in permutations(range(drawn.size)):
        left = drawn[list(order)][::-1].cumsum()[::-1] + rest
        probability = np.prod(drawn[list(order)] / left)
        total += probability
        hit += probability * ok[order[0]]
    return hit / total


@pytest.mark.parametrize("seed", range(12))
def test_murthys_integrals_are_sums_over_orders(seed):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(2, 7))
    # Masses over many orders of magnitude, the rest among them.
    drawn = np.exp(rng.normal(scale=(0.5, 3.0, 9.0)[seed % 3], size=size))
    rest = float(np.exp(rng.normal(scale=5.0)))
    for count in range(size + 1):
        for chosen in combinations(range(size), count):
            ok = np.isin(np.arange(size), chosen)
            assert murthy_share(drawn, ok, rest) == pytest.approx(unordered_share(drawn, ok, rest), rel=1e-7)


@pytest.mark.parametrize("size", [40, 200])
def test_murthys_estimate_of_equal_tokens_is_the_sample_mean(size):
    ok = np.arange(size) % 7 == 2
    assert murthy_share(np.full(size, 0.01), ok, 3.0) == pytest.approx(ok.mean(), rel=1e-7)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("most", [1, 2, 3, 8])
def test_murthy_is_unbiased_on_every_path_with_its_own_number_of_tests(pattern, most):
    ok = np.array(pattern)
    paths = {}
    means = np.zeros(P.size)
    for order, weights, before, probability in orders(P):
        answers = ok[list(order)]
        k = int(answers.argmax())
        tested = min(k + 1 + tail_tests(most, weights[k] / before[k]), P.size)
        rest = before[tested] if tested < P.size else 0.0
        weight = murthy_weight(weights, before, answers, k, tested, rest, tested == P.size)
        means[order[k]] += probability * weight
        mass, total = paths.get(order[: k + 1], (0.0, 0.0))
        paths[order[: k + 1]] = (mass + probability, total + probability * weight)
    np.testing.assert_allclose(means, P * ok, rtol=1e-7)
    for mass, total in paths.values():
        assert total / mass == pytest.approx(P[ok].sum(), rel=1e-7)


def test_murthy_varies_less_than_des_raj():
    p = np.array([0.5, 0.2, 0.1, 0.08, 0.06, 0.04, 0.02])
    ok = np.array([False, True, False, True, True, False, True])
    squares = np.zeros(2)
    for order, weights, before, probability in orders(p):
        answers = ok[list(order)]
        k = int(answers.argmax())
        tested = min(k + 4, p.size)
        rest = before[tested] if tested < p.size else 0.0
        everything = tested == p.size
        squares += probability * np.square(
            [
                murthy_weight(weights, before, answers, k, tested, rest, everything) - p[ok].sum(),
                des_raj_weight(weights, before, answers, k, tested, everything) - p[ok].sum(),
            ]
        )
    assert squares[0] < 0.8 * squares[1]


@pytest.mark.parametrize(("share", "expected"), [(1.0, 1), (0.99, 1), (0.9, 1), (0.6, 5), (0.3, 8), (1e-9, 8)])
def test_fewer_tests_where_little_is_left_open(share, expected):
    assert tail_tests(8, share) == expected


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
        (
            {"name": "paper", "tail_checks": 4},
            "estimator 'paper' takes no tail_checks.*use one of auto, murthy, des_raj",
        ),
        ({"name": "geometric", "tail_checks": 8}, "estimator 'geometric' takes no tail_checks, got tail_checks=8"),
        ({"name": "recursive", "tail_checks": 1}, "estimator 'recursive' takes no tail_checks"),
    ],
)
def test_bad_estimators_are_refused(arguments, problem):
    with pytest.raises(ValueError, match=problem):
        Estimator(**arguments)


def test_tail_checks_may_be_left_out():
    assert Estimator() == Estimator("auto", None) == Estimator("auto", 8)
    for name in ("paper", "geometric", "exact"):
        assert (Estimator(name, None).tail_checks, Estimator(name).tail) == (None, 0)


def test_recursive_is_des_raj_with_one_test():
    assert (Estimator("recursive").kind, Estimator("recursive").tail) == (Estimator("des_raj", 1).kind, 1)
