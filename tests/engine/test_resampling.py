"""Resampling schemes: unbiased, nothing of weight zero survives, survivors keep their slots."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tamis.engine.resampling import SCHEMES, ancestors, ancestors_of, copies

WEIGHTS = np.array([0.0, 0.05, 0.4, 0.0, 0.13, 0.07, 0.3, 0.05, 0.0])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_expected_copies_are_proportional_to_weights(scheme):
    rng = np.random.default_rng(0)
    runs = 20000
    counts = np.array([copies(scheme, WEIGHTS * 3.7, rng.random(WEIGHTS.size)) for _ in range(runs)])
    expected = WEIGHTS.size * WEIGHTS / WEIGHTS.sum()
    error = counts.std(axis=0) / np.sqrt(runs)
    assert (np.abs(counts.mean(axis=0) - expected) <= 5 * error + 1e-12).all()


@pytest.mark.parametrize("scheme", SCHEMES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_counts_and_slots(scheme, data):
    size = data.draw(st.integers(1, 40))
    weights = np.array(
        data.draw(st.lists(st.sampled_from([0.0, 1e-300, 1e-9, 0.3, 1.0, 7.0]), min_size=size, max_size=size))
    )
    uniforms = np.array(
        data.draw(st.lists(st.floats(2.0**-54, 1 - 2.0**-53), min_size=size, max_size=size)), dtype=np.float64
    )
    if not weights.any():
        weights[size // 2] = 1.0
    counts = copies(scheme, weights, uniforms)
    assert counts.sum() == size
    assert not counts[weights == 0].any()
    if scheme in ("systematic", "residual"):
        floor = np.floor(size * weights / weights.sum() * (1 - 1e-12))
        assert (counts >= floor).all()
    chosen = ancestors(scheme, weights, uniforms)
    np.testing.assert_array_equal(np.bincount(chosen, minlength=size), counts)
    survivors = counts > 0
    np.testing.assert_array_equal(chosen[survivors], np.flatnonzero(survivors))
    assert (np.diff(chosen[~survivors]) >= 0).all()


def test_ancestors_of_known_counts():
    np.testing.assert_array_equal(ancestors_of(np.array([0, 3, 0, 1, 0, 2])), [1, 1, 1, 3, 5, 5])
    np.testing.assert_array_equal(ancestors_of(np.array([1, 1, 1])), [0, 1, 2])
    np.testing.assert_array_equal(ancestors_of(np.array([4, 0, 0, 0])), [0, 0, 0, 0])


@pytest.mark.parametrize(
    ("weights", "problem"),
    [
        ([0.0, 0.0], "not all 0"),
        ([1.0, -1.0], "at least 0"),
        ([np.nan, 1.0], "finite"),
        ([], "need N"),
        ([1.0], "need N"),
    ],
)
def test_bad_weights_are_refused(weights, problem):
    with pytest.raises(ValueError, match=problem):
        copies("systematic", np.array(weights), np.full(2, 0.5) if weights else np.empty(0))


def test_unknown_schemes_are_refused_by_name():
    with pytest.raises(ValueError, match="unknown resampling scheme 'systemic'"):
        copies("systemic", np.ones(2), np.full(2, 0.5))
