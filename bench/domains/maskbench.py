"""Real schemas: how many compile, and what SmolLM2 writes under a random sample of those that do.

    python -m tamis.bench.domains.maskbench --schemas 200 --max-tokens 512

Every complete text is validated by the jsonschema package; one that is not valid makes the exit status 1.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import jsonschema
import typer
from rich.console import Console
from rich.progress import track

from ...engine import Engine
from ...grammars import Grammar, GrammarError, json_schema
from ..maskbench import DATA, Case, read_cases
from ..report import Report

PROMPT = "A JSON Schema:\n{schema}\n\nA short example document that matches it:\n"


def compiled_schemas(data: Path) -> tuple[list[tuple[Case, Grammar]], Counter[str], int]:
    """(schemas that compile with their grammars, reasons of the others, number of all)."""
    cases = read_cases(data)
    compiled, refused = [], Counter[str]()
    for case in track(cases, description="compiling", console=Console(stderr=True)):
        try:
            grammar = json_schema(case.schema)
            grammar.compile()
            compiled.append((case, grammar))
        except GrammarError as error:
            refused[error.message[:70]] += 1
    return compiled, refused, len(cases)


def main(
    schemas: Annotated[int, typer.Option(help="How many schemas to generate from.")] = 200,
    max_tokens: Annotated[int, typer.Option(help="Most tokens per text.")] = 512,
    seed: Annotated[int, typer.Option(help="Chooses the schemas and the samples.")] = 0,
    data: Annotated[Path, typer.Option(help="MaskBench as JSON lines: {name, schema, tests}.")] = DATA,
) -> None:
    """Compile all schemas, generate from a random sample, validate, and print the shares of each ending."""
    compiled, refused, total = compiled_schemas(data)
    command = f"python -m tamis.bench.domains.maskbench --schemas {schemas} --max-tokens {max_tokens} --seed {seed}"
    report = Report("maskbench", "MaskBench schemas: compiled, and generated from", command, ["what", "count"])
    report.add("schemas", total)
    report.add("compiled", len(compiled))
    for reason, count in refused.most_common(12):
        report.add(f"refused: {reason}", count)

    chosen = random.Random(seed).sample(compiled, min(schemas, len(compiled)))
    prompts = [PROMPT.format(schema=json.dumps(case.schema)[:1000]) for case, _ in chosen]
    with Engine(max_num_seqs=64, max_model_len=2048) as engine:
        results = engine.generate(prompts, [g for _, g in chosen], seed=seed, max_tokens=max_tokens, progress=True)
    endings: Counter[str] = Counter()
    invalid = []
    for (case, _), result in zip(chosen, results, strict=True):
        for sample in result.samples:
            endings[sample.finish_reason] += 1
            if sample.finish_reason == "stop" and not is_valid(case.schema, sample.text):
                invalid.append((case.name, sample.text))
    for ending in ("stop", "length", "dead"):
        report.add(f"finish_reason {ending}", f"{endings[ending]} ({endings[ending] / max(len(chosen), 1):.1%})")
    report.add("complete texts that jsonschema rejects", len(invalid))
    checks = sum(r.stats.checks for r in results) / max(sum(r.stats.tokens for r in results), 1)
    report.add("checks per token", checks)
    report.show()
    report.save()
    for name, text in invalid:
        print(f"INVALID {name}: {text!r}")
    raise typer.Exit(1 if invalid else 0)


def is_valid(schema: dict[str, Any], text: str) -> bool:
    """Whether the text is JSON that the schema accepts, formats asserted."""
    validator = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    return bool(validator(schema, format_checker=validator.FORMAT_CHECKER).is_valid(json.loads(text)))


if __name__ == "__main__":
    typer.run(main)
