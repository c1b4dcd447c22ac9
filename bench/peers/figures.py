"""Means and percentiles of many timings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Figures:
    count: int
    mean: float
    p50: float
    p90: float
    p99: float
    max: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Figures:
        """Of at least one value; in the unit of the values."""
        array = np.asarray(values, dtype=np.float64)
        return cls(array.size, float(array.mean()), *(float(np.percentile(array, p)) for p in (50, 90, 99, 100)))
