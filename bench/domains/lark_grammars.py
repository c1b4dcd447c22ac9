"""Whole texts under Lark grammars, token by token, judged as lark judges them: Python files and SQL statements.

    python -m tamis.bench.domains.lark_grammars --files 200 --statements 200

The Python files are those of the standard library that lark itself parses with its own grammar; the statements are
written by sqlglot, for the grammar docs/examples/sql.lark. Each text must be accepted token by token, and one mutant
of each, in which a token is dropped, doubled, replaced, inserted or exchanged with the next, must be judged as lark
does. Any disagreement makes the exit status 1.
"""

from __future__ import annotations

import random
import sysconfig
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import lark as lark_package
import numpy as np
import typer
from lark import Lark
from lark.indenter import PythonIndenter
from rich.console import Console
from rich.progress import track

from ...engine.models import resolve_model
from ...grammars import Grammar, TokenAutomaton, Vocabulary, lark
from ..report import Report
from .sql_texts import SqlTexts

PYTHON_GRAMMAR = Path(lark_package.__file__).parent / "grammars" / "python.lark"
SQL_GRAMMAR = Path(__file__).resolve().parents[2] / "docs" / "examples" / "sql.lark"


@dataclass
class Outcome:
    """What came of one set of texts."""

    texts: int = 0
    accepted: int = 0
    mutants: int = 0
    mutants_of_lark: int = 0  # accepted by lark
    agreed: int = 0
    size: int = 0  # bytes
    tokens: int = 0
    first_seconds: float = 0.0
    again_seconds: float = 0.0
    lark_seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        return self.accepted == self.texts and self.agreed == self.mutants and not self.wrong


def python_texts(parser: Lark, count: int, rng: random.Random) -> Iterator[str]:
    """Files of the standard library that lark parses, in a random order."""
    files = sorted(Path(sysconfig.get_path("stdlib")).glob("[a-z]*/**/*.py")) + sorted(
        Path(sysconfig.get_path("stdlib")).glob("*.py")
    )
    files = [file for file in files if "site-packages" not in file.parts and 200 < file.stat().st_size < 60_000]
    rng.shuffle(files)
    for file in files:
        if count == 0:
            return
        try:
            text = file.read_text(encoding="utf-8") + "\n"
        except UnicodeDecodeError:
            continue
        if parsed(parser, text):
            count -= 1
            yield text


def parsed(parser: Lark, text: str) -> bool:
    """Whether lark parses a text; some of its errors come as whatever they happen to break."""
    try:
        parser.parse(text)
    except Exception:
        return False
    return True


def mutant(tokens: list[int], vocabulary: Vocabulary, rng: random.Random) -> list[int]:
    """The tokens with one of them changed."""
    at = rng.randrange(len(tokens))
    before, token, after = tokens[:at], tokens[at], tokens[at + 1 :]
    other = rng.choice(tokens)
    if rng.random() < 0.5:
        other = rng.choice([t for t in rng.sample(range(vocabulary.size), 20) if vocabulary.token_bytes(t) is not None])
    match rng.choice(["drop", "double", "replace", "insert", "exchange"]):
        case "drop":
            return before + after
        case "double":
            return [*before, token, token, *after]
        case "replace":
            return [*before, other, *after]
        case "insert":
            return [*before, other, token, *after]
    return [*before, *after[:1], token, *after[1:]]


def judged(automaton: TokenAutomaton, tokens: list[int]) -> bool:
    """Whether the tokens lead to a complete text."""
    state = np.array([automaton.start], dtype=np.int64)
    for token in tokens:
        state = automaton.advance(state, np.array([token], dtype=np.int32))
        if state[0] < 0:
            return False
    return automaton.is_complete(int(state[0]))


