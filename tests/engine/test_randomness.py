"""The counter-based generator: published answers, the open interval, and keys that do not collide."""

import numpy as np
import pytest
from scipy import stats
from tamis.engine.randomness import (
    GROUP,
    ORDER_STREAM,
    RESAMPLING_STREAM,
    fill_uniforms,
    key_words,
    make_key,
    threefry2x64,
    to_uniform,
    uniform_pair,
)

ONES = 2**64 - 1

# kat_vectors of Random123, threefry2x64 with 20 rounds: counter, key, expected.
KNOWN_ANSWERS = [
    ((0, 0), (0, 0), (0xC2B6E3A8C2C69865, 0x6F81ED42F350084D)),
    ((ONES, ONES), (ONES, ONES), (0xE02CB7C4D95D277A, 0xD06633D0893B8B68)),
    (
        (0x243F6A8885A308D3, 0x13198A2E03707344),
        (0xA4093822299F31D0, 0x082EFA98EC4E6C89),
        (0x263C7D30BB0F0AF1, 0x56BE8361D3311526),
    ),
]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN_ANSWERS)
def test_threefry_known_answers(counter, key, expected):
    words = threefry2x64(*(np.uint64(word) for word in (*key, *counter)))
    assert tuple(int(word) for word in words) == expected


def test_uniforms_stay_inside_the_open_interval():
    assert 0 < to_uniform(np.uint64(0)) < 2.0**-53
    assert to_uniform(np.uint64(1 << 11)) == 2.0**-53
    assert to_uniform(np.uint64(ONES)) == 1 - 2.0**-53


def test_uniforms_are_uniform_over_draws_particles_and_steps():
    draws = np.empty(20000)
    fill_uniforms(make_key(1, 2, 3, 4), RESAMPLING_STREAM, draws)
    particles = np.array([uniform_pair(make_key(1, 2, particle, 4), ORDER_STREAM, 0)[0] for particle in range(5000)])
    steps = np.array([uniform_pair(make_key(1, 2, 3, step), ORDER_STREAM, 0) for step in range(5000)])
    for sample in (draws, particles, steps[:, 0], steps[:, 1]):
        assert stats.kstest(sample, "uniform").pvalue > 1e-4
    assert abs(np.corrcoef(steps.T)[0, 1]) < 5 / np.sqrt(5000)


def test_every_part_of_the_key_counts():
    keys = {
        key_words(*key)
        for key in [
            (0, 0, 0, 0),
            (1, 0, 0, 0),
            (0, 1, 0, 0),
            (0, 0, 1, 0),
            (0, 0, 0, 1),
            (-1, 0, 0, 0),
            (0, 0, GROUP, 0),
        ]
    }
    assert len(keys) == 7
    values = {
        uniform_pair(np.array(key, dtype=np.uint64), stream, draw)
        for key in keys
        for stream in range(4)
        for draw in range(3)
    }
    assert len(values) == 7 * 4 * 3
