"""Counter-based random numbers: every draw is a pure function of (seed, request, particle, step, draw).

Threefry-2x64 with 20 rounds (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
The key is (seed, request), the counter (particle and step, stream and draw), so no two draws ever share a block
and nothing has to be remembered between steps.
"""

import numpy as np
from numpy.typing import NDArray

from .kernel import kernel

_ROTATIONS = np.array([16, 42, 12, 31, 16, 32, 24, 21], dtype=np.uint64)
_PARITY = np.uint64(0x1BD11BDAA9FC1A22)
_WORD = 0xFFFFFFFFFFFFFFFF

GROUP = 0xFFFFFFFF
"""The particle number under which a group of particles draws for itself (resampling)."""

ORDER_STREAM = 0
ESTIMATOR_STREAM = 1
NOISE_STREAM = 2
RESAMPLING_STREAM = 3


@kernel
def threefry2x64(
    key0: np.uint64, key1: np.uint64, counter0: np.uint64, counter1: np.uint64
) -> tuple[np.uint64, np.uint64]:
    """The two 64-bit words of block (counter0, counter1) under (key0, key1)."""
    key2 = _PARITY ^ key0 ^ key1
    x0 = counter0 + key0
    x1 = counter1 + key1
    for round_ in range(20):
        rotation = _ROTATIONS[round_ & 7]
        x0 = x0 + x1
        x1 = (x1 << rotation) | (x1 >> (np.uint64(64) - rotation))
        x1 = x1 ^ x0
        if round_ & 3 == 3:
            injection = (round_ >> 2) + 1
            phase = injection % 3
            if phase == 0:
                x0 = x0 + key0
                x1 = x1 + key1
            elif phase == 1:
                x0 = x0 + key1
                x1 = x1 + key2
            else:
                x0 = x0 + key2
                x1 = x1 + key0
            x1 = x1 + np.uint64(injection)
    return x0, x1


@kernel
def to_uniform(word: np.uint64) -> float:
    """The top 53 bits of `word` as a number in the open interval (0, 1)."""
    # The one value 0 is moved to half a step; adding half a step to all of them would round the largest up to 1.
    return max(np.float64(word >> np.uint64(11)), 0.5) * 1.1102230246251565e-16


@kernel
def uniform_pair(key: NDArray[np.uint64], stream: int, draw: int) -> tuple[float, float]:
    """Two uniforms in (0, 1): draw number `draw` of `stream` under `key` = (seed, request, particle and step)."""
    counter = (np.uint64(stream) << np.uint64(56)) | np.uint64(draw)
    word0, word1 = threefry2x64(key[0], key[1], key[2], counter)
    return to_uniform(word0), to_uniform(word1)


@kernel
def fill_uniforms(key: NDArray[np.uint64], stream: int, out: NDArray[np.float64]) -> None:
    """Fill `out` (N,) with the first N uniforms of `stream` under `key`."""
    for draw in range(out.size):
        out[draw] = uniform_pair(key, stream, draw)[0]


@kernel
def first_words(keys: NDArray[np.uint64], stream: int) -> NDArray[np.uint64]:
    """Word 0 of block 0 of `stream` for each of the keys (R, 3): seeds for a generator that runs elsewhere."""
    out = np.empty(keys.shape[0], dtype=np.uint64)
    for row in range(keys.shape[0]):
        counter = np.uint64(stream) << np.uint64(56)
        out[row] = threefry2x64(keys[row, 0], keys[row, 1], keys[row, 2], counter)[0]
    return out


def key_words(seed: int, request: int, particle: int, step: int) -> tuple[int, int, int]:
    """The three key words of one (seed, request, particle, step).

    Seeds and requests are taken modulo 2**64, particles and steps modulo 2**32.
    """
    return seed & _WORD, request & _WORD, ((particle & 0xFFFFFFFF) << 32) | (step & 0xFFFFFFFF)


def make_key(seed: int, request: int, particle: int, step: int) -> NDArray[np.uint64]:
    """`key_words` as the (3,) uint64 array that the kernels take."""
    return np.array(key_words(seed, request, particle, step), dtype=np.uint64)