def measure(
    texts: list[str], parser: Lark, grammar: Grammar, vocabulary: Vocabulary, tokenizer: Any, rng: random.Random
) -> Outcome:
    """Every text and one mutant of it, by lark and by the automaton."""
    outcome = Outcome()
    for text in track(texts, description="texts", console=Console(stderr=True)):
        automaton = grammar.bind(vocabulary)  # the same one, until it has used half of its memory
        tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
        ids = np.array(tokens, dtype=np.int32)
        outcome.texts += 1
        outcome.tokens += len(tokens)
        outcome.size += len(text.encode())
        begin = time.process_time()
        end = automaton.replay(ids)
        middle = time.process_time()
        automaton.replay(ids)
        outcome.again_seconds += time.process_time() - middle
        outcome.first_seconds += middle - begin
        if end >= 0 and automaton.is_complete(end) and judged(automaton, tokens):
            outcome.accepted += 1
        else:
            outcome.wrong.append(f"rejected: {text[:200]!r}")
        _judge_mutant(outcome, mutant(tokens, vocabulary, rng), parser, automaton, vocabulary)
    return outcome


def _judge_mutant(
    outcome: Outcome, tokens: list[int], parser: Lark, automaton: TokenAutomaton, vocabulary: Vocabulary
) -> None:
    data = b"".join(vocabulary.token_bytes(token) or b"" for token in tokens)
    begin = time.process_time()
    try:
        wanted = parsed(parser, data.decode())
    except UnicodeDecodeError:
        wanted = False
    outcome.lark_seconds += time.process_time() - begin
    outcome.mutants += 1
    outcome.mutants_of_lark += wanted
    if judged(automaton, tokens) == wanted:
        outcome.agreed += 1
    else:
        outcome.wrong.append(f"lark says {wanted}: {data[:200]!r}")


def main(
    files: Annotated[int, typer.Option(help="How many Python files.")] = 200,
    statements: Annotated[int, typer.Option(help="How many SQL statements.")] = 200,
    seed: Annotated[int, typer.Option(help="Chooses the texts and their mutants.")] = 0,
    save: Annotated[bool, typer.Option(help="Write the table to docs/results/.")] = True,
) -> None:
    """Judge texts and mutants as lark does, and print the table."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(resolve_model("smollm2-135m"))
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    rng = random.Random(seed)
    command = f"python -m tamis.bench.domains.lark_grammars --files {files} --statements {statements} --seed {seed}"
    columns = ["what", "python.lark", "sql.lark"]
    report = Report("lark_grammars", "Lark grammars, judged as lark judges", command, columns)

    begin = time.process_time()
    python = lark(PYTHON_GRAMMAR.read_text(), "file_input", indenter={})
    middle = time.process_time()
    sql = lark(SQL_GRAMMAR.read_text())
    loading = (middle - begin, time.process_time() - middle)
    python_parser = Lark(
        PYTHON_GRAMMAR.read_text(), parser="lalr", lexer="contextual", start="file_input", postlex=PythonIndenter()
    )
    sql_parser = Lark(SQL_GRAMMAR.read_text(), parser="lalr", lexer="contextual")
    writer = SqlTexts(rng)
    outcomes = (
        measure(list(python_texts(python_parser, files, rng)), python_parser, python, vocabulary, tokenizer, rng),
        measure([writer.text() for _ in range(statements)], sql_parser, sql, vocabulary, tokenizer, rng),
    )

    report.add("seconds of CPU to load the grammar", *loading)
    report.add("texts", *(o.texts for o in outcomes))
    report.add("accepted token by token", *(o.accepted for o in outcomes))
    report.add("mutants", *(o.mutants for o in outcomes))
    report.add("mutants that lark accepts", *(o.mutants_of_lark for o in outcomes))
    report.add("mutants judged as lark does", *(o.agreed for o in outcomes))
    report.add("bytes", *(o.size for o in outcomes))
    report.add("tokens", *(o.tokens for o in outcomes))
    report.add("us of CPU per byte, first time", *(o.first_seconds / o.size * 1e6 for o in outcomes))
    report.add("us of CPU per byte, again", *(o.again_seconds / o.size * 1e6 for o in outcomes))
    report.add("us of CPU per byte of mutants, lark itself", *(o.lark_seconds / o.size * 1e6 for o in outcomes))
    report.show()
    if save:
        report.save()
    for outcome in outcomes:
        for line in outcome.wrong:
            print(line)
    if not all(outcome.is_right for outcome in outcomes):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
