"""Throughput, validity and distance to the exact posterior beside vLLM's structured outputs.

    make bench-structured

The same weights, prompts and schema; n requests at once; batches of one engine after the other, in turn.  The exit
status is 1 where tamis with one particle is slower than a backend (median of the pairs' ratios), where a text that it
calls accepted is not valid, or where it is not closer to the posterior than token masking is.
"""

from __future__ import annotations

import contextlib
import json
import math
import statistics
from pathlib import Path
from typing import Annotated, Any

import jsonschema
import typer
from rich.progress import Progress

from ...engine.models import DEFAULT_MODEL, resolve_model
from ..report import Report
from .cities import CITIES, MAX_TOKENS, PATTERN, PROMPT, exact, total_variation, weighted
from .sides import Batch, Job, Side, tamis_side, vllm_side

_EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
_BACKENDS = ("xgrammar", "guidance")
_SIZES = (1, 8, 32)
_KITCHENS = ("Italian", "Indian", "Mexican", "Thai", "French", "Greek", "Turkish", "Polish")


def _prompts(count: int) -> list[list[dict[str, str]]]:
    text = (_EXAMPLES / "dish.prompt.txt").read_text().strip()
    return [
        [{"role": "user", "content": f"{text} Let it be {_KITCHENS[i % len(_KITCHENS)]}, number {i}."}]
        for i in range(count)
    ]


def _valid(batch: Batch, schema: Any) -> tuple[int, int]:
    """Complete texts, and how many of them are valid."""
    validator = jsonschema.Draft202012Validator(schema)
    complete = [one.text for drawn in batch.drawn for one in drawn if one.complete]
    valid = 0
    for text in complete:
        with contextlib.suppress(ValueError):
            valid += validator.is_valid(json.loads(text))
    return len(complete), valid


def main(
    rounds: Annotated[int, typer.Option(help="Batches per engine and number of requests.")] = 5,
    max_tokens: Annotated[int, typer.Option(help="Per text, of the throughput.")] = 160,
    texts: Annotated[int, typer.Option(help="Drawn per engine for the distance.")] = 512,
    dtype: Annotated[str, typer.Option(help="Of all engines.")] = "bfloat16",
    seed: Annotated[int, typer.Option(help="Of the first round; counts up.")] = 0,
    save: Annotated[bool, typer.Option(help="Write docs/results/structured.md.")] = True,
) -> None:
    """Measure, print the tables, and fail where a bound is missed."""
    schema = json.loads((_EXAMPLES / "dish.schema.json").read_text())
    options = {"dtype": dtype, "max_model_len": 512, "max_num_seqs": 64}
    report = Report(
        "structured",
        "Beside vLLM's structured outputs: tokens per second",
        f"make bench-structured (python -m tamis.bench.structured --rounds {rounds} --max-tokens {max_tokens} "
        f"--texts {texts} --dtype {dtype} --seed {seed})",
        ["requests at once", "engine", "tokens per second", "tamis / it", "least and most", "complete", "valid"],
    )
    failures: list[str] = []
    sides: list[Side] = []
    try:
        with Progress() as progress:
            bar = progress.add_task("engines", total=len(_BACKENDS) + 1)
            sides.append(Side("tamis", tamis_side, options))
            progress.advance(bar)
            for backend in _BACKENDS:
                sides.append(Side(f"vLLM, {backend}", vllm_side, backend, options))
                progress.advance(bar)
            bar = progress.add_task("throughput", total=(rounds + 1) * len(_SIZES) * len(sides))
            for size in _SIZES:
                batches: dict[str, list[Batch]] = {side.name: [] for side in sides}
                for number in range(-1, rounds):  # the first is to warm up
                    for side in sides:
                        job = Job(_prompts(size), "json_schema", schema, max_tokens, seed + number + 1)
                        batches[side.name].append(side.run(job))
                        progress.advance(bar)
                _throughput(report, failures, size, batches, schema)
            report.note(
                f"Medians over {rounds} batches per engine, in turn, after one to warm up; dtype {dtype}; tamis with "
                "one particle per request, vLLM at temperature 1; a process per engine. Texts that end at the limit of "
                f"{max_tokens} tokens are not complete; validity is jsonschema's verdict on those that are."
            )
            distances(report, failures, sides, texts, seed, progress)
    finally:
        for side in sides:
            side.close()
    report.conclude(failures, save=save)


def _throughput(report: Report, failures: list[str], size: int, batches: dict[str, list[Batch]], schema: Any) -> None:
    speeds = {name: [b.tokens / b.seconds for b in found[1:]] for name, found in batches.items()}
    for name, found in batches.items():
        ratios = [ours / theirs for ours, theirs in zip(speeds["tamis"], speeds[name], strict=True)]
        counted = [_valid(batch, schema) for batch in found]
        complete, valid = sum(c for c, _ in counted), sum(v for _, v in counted)
        is_peer = name != "tamis"
        report.add(
            size,
            name,
            f"{statistics.median(speeds[name]):.1f}",
            f"{statistics.median(ratios):.2f}" if is_peer else "",
            f"{min(ratios):.2f} to {max(ratios):.2f}" if is_peer else "",
            f"{complete} of {size * len(found)}",
            f"{valid} of {complete}",
        )
        if is_peer and statistics.median(ratios) < 1:
            failures.append(f"{size} requests: {statistics.median(ratios):.2f} times the speed of {name}")
        if not is_peer and valid < complete:
            failures.append(f"{size} requests: {complete - valid} texts of tamis are not valid")


def distances(
    report: Report, failures: list[str], sides: list[Side], texts: int, seed: int, progress: Progress
) -> None:
    """Total variation to the exact posterior over a few texts."""
    from transformers import AutoTokenizer

    bar = progress.add_task("distances", total=len(sides) + 2)
    tokenizer = AutoTokenizer.from_pretrained(resolve_model(DEFAULT_MODEL))
    ends = tuple(tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"]))
    posterior, masking = exact(ends)
    progress.advance(bar)
    report.section(
        f"Distance to the posterior: {texts} texts of {PATTERN!r}",
        ["distribution", "total variation", *(f"{city}, %" for city in CITIES)],
    )

    def add(name: str, found: dict[str, float]) -> float:
        distance = total_variation(found, posterior)
        report.add(name, f"{distance:.3f}", *(f"{100 * found.get(f' {city}.', 0.0):.1f}" for city in CITIES))
        return distance

    add("the posterior, exactly", posterior)
    biased = add("token masking, exactly", masking)
    for side in sides:
        particles = 8 if side.name == "tamis" else 1
        job = Job([PROMPT] * (texts // particles), "regex", PATTERN, MAX_TOKENS, seed, particles)
        drawn = [one for group in side.run(job).drawn for one in group]
        distance = add(side.name, weighted((one.text, one.log_weight) for one in drawn if one.complete))
        if side.name == "tamis" and distance > biased / 2:
            failures.append(f"tamis is {distance:.3f} from the posterior, masking {biased:.3f}")
        progress.advance(bar)
    noise = 0.5 * sum(math.sqrt(2 * p * (1 - p) / (math.pi * texts)) for p in posterior.values())
    report.note(
        f"tamis: groups of 8 particles, pooled by their evidence. {texts} draws from the posterior itself would be "
        f"{noise:.3f} away from it on average. The exact columns are in float32."
    )


if __name__ == "__main__":
    typer.run(main)
