"""The arithmetic of weights: ESS, evidence, resampling decisions, posterior."""

import math

import numpy as np
import pytest
from tamis.engine.smc import (
    acceptance_rate,
    effective_sample_size,
    is_dead,
    log_mean_exp,
    normalized_weights,
    posterior,
    resample,
    should_resample,
)

DEAD = np.full(4, -np.inf)


def test_effective_sample_size():
    assert effective_sample_size(np.full(7, -900.0)) == pytest.approx(7)
    assert effective_sample_size(np.array([0.0, -np.inf, -np.inf])) == pytest.approx(1)
    assert effective_sample_size(np.log([3.0, 1.0])) == pytest.approx(1 / (0.75**2 + 0.25**2))
    assert effective_sample_size(DEAD) == 0


def test_evidence_counts_the_dead():
    assert log_mean_exp(np.log([4.0, 2.0, 1.0, 1.0])) == pytest.approx(math.log(2))
    assert log_mean_exp(np.array([-2000.0, -np.inf])) == pytest.approx(-2000 - math.log(2))
    assert log_mean_exp(DEAD) == -math.inf
    with pytest.raises(ValueError, match="at least one"):
        log_mean_exp(np.empty(0))


def test_dead_groups_are_reported_and_never_resampled():
    assert is_dead(DEAD)
    assert not is_dead(np.array([-np.inf, 0.0]))
    assert not should_resample(DEAD, 1.0)
    assert resample(DEAD, "systematic", 1.0, 0, 0, 1) is None
    assert not normalized_weights(DEAD).any()
    assert posterior(["a"] * 4, DEAD) == {}


def test_threshold_decides():
    log_weights = np.log([8.0, 1.0, 1.0, 1.0])
    size = effective_sample_size(log_weights)
    assert not should_resample(log_weights, size / 4 - 1e-9)
    assert should_resample(log_weights, size / 4 + 1e-9)
    assert not should_resample(log_weights, 0.0)
    assert not should_resample(np.array([-3.0]), 1.0)
    assert not should_resample(np.zeros(8), 1.0) or effective_sample_size(np.zeros(8)) < 8


@pytest.mark.parametrize("scheme", ["multinomial", "stratified", "systematic", "residual"])
def test_resampling_keeps_the_mean_weight_and_drops_the_dead(scheme):
    log_weights = np.array([-5.0, -np.inf, 2.0, -1.0, 1.5, -np.inf])
    result = resample(log_weights, scheme, 0.9, 1, 2, 3)
    assert result is not None
    assert not np.isin(result.ancestors, [1, 5]).any()
    np.testing.assert_allclose(result.log_weights, log_mean_exp(log_weights))
    again = resample(log_weights, scheme, 0.9, 1, 2, 3)
    assert again is not None
    np.testing.assert_array_equal(again.ancestors, result.ancestors)


def test_resampling_depends_on_every_part_of_its_key():
    log_weights = np.log(np.arange(1.0, 101.0))
    keys = [(1, 2, 3), (2, 2, 3), (1, 3, 3), (1, 2, 4)]
    results = [resample(log_weights, "multinomial", 1.0, *key) for key in keys]
    assert len({tuple(result.ancestors.tolist()) for result in results if result is not None}) == 4


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="scheme"):
        resample(np.zeros(2), "best", 0.5, 0, 0, 0)
    for threshold in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="ESS threshold"):
            resample(np.zeros(2), "residual", threshold, 0, 0, 0)


def test_posterior_adds_up_equal_outcomes():
    log_weights = np.log([1.0, 2.0, 3.0, 4.0]) - 500
    result = posterior(["a", "b", "a", "c"], log_weights)
    assert result == pytest.approx({"a": 0.4, "c": 0.4, "b": 0.2})
    assert next(iter(result)) in ("a", "c")
    assert posterior(["a", "b", "a", "c"], np.array([0.0, -np.inf, 0.0, 0.0])) == pytest.approx(
        {"a": 2 / 3, "c": 1 / 3}
    )
    with pytest.raises(ValueError, match="4 log weights"):
        posterior(["a"], log_weights)


@pytest.mark.parametrize("p", [0.02, 0.3, 0.9])
@pytest.mark.parametrize(("particles", "most"), [(1, 1), (1, 4), (3, 2), (5, 7), (2, 40)])
def test_the_acceptance_rate_is_unbiased(p, particles, most):
    """By summing over all outcomes of all slots: accepted after so many tries, or given up."""
    slot = {(1, tries): p * (1 - p) ** (tries - 1) for tries in range(1, most + 1)}
    slot[0, most] = (1 - p) ** most
    outcomes = {(0, 0): 1.0}
    for _ in range(particles):
        longer = {}
        for (accepted, tries), mass in outcomes.items():
            for (more, further), probability in slot.items():
                key = accepted + more, tries + further
                longer[key] = longer.get(key, 0.0) + mass * probability
        outcomes = longer
    mean = sum(mass * acceptance_rate(accepted, particles, tries, most) for (accepted, tries), mass in outcomes.items())
    assert mean == pytest.approx(p, rel=1e-10)


def test_without_a_bound_the_acceptance_rate_is_the_negative_binomials():
    assert acceptance_rate(5, 5, 40, 1000) == pytest.approx(4 / 39)
    assert acceptance_rate(0, 3, 30, 10) == 0.0


@pytest.mark.parametrize("sums", [(4, 3, 30, 10), (3, 3, 31, 10), (3, 3, 2, 10), (1, 2, 10, 10)])
def test_impossible_sums_of_tries_are_refused(sums):
    with pytest.raises(ValueError, match="cannot be accepted"):
        acceptance_rate(*sums)
