"""`tamis grammar check`: whether a grammar compiles, and why texts are or are not in it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from ... import grammars
from ...grammars import Explanation, Grammar
from ...grammars._core import canonical_json
from ..errors import InputError

_SUFFIXES = {
    ".json": "json_schema",
    ".lark": "lark",
    ".ebnf": "ebnf",
    ".gbnf": "gbnf",
    ".regex": "regex",
    ".choice": "choice",
}
_FRONT_ENDS: dict[str, Any] = {
    "json_schema": grammars.json_schema,
    "lark": grammars.lark,
    "ebnf": grammars.ebnf,
    "gbnf": grammars.gbnf,
    "regex": grammars.regex,
    "choice": lambda text: grammars.choice(text.splitlines()),
}

app = typer.Typer(help="Look at grammars without a model.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Look at grammars without a model."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The grammar; the suffix says its kind. - reads standard input.")],
    kind: Annotated[
        str | None, typer.Option(help="json_schema, lark, ebnf, gbnf, regex or choice (a text on each line).")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(help="An option of the front end, as name=value; a value that is JSON is read so."),
    ] = None,
    text: Annotated[list[str] | None, typer.Option(help="Explain this text; repeat the option for more.")] = None,
    text_file: Annotated[
        list[Path] | None, typer.Option("--file", help="Explain what this file holds; - is standard input.")
    ] = None,
    lines: Annotated[bool, typer.Option("--lines", help="Every line of the files is a text of its own.")] = False,
    passes: Annotated[
        bool, typer.Option("--passes", help="Print the grammar after each pass of the compiler.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say whether a grammar compiles, and explain texts: where they die, in which rules, and what could have come.

    Exit status: 0 if the grammar compiles and accepts all texts, 1 if it does not accept one, 2 if it does not compile
    or the command is wrong.
    """
    if str(file) == "-" and any(str(path) == "-" for path in text_file or ()):
        raise InputError("the grammar and a text cannot both be read from standard input")
    begin = time.perf_counter()
    grammar = _grammar(file, kind, option or [])
    automaton = grammar.compile()
    milliseconds = (time.perf_counter() - begin) * 1000
    figures = {"kind": grammar.kind, "milliseconds": round(milliseconds, 1), **automaton.statistics()}
    traced = grammar.passes() if passes else []
    explained = [(name, grammar.explain(data)) for name, data in _texts(text or [], text_file or [], lines)]
    if as_json:
        print(json.dumps(_report(figures, traced, explained), ensure_ascii=False, indent=2))
    else:
        _print(file, figures, traced, explained)
    if not all(explanation.accepted for _, explanation in explained):
        raise typer.Exit(1)


def _grammar(file: Path, kind: str | None, options: list[str]) -> Grammar:
    if kind is None:
        kind = _SUFFIXES.get(file.suffix)
        if kind is None:
            known = ", ".join(_SUFFIXES)
            raise InputError(f"{file}: the suffix says the kind of a grammar; use {known}, or give --kind")
    if kind not in _FRONT_ENDS:
        raise InputError(f"--kind {kind!r} is unknown; known are {', '.join(_FRONT_ENDS)}")
    source = _decoded(_read(file), str(file))
    if kind == "regex":
        source = source.removesuffix("\n").removesuffix("\r")
    given = dict(map(_option, options))
    if kind == "choice" or not given:
        if given:
            raise InputError("choice has no options")
        made: Grammar = _FRONT_ENDS[kind](source)
        return made
    if kind == "json_schema" and isinstance(given.get("resources"), dict):
        given["resources"] = json.dumps(given["resources"])
    return Grammar(kind, canonical_json(source) if kind == "json_schema" else source, given)


def _option(given: str) -> tuple[str, Any]:
    name, equals, value = given.partition("=")
    if not equals or not name:
        raise InputError(f"--option {given!r}: write name=value")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _texts(texts: list[str], files: list[Path], lines: bool) -> Iterator[tuple[str, bytes]]:
    for number, text in enumerate(texts, 1):
        yield f"text {number}", text.encode("utf-8", errors="surrogateescape")
    for path in files:
        data = _read(path)
        if lines:
            yield from ((f"{path}, line {number}", line) for number, line in enumerate(data.splitlines(), 1))
        else:
            yield str(path), data


def _report(
    figures: dict[str, Any], passes: list[tuple[str, str]], explained: list[tuple[str, Explanation]]
) -> dict[str, Any]:
    return {
        "grammar": figures,
        **({"passes": [{"name": name, "grammar": text} for name, text in passes]} if passes else {}),
        "texts": [
            {"name": name, **asdict(explanation), "accepted": explanation.accepted, **_plain(explanation)}
            for name, explanation in explained
        ],
    }


def _plain(explanation: Explanation) -> dict[str, Any]:
    """Bytes as numbers."""
    return {
        "next_bytes": list(explanation.next_bytes),
        "places": [{**asdict(place), "next_bytes": list(place.next_bytes)} for place in explanation.places],
    }


def _print(
    file: Path, figures: dict[str, Any], passes: list[tuple[str, str]], explained: list[tuple[str, Explanation]]
) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for name, text in passes:
        console.print(f"[bold]{name}[/bold]")
        console.print(escape(text))
    sizes = (
        f"{figures['rules']} rules, {figures['nfa_states']} NFA states, {figures['byte_classes']} byte classes, "
        f"{figures['memory_bytes'] / 1024:.0f} KiB"
    )
    head = f"{figures['kind']}, {figures['milliseconds']} ms, {sizes}"
    console.print(f"[green]ok[/green] {escape(str(file))}: {head}")
    for name, explanation in explained:
        colour = "green" if explanation.accepted else "red"
        head, _, rest = str(explanation).partition("\n")
        console.print(f"[{colour}]{escape(name)}: {escape(head)}[/{colour}]")
        if rest:
            console.print(escape(rest))


def _read(path: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not UTF-8 text: {error.reason} at byte {error.start}") from None
