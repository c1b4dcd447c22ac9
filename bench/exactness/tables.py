"""The tables of `python -m tamis.bench.exactness`, and what counts as a failure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..plot import line_plot
from ..report import Report
from . import llamas
from .distances import Comparison
from .single_runs import SIZES, Bias, exponent
from .variants import PARTICLES, VARIANTS, Task

# Deviations in standard errors: of evidences, over about 300 comparisons, and of single strings, over some 4,000.
EVIDENCE_LIMIT = 4.5
STRING_LIMIT = 5.0

# How far the exponent of the bias may be from -1, beyond 2.5 standard errors: 1/N is the leading term only.
EXPONENT_SLACK = 0.25


class Measurements:
    """What was found: a comparison for each task and variant, and a curve over group sizes for some grammars."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        """Nothing yet."""
        self.tasks = list(tasks)
        self.comparisons: dict[tuple[tuple[str, str], str], Comparison] = {}
        self.curves: dict[str, list[Bias]] = {}

    def of(self, variant: str) -> list[Comparison]:
        """A variant's comparisons over all tasks."""
        return [self.comparisons[task.name, variant] for task in self.tasks]


def report(found: Measurements, command: str, runs: int, *, plot: bool) -> tuple[Report, list[str]]:
    """The tables, and what failed."""
    columns = ["TV pooled, mean", "by chance, mean", "above the 95 % limit", "TV of one run, mean"]
    tables = Report(
        "exactness",
        "Samplers against exact enumeration",
        command,
        ["method", *columns, "worst evidence", "worst string"],
    )
    failures = _methods(found, tables, runs)
    _pooled(found, tables)
    _evidence(found, tables)
    failures += _single_runs(found, tables, plot=plot)
    return tables, failures


def _methods(found: Measurements, tables: Report, runs: int) -> list[str]:
    failures = []
    for variant in VARIANTS:
        some = found.of(variant.name)
        deviations = [abs(c.evidence) / c.evidence_error for c in some if c.evidence_error > 0]
        worst = max(deviations) if variant.estimates else math.nan
        string = max(c.worst for c in some)
        tables.add(
            variant.name,
            f"{np.mean([c.pooled for c in some]):.4f}",
            f"{np.mean([c.chance for c in some]):.4f}",
            f"{sum(c.pooled > c.limit for c in some)} of {len(some)}",
            f"{np.mean([c.single for c in some]):.3f}",
            f"{worst:.1f} s.e." if variant.estimates else "-",
            f"{string:.1f} s.e." if variant.weighted else "-",
        )
        if variant.estimates and worst > EVIDENCE_LIMIT:
            failures.append(f"{variant.name}: an evidence is {worst:.1f} standard errors off")
        if variant.weighted and string > STRING_LIMIT:
            failures.append(f"{variant.name}: a string's mass is {string:.1f} standard errors off")
    strings = sum(mass > task.evidence / 50 for task in found.tasks for mass in task.exact.values())
    tables.note(
        f"{len(found.tasks)} pairs of a model and a grammar, {runs} groups of {PARTICLES} particles each, at most "
        f"{llamas.MAX_TOKENS} tokens. TV: total variation to the exact posterior over token sequences, of all groups "
        "pooled by their evidence; by chance: what it would be on average if every string's mass were unbiased and "
        "came in portions as large as those seen, and the limit that 5 % of such pools exceed. TV of one run: of the "
        "distribution that the normalised weights of one run follow, averaged over runs. Worst evidence, worst string: "
        f"the largest of all deviations from the exact value, in standard errors, over {len(found.tasks)} evidences "
        f"and those of {strings:,} strings that hold 2 % of it or more. lcd and base do not weigh their strings."
    )
    return failures


def _pooled(found: Measurements, tables: Report) -> None:
    tables.section(
        "Total variation of the pooled runs",
        ["model", "grammar", "strings", "evidence", *(variant.name for variant in VARIANTS)],
    )
    for task in found.tasks:
        some = [found.comparisons[task.name, variant.name] for variant in VARIANTS]
        cells = [f"{comparison.pooled:.3f} ({comparison.limit:.3f})" for comparison in some]
        tables.add(*task.name, len(task.exact), f"{task.evidence:.2g}", *cells)
    tables.note("In brackets: the limit that 5 % of unbiased pools exceed.")


def _evidence(found: Measurements, tables: Report) -> None:
    variants = [variant for variant in VARIANTS if variant.estimates]
    tables.section("Relative bias of the evidence", ["model", "grammar", *(variant.name for variant in variants)])
    for task in found.tasks:
        some = [found.comparisons[task.name, variant.name] for variant in variants]
        cells = [f"{comparison.evidence:+.3f} ± {1.96 * comparison.evidence_error:.3f}" for comparison in some]
        tables.add(*task.name, *cells)
    tables.note("± is 1.96 standard errors.")


def _single_runs(found: Measurements, tables: Report, *, plot: bool) -> list[str]:
    failures = []
    tables.section(
        "Bias of one run against the number of particles (awrs, model mild2)",
        ["grammar", *map(str, SIZES), "exponent"],
    )
    for grammar, curve in found.curves.items():
        slope, error = exponent(curve)
        cells = [f"{point.bias:+.4f} ± {1.96 * point.error:.4f}" for point in curve]
        tables.add(grammar, *cells, f"{slope:.2f} ± {1.96 * error:.2f}")
        if not abs(slope + 1) < 2.5 * error + EXPONENT_SLACK:
            failures.append(f"{grammar}: the bias of one run falls as N^{slope:.2f}")
    tables.note(
        "Of the posterior share of those strings that one particle alone over-represents: the total variation for one "
        "particle, and a lower bound of it for more. The exponent is fitted where the bias is below 0.03: 1/N is its "
        "leading term, and where few particles stand for the posterior it falls more slowly, then faster. Runs in "
        "which no particle is left count in none. ± is 1.96 standard errors."
    )
    if plot:
        # An error bar that reaches 0 cannot be drawn on a logarithmic axis.
        lines = {
            grammar: [point for point in curve if point.bias > 2 * point.error]
            for grammar, curve in found.curves.items()
        }
        line_plot(
            "exactness",
            {
                grammar: ([p.size for p in points], [p.bias for p in points], [1.96 * p.error for p in points])
                for grammar, points in lines.items()
            },
            x="particles N",
            y="bias of one run",
            guide=("1/N", SIZES, [1 / size for size in SIZES]),
        )
        tables.note("![The bias of one run against the number of particles](exactness.svg)")
    return failures
