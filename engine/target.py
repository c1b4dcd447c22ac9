"""The target row: temperature and truncation, and the float32 weights that the samplers draw from."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from .kernel import kernel, sum_kernel

BLOCK = 256
"""Tokens per block sum: long enough for vector registers, short enough to rescan after each draw."""

MIN_TEMPERATURE = 1e-6

_LOG2_E = np.float32(1.4426950408889634)
_LN2_HIGH = np.float32(0.693145751953125)
_LN2_LOW = np.float32(1.4286068203094172e-06)
_UNDERFLOW = np.float32(-87.0)
_SMALLEST = 1.1754943508222875e-38
_BIN_SHIFT = 18
_BINS = (0x3F800000 >> _BIN_SHIFT) + 1


@dataclass(frozen=True, slots=True)
class Target:
    """What a model's row of logits is turned into before the constraint: p(x) of the design.

    Order of application: temperature, min_p, top_k, top_p (as in vLLM). All three truncations keep the tokens
    above a threshold of probability; tokens that tie with the last one kept are kept too, so the set does not
    depend on token ids.

    temperature: 0 (greedy over the allowed tokens; weights are then undefined), or at least 1e-6.
    top_p: keep the smallest set of most probable tokens whose mass reaches top_p; 1 keeps all.
    top_k: keep the top_k most probable tokens; 0 keeps all.
    min_p: keep tokens at least min_p times as probable as the most probable one; 0 keeps all.
    Raises ValueError that names the field and its range.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        finite = math.isfinite(self.temperature)
        if not finite or self.temperature < 0 or 0 < self.temperature < MIN_TEMPERATURE:
            raise ValueError(
                f"temperature must be 0 (greedy) or a finite number of at least {MIN_TEMPERATURE}, "
                f"got {self.temperature!r}"
            )
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must lie in (0, 1], got {self.top_p!r}")
        if isinstance(self.top_k, bool) or not isinstance(self.top_k, int) or self.top_k < 0:
            raise ValueError(f"top_k must be an integer of at least 0 (0 keeps all tokens), got {self.top_k!r}")
        if not 0 <= self.min_p <= 1:
            raise ValueError(f"min_p must lie in [0, 1], got {self.min_p!r}")

    @property
    def greedy(self) -> bool:
        """Whether the most probable allowed token is always taken."""
        return self.temperature == 0

    @property
    def truncates(self) -> bool:
        """Whether any token may lose its probability."""
        return self.top_p < 1 or self.top_k > 0 or self.min_p > 0


