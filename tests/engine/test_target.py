"""Target rows: float32 weights against float64 arithmetic, truncation against plain sorting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tamis.bench.exactness.enumeration import truncated
from tamis.engine.target import BLOCK, Target, truncate_row, truncation_threshold, weigh_row


def weigh(logits, temperature=1.0):
    logits = np.ascontiguousarray(logits, dtype=np.float32)
    weights = np.empty_like(logits)
    sums = np.empty(-(-logits.size // BLOCK))
    maximum, total = weigh_row(logits, logits.view(np.int32), np.float32(1 / temperature), weights, sums)
    return weights, sums, maximum, total


@pytest.mark.parametrize("size", [1, 7, BLOCK, BLOCK + 1, 5000])
@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_weights_match_float64(size, temperature):
    logits = np.random.default_rng(size).normal(scale=5, size=size).astype(np.float32)
    weights, sums, maximum, total = weigh(logits, temperature)
    scaled = (logits.astype(np.float64) - logits.max()) / temperature
    exact = np.exp(scaled)
    assert maximum == logits.max()
    # float32 rounds the exponent to a relative 2^-24 and the result again; the polynomial adds less than 1e-7.
    # Below exp(-87) = 1.65e-38 weights are 0.
    np.testing.assert_allclose(weights, exact, rtol=2e-7 + 1.2e-7 * (1 + np.abs(scaled).max()), atol=1.7e-38)
    np.testing.assert_allclose(total, weights.astype(np.float64).sum(), rtol=1e-12)
    np.testing.assert_allclose(sums.sum(), total, rtol=1e-12)


def test_far_tokens_and_minus_infinity_weigh_nothing():
    weights, _, _, total = weigh([0.0, -86.0, -88.0, -1e30, -np.inf])
    assert weights[0] == 1
    assert weights[1] > 0
    assert not weights[2:].any()
    assert total == pytest.approx(1)


@pytest.mark.parametrize("bad", [np.nan, -np.nan, np.inf])
@pytest.mark.parametrize("place", [0, 300, 599])
def test_bad_logits_make_the_total_nan(bad, place):
    logits = np.zeros(600)
    logits[place] = bad
    assert np.isnan(weigh(logits)[3])


def test_a_row_of_minus_infinity_makes_the_total_nan():
    assert np.isnan(weigh(np.full(300, -np.inf))[3])


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.one_of(st.integers(1, 700), st.integers(5000, 9000)),
    top_k=st.integers(0, 30),
    top_p=st.floats(0.01, 1.0),
    min_p=st.sampled_from([0.0, 1e-3, 0.1, 1.0]),
    coarse=st.booleans(),
)
def test_truncation_matches_sorting(seed, size, top_k, top_p, min_p, coarse):
    logits = np.random.default_rng(seed).normal(scale=3, size=size)
    if coarse:
        logits = np.round(logits)
    weights, sums, _, total = weigh(logits)
    exact = weights.astype(np.float64)
    target = Target(top_p=top_p, top_k=top_k, min_p=float(np.float32(min_p)))
    expected = truncated(exact / total, target) > 0
    left = truncate_row(weights, sums, truncation_threshold(weights, total, target.top_k, target.top_p, target.min_p))
    kept = weights > 0
    np.testing.assert_allclose(left, exact[kept].sum(), rtol=1e-12)
    # Where the cumulated mass meets top_p to the last digit, either side of the edge is right.
    if not np.array_equal(kept, expected):
        cumulated = np.cumsum(np.sort(exact)[::-1]) / total
        assert np.abs(cumulated[:, None] - top_p * cumulated[None, :]).min() < 1e-12


@pytest.mark.parametrize("top_k", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("min_p", [0.0, 1e-4, 0.5])
def test_top_k_with_as_many_peaks_as_blocks(top_k, min_p):
    logits = np.full(4 * BLOCK, -8.0)
    logits[[5, BLOCK + 1, 2 * BLOCK, 4 * BLOCK - 1]] = [0.0, -0.5, -1.0, -1.5]
    weights, sums, _, total = weigh(logits)
    truncate_row(weights, sums, truncation_threshold(weights, total, top_k, 1.0, min_p))
    peaks = 2 if min_p == 0.5 else 4
    # The fifth most probable token ties with all the rest.
    assert np.count_nonzero(weights) == (min(top_k, peaks) if top_k < 5 or min_p == 0.5 else logits.size)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", float("nan")),
        ("temperature", -0.1),
        ("temperature", float("inf")),
        ("temperature", 1e-9),
        ("top_p", 0.0),
        ("top_p", 1.1),
        ("top_p", float("nan")),
        ("top_k", -1),
        ("top_k", 1.5),
        ("top_k", True),
        ("min_p", -0.1),
        ("min_p", 2.0),
        ("min_p", float("nan")),
    ],
)
def test_values_out_of_range_are_refused_by_name(field, value):
    with pytest.raises(ValueError, match=field):
        Target(**{field: value})
