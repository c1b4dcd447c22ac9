"""The measurements of `tamis.bench.exactness` and `tamis.bench.estimators` on cases with known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tamis.bench.estimators.curves import Point, at, measure
from tamis.bench.estimators.families import SYNTHETIC, Row, synthetic
from tamis.bench.exactness.__main__ import tasks
from tamis.bench.exactness.distances import compare
from tamis.bench.exactness.single_runs import Bias, exponent
from tamis.bench.exactness.variants import Variant, groups_of
from tamis.engine.estimators import Estimator


def test_the_comparison_passes_what_is_exact_and_fails_what_is_not() -> None:
    task = next(task for task in tasks() if task.name == ("mild2", "lure"))
    exact = compare(groups_of(task, Variant("awrs", "awrs", "murthy"), 400, 3), task.exact)
    assert abs(exact.evidence) < 5 * exact.evidence_error
    assert exact.worst < 5
    assert exact.pooled < 2 * exact.limit
    bent = compare(groups_of(task, Variant("lcd", "lcd"), 400, 3), task.exact)
    assert math.isnan(bent.evidence)
    assert bent.pooled > 0.2
    assert bent.pooled > 2 * exact.pooled
    whole = compare(groups_of(task, Variant("rejection", "rejection"), 200, 3), task.exact)
    assert whole.dead == 0
    assert abs(whole.evidence) < 5 * whole.evidence_error


def test_the_exponent_is_that_of_the_small_biases() -> None:
    curve = [Bias(size, min(0.3, 0.4 / size), 1e-5) for size in (1, 2, 4, 16, 64, 256)]
    slope, error = exponent(curve)
    assert slope == pytest.approx(-1, abs=1e-3)
    assert error < 0.01
    assert math.isnan(exponent([Bias(1, 0.5, 0.01), Bias(2, 0.4, 0.01)])[0])


def test_curves_are_read_between_their_points_and_beyond() -> None:
    curve = [Point(2.0, 1.0, 0.0, 0), Point(8.0, 0.25, 0.0, 0)]
    assert at(curve, 4.0) == pytest.approx(0.5)
    assert at(curve, 2.0) == pytest.approx(1.0)
    assert at(curve, 9.0) == 0.25
    assert at(curve, 1.0) is None


def test_deviations_are_relative_to_the_allowed_mass() -> None:
    row = Row(np.log(np.array([0.5, 0.25, 0.25], dtype=np.float32)), np.array([True, False, True]))
    assert row.valid_mass == pytest.approx(0.75)
    exact = measure([row], Estimator("exact"), 500, 0)
    assert exact.deviation < 1e-5
    assert exact.checks == 0
    recursive = measure([row], Estimator("recursive"), 4000, 0)
    # Paths: (first allowed token, what is tested next); weights by Des Raj's formula, probabilities by hand.
    paths = [(0.5 + 0.5, 1 / 4), (0.5, 1 / 4), (0.25 + 0.75, 1 / 6), (0.25, 1 / 12), (0.75, 1 / 4)]
    mean = sum(weight * share for weight, share in paths)
    assert mean == pytest.approx(0.75)
    spread = math.sqrt(sum(share * (weight - mean) ** 2 for weight, share in paths))
    assert recursive.deviation == pytest.approx(spread / mean, rel=0.05)


@pytest.mark.parametrize("name", list(SYNTHETIC))
def test_synthetic_families_allow_something(name: str) -> None:
    for row in synthetic(name, 3, 1):
        assert 0 < row.valid_mass < 1
        assert row.logits.dtype == np.float32
