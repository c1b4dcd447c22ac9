"""`tamis generate`: weighted samples of one prompt under one grammar."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from ... import grammars
from ...grammars import Grammar, GrammarError
from ..errors import InputError
from ..models import DEFAULT_MODEL
from ..result import Result
from .report import NOT_COMPLETE, print_result

_GRAMMAR_FILES = {".lark": grammars.lark, ".ebnf": grammars.ebnf, ".gbnf": grammars.gbnf}

# Several samples of a chat are drawn as assistant turns; special tokens are never text.
Text = Annotated[str, typer.Argument(help="The prompt; - reads it from standard input.")]


def generate(
    prompt: Text,
    schema: Annotated[str | None, typer.Option(help="JSON Schema: a file, or the schema itself.")] = None,
    regex: Annotated[str | None, typer.Option(help="Regular expression that the whole text matches.")] = None,
    grammar: Annotated[Path | None, typer.Option(help="Grammar file: .lark, .ebnf or .gbnf.")] = None,
    choice: Annotated[list[str] | None, typer.Option(help="One of these texts; repeat the option.")] = None,
    method: Annotated[str, typer.Option(help="awrs, smc_base, rerank, rejection, lcd or base.")] = "awrs",
    particles: Annotated[int, typer.Option(help="Number of weighted samples.")] = 8,
    seed: Annotated[int, typer.Option(help="One seed reproduces a run.")] = 0,
    max_tokens: Annotated[int, typer.Option(help="Most tokens per sample, the end token included.")] = 256,
    at_max_tokens: Annotated[str, typer.Option(help="drop, or complete by the shortest end.")] = "drop",
    min_tokens: Annotated[int, typer.Option(help="Fewest tokens per sample before the end token.")] = 0,
    early_stop: Annotated[
        float, typer.Option(help="Give up the rest once complete samples hold this share of the weight; 1 waits.")
    ] = 1.0,
    stop: Annotated[list[str] | None, typer.Option(help="Text that ends a sample, too; may be repeated.")] = None,
    temperature: Annotated[float, typer.Option(help="Of the target distribution; 0 is greedy.")] = 1.0,
    top_p: Annotated[float, typer.Option(help="Nucleus truncation of the target.")] = 1.0,
    top_k: Annotated[int, typer.Option(help="Top-k truncation of the target; 0 is off.")] = 0,
    min_p: Annotated[float, typer.Option(help="Min-p truncation of the target; 0 is off.")] = 0.0,
    ess_threshold: Annotated[
        float | None, typer.Option(help="Resample below this share of the particles; 0 never does.")
    ] = None,
    resampling: Annotated[str, typer.Option(help="multinomial, stratified, systematic or residual.")] = "systematic",
    estimator: Annotated[
        str | None, typer.Option(help="auto, exact, murthy, des_raj, recursive, paper or geometric.")
    ] = None,
    tail_checks: Annotated[int | None, typer.Option(help="Most checks after the accepted token.")] = None,
    attempts: Annotated[int | None, typer.Option(help="Draws per sample at most (rejection).")] = None,
    model: Annotated[str, typer.Option(help="A known model or a folder in Hugging Face format.")] = DEFAULT_MODEL,
    heal: Annotated[bool, typer.Option("--heal", help="Let the model write the prompt's last token again.")] = False,
    chat: Annotated[bool, typer.Option("--chat", help="Send the prompt through the chat template.")] = False,
    trace: Annotated[bool, typer.Option("--trace", help="Keep the run's history in the JSON.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    progress: Annotated[bool, typer.Option(help="Show a progress bar on stderr.")] = True,
) -> None:
    """Print weighted samples of the model's distribution, restricted to what the grammar accepts."""
    constraint = _constraint(schema, regex, grammar, choice)
    text = _standard_input() if prompt == "-" else prompt
    question = [{"role": "user", "content": text}] if chat and text else text
    options: dict[str, Any] = {
        "method": method,
        "particles": particles,
        "seed": seed,
        "max_tokens": max_tokens,
        "at_max_tokens": at_max_tokens,
        "min_tokens": min_tokens,
        "early_stop": early_stop,
        "stop": stop or None,
        "temperature": temperature,
        "top_p": top_p,
        "top_k": top_k,
        "min_p": min_p,
        "ess_threshold": ess_threshold,
        "resampling": resampling,
        "estimator": estimator,
        "tail_checks": tail_checks,
        "attempts": attempts,
        "heal": heal,
        "trace": trace,
        "progress": progress,
    }
    from ..engine import Engine
    from ..vllm.call import check_call

    check_call(question, constraint, **options)
    console = Console(stderr=True)
    with console.status(f"loading {model} ...") if progress else _nothing():
        engine = Engine(model)
    with engine:
        result: Result = engine.generate(question, constraint, **options)
    if as_json:
        print(json.dumps(result.to_dict(), ensure_ascii=False, indent=2))
        if result.status not in ("stop", "forced"):
            print(f"no sample is complete: {NOT_COMPLETE[result.status]}", file=sys.stderr)
    else:
        print_result(result, constraint)
    if not any(sample.accepted for sample in result.samples):
        raise typer.Exit(1)


def _nothing() -> Any:
    from contextlib import nullcontext

    return nullcontext()


def _constraint(
    schema: str | None, regex: str | None, grammar: Path | None, choice: list[str] | None
) -> Grammar | None:
    given = {"--schema": schema, "--regex": regex, "--grammar": grammar, "--choice": choice or None}
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise InputError(f"{' and '.join(named)} contradict each other; give one of them")
    if schema is not None:
        return grammars.json_schema(_schema(schema))
    if regex is not None:
        return grammars.regex(regex)
    if grammar is not None:
        front_end = _GRAMMAR_FILES.get(grammar.suffix)
        if front_end is None:
            raise InputError(f"--grammar {grammar}: the suffix says the notation; use {', '.join(_GRAMMAR_FILES)}")
        return front_end(_read(grammar, "--grammar"))
    return grammars.choice(choice) if choice else None


def _schema(given: str) -> str:
    """The text of a schema: what was given if it is JSON or begins like a schema, or else the file of that name."""
    if not given.strip():
        raise InputError("--schema is empty; give a JSON Schema, or a file that holds one")
    if given.lstrip().startswith("{"):
        return given
    try:
        json.loads(given)
    except (ValueError, RecursionError):
        return _read(Path(given), "--schema")
    return given


def _standard_input() -> str:
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise InputError(f"the prompt on standard input is not UTF-8: {error.reason} at byte {error.start}") from None


def _read(path: Path, option: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{option} {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise GrammarError(f"{option} {path} is not UTF-8 text: {error.reason} at byte {error.start}") from None
