"""A result as a table for people."""

from __future__ import annotations

import json
import math
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...grammars import Grammar
from ..result import Result, Sample

NOT_COMPLETE = {"length": "cut at max_tokens", "dead": "no token was allowed"}


def print_result(result: Result, constraint: Grammar | None) -> None:
    """Samples by weight, then evidence, effective sample size and cost.

    Complete samples of a JSON Schema are validated by the jsonschema package, too, and the table says so.
    """
    validator = _validator(constraint)
    table = Table(title=f"{len(result.samples)} samples", show_lines=True)
    table.add_column("weight", justify="right")
    table.add_column("log weight", justify="right")
    table.add_column("end")
    if result.method == "base":
        table.add_column("accepted")
    table.add_column("tokens", justify="right")
    if validator is not None:
        table.add_column("jsonschema")
    table.add_column("text", overflow="fold", ratio=1)
    for sample in sorted(result.samples, key=lambda s: -s.weight):
        row = [
            f"{sample.weight:.4f}" if result.weights_defined else "-",
            f"{sample.log_weight:.2f}" if result.weights_defined else "-",
            sample.finish_reason,
            *(["yes" if sample.accepted else "no"] if result.method == "base" else []),
            str(len(sample.token_ids)),
        ]
        if validator is not None:
            row.append(_verdict(validator, sample))
        shown = sample.text if validator is None else " ".join(sample.text.split())
        if sample.finish_reason in ("stop", "forced"):
            table.add_row(*row, Text(shown))
        else:
            table.add_row(*row, Text(shown + " ...", style="dim"), style="dim")
    if validator is not None:
        table.caption = (
            "white space is folded here (--json prints exact texts); equal rows are copies made by resampling"
        )
    console = Console()
    console.print(table)
    stats = result.stats
    summary = Table(show_header=False, box=None)
    evidence = "not estimated" if math.isnan(result.log_evidence) else f"{result.log_evidence:.2f}"
    summary.add_row("log evidence", evidence)
    summary.add_row("effective sample size", f"{result.ess:.2f} of {len(result.samples)}")
    summary.add_row("checks per token", f"{stats.checks_per_token:.2f}")
    summary.add_row("exact weights", f"{stats.exact} of {stats.tokens} tokens")
    summary.add_row("resamplings", f"{stats.resamplings} ({stats.forks} forks)")
    summary.add_row("tokens per second", f"{stats.tokens / max(stats.seconds, 1e-9):.0f}")
    summary.add_row("seconds", f"{stats.seconds:.1f}")
    if stats.truncation_lifted:
        summary.add_row(
            "note", "truncation (top-k, top-p, min-p) left no allowed token at least once and was lifted there"
        )
    if stats.unfinished:
        summary.add_row("note", f"samples given up early held {100 * stats.unfinished:.1f} % of the weight")
    if stats.failures:
        summary.add_row("note", f"{stats.failures} particles were lost because a predicate failed")
    if result.text is None:
        summary.add_row("result", f"no sample is complete: {NOT_COMPLETE[result.status]}")
    console.print(summary)


def _validator(constraint: Grammar | None) -> Any:
    if constraint is None or constraint.kind != "json_schema":
        return None
    import jsonschema

    schema = json.loads(constraint.source)
    return jsonschema.validators.validator_for(schema)(schema)


def _verdict(validator: Any, sample: Sample) -> str:
    if sample.finish_reason not in ("stop", "forced"):
        return "-"
    try:
        return "valid" if validator.is_valid(json.loads(sample.text)) else "INVALID"
    except ValueError:  # method "base" writes what it likes
        return "no JSON"
