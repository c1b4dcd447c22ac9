"""One engine and one report for all benchmarks of a run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tamis.bench.report import Report
from tamis.engine import Engine


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    with Engine(max_num_seqs=64, max_model_len=2048) as loaded:
        yield loaded


@pytest.fixture(scope="session")
def report() -> Iterator[Report]:
    made = Report(
        "overhead",
        "Cost of AWRS and SMC beside the same engine unconstrained",
        "make bench-overhead",
        ["what", "measured", "beside", "ratio", "goal"],
    )
    yield made
    made.show()
    made.save()