@intrinsic  # type: ignore[untyped-decorator]
def _float_from_bits(typing_context: Any, bits: Any) -> Any:
    """Reinterpret an int32 as the float32 with the same bits; unlike an array view it stays in vector registers."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.float32))

    return types.float32(types.int32), generate


@kernel
def _exp(x: np.float32) -> np.float32:
    """exp(x) for x <= 0 in float32, relative error below 3e-7; 0 below -87, NaN for NaN. Vectorises."""
    clamped = _UNDERFLOW if x < _UNDERFLOW else x
    exponent = np.int32(clamped * _LOG2_E - np.float32(0.5))
    n = np.float32(exponent)
    f = (clamped - n * _LN2_HIGH) - n * _LN2_LOW
    y = np.float32(1 / 5040)
    y = y * f + np.float32(1 / 720)
    y = y * f + np.float32(1 / 120)
    y = y * f + np.float32(1 / 24)
    y = y * f + np.float32(1 / 6)
    y = y * f + np.float32(0.5)
    y = y * f + np.float32(1)
    y = y * f + np.float32(1)
    y = y * _float_from_bits(np.int32(exponent + np.int32(127)) << np.int32(23))
    return np.float32(0) if x < _UNDERFLOW else y


@sum_kernel
def _maximum_bits(bits: NDArray[np.int32]) -> np.int32:
    """The bits of the largest float32 in a row given as bits; as integers, so that the loop vectorises."""
    best = np.int32(-0x80000000)
    for i in range(bits.size):
        key = bits[i] ^ ((bits[i] >> np.int32(31)) & np.int32(0x7FFFFFFF))
        best = max(best, key)
    return best ^ ((best >> np.int32(31)) & np.int32(0x7FFFFFFF))


@sum_kernel
def _weigh_block(
    logits: NDArray[np.float32], maximum: np.float32, inverse_temperature: np.float32, weights: NDArray[np.float32]
) -> float:
    """Write exp((logit - maximum) / temperature) of one block; the float64 sum."""
    total = 0.0
    for i in range(logits.size):
        weight = _exp((logits[i] - maximum) * inverse_temperature)
        weights[i] = weight
        total += np.float64(weight)
    return total


@sum_kernel
def block_sum(weights: NDArray[np.float32]) -> float:
    """The float64 sum of a block of float32 weights."""
    total = 0.0
    for i in range(weights.size):
        total += np.float64(weights[i])
    return total


@sum_kernel
def sum_blocks(block_sums: NDArray[np.float64]) -> float:
    """The sum of a row of block sums."""
    total = 0.0
    for i in range(block_sums.size):
        total += block_sums[i]
    return total


@kernel
def weigh_row(
    logits: NDArray[np.float32],
    bits: NDArray[np.int32],
    inverse_temperature: np.float32,
    weights: NDArray[np.float32],
    block_sums: NDArray[np.float64],
) -> tuple[float, float]:
    """Weights exp((logit - maximum) / temperature) of a row (V,) and its block sums (ceil(V / BLOCK),).

    `bits` is the same memory as `logits`, seen as int32. Returns the largest logit and the sum of all weights;
    the sum is NaN if a logit is NaN or +inf, or if all are -inf.
    """
    key = np.empty(1, dtype=np.int32)
    key[0] = _maximum_bits(bits)
    maximum = key.view(np.float32)[0]
    for block in range(block_sums.size):
        low = block * BLOCK
        high = min(low + BLOCK, logits.size)
        block_sums[block] = _weigh_block(logits[low:high], maximum, inverse_temperature, weights[low:high])
    return maximum, sum_blocks(block_sums)


@kernel
def _bin(bits: np.int32) -> int:
    """Histogram bin of a weight in [0, 1] given as bits: sign, exponent and the leading 5 bits of the fraction."""
    return int(bits >> np.int32(_BIN_SHIFT))


@kernel
def _members(values: NDArray[np.float32], bits: NDArray[np.int32], bin_: int, floor: float) -> NDArray[np.float32]:
    """The values of one bin that are at least `floor`, in descending order."""
    members = np.empty(values.size, dtype=np.float32)
    count = 0
    for i in range(values.size):
        if _bin(bits[i]) == bin_ and values[i] >= floor:
            members[count] = -values[i]
            count += 1
    members[:count].sort()
    return -members[:count]


@kernel
def _survivors(
    weights: NDArray[np.float32], total: float, top_k: int, top_p: float, min_p: float
) -> NDArray[np.float32]:
    """The weights that bounds cannot tell to be truncated, in any order.

    The top_k-th largest block maximum bounds the top_k-th largest weight from below. All weights below
    (1 - top_p) total / V together weigh less than top_p cuts off, provided that it is the only truncation.
    """
    blocks = weights.size // BLOCK
    floor = max(min_p, _SMALLEST)
    if 0 < top_k <= blocks:
        bits = weights.view(np.int32)
        maxima = np.empty(blocks, dtype=np.int32)
        for block in range(blocks):
            maxima[block] = _maximum_bits(bits[block * BLOCK : (block + 1) * BLOCK])
        maxima.sort()
        floor = max(floor, np.float64(maxima.view(np.float32)[blocks - top_k]))
    elif top_k == 0 and min_p == 0 and top_p < 1:
        # Halved, so that rounding of the total cannot matter.
        floor = max(floor, 0.5 * (1 - top_p) * total / weights.size)
    bound = np.float32(floor)
    survivors = np.empty(weights.size, dtype=np.float32)
    count = 0
    for i in range(weights.size):
        survivors[count] = weights[i]
        count += weights[i] >= bound
    return survivors[:count]


@kernel
def truncation_threshold(weights: NDArray[np.float32], total: float, top_k: int, top_p: float, min_p: float) -> float:
    """The smallest weight that survives min_p, then top_k, then top_p.

    weights (V,) lie in [0, 1], the largest is 1; `total` is their sum. Bounds thin the row out, a histogram over the
    leading bits of the rest finds the bin of the threshold, only that bin is sorted: O(V) for any row.
    """
    floor = max(min_p, _SMALLEST)
    values = _survivors(weights, total, top_k, top_p, min_p)
    bits = values.view(np.int32)
    counts = np.zeros(_BINS, dtype=np.int64)
    masses = np.zeros(_BINS, dtype=np.float64)
    for i in range(values.size):
        if values[i] >= floor:
            bin_ = _bin(bits[i])
            counts[bin_] += 1
            masses[bin_] += values[i]
    if 0 < top_k <= counts.sum():
        above = 0
        bin_ = _BINS - 1
        while above + counts[bin_] < top_k:
            above += counts[bin_]
            bin_ -= 1
        members = _members(values, bits, bin_, floor)
        floor = np.float64(members[top_k - above - 1])
        # Tokens that tie with the last one kept stay; the rest of the bin and all lower bins are gone.
        counts[bin_] = 0
        masses[bin_] = 0.0
        for member in members:
            if member >= floor:
                counts[bin_] += 1
                masses[bin_] += member
        counts[:bin_] = 0
        masses[:bin_] = 0.0
    if top_p < 1:
        goal = top_p * (total if top_k == 0 and min_p == 0 else masses.sum())
        mass = 0.0
        bin_ = _BINS - 1
        lowest = 0
        while counts[lowest] == 0:
            lowest += 1
        while bin_ > lowest and mass + masses[bin_] < goal:
            mass += masses[bin_]
            bin_ -= 1
        for member in _members(values, bits, bin_, floor):
            floor = np.float64(member)
            mass += floor
            if mass >= goal:
                break
    return floor


@kernel
def truncate_row(weights: NDArray[np.float32], block_sums: NDArray[np.float64], threshold: float) -> float:
    """Set weights (V,) below `threshold` to 0, renew the block sums; the sum of what is left."""
    for block in range(block_sums.size):
        part = weights[block * BLOCK : min((block + 1) * BLOCK, weights.size)]
        for i in range(part.size):
            if part[i] < threshold:
                part[i] = np.float32(0)
        block_sums[block] = block_sum(part)
    return sum_blocks(block_sums)
