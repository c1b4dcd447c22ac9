"""`tamis inspect`: a traced run as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError
from ..result import Result


def inspect(
    run: Annotated[Path, typer.Argument(help="A result as JSON, as `tamis generate --trace --json` prints it.")],
    output: Annotated[Path | None, typer.Option(help="The page; by default the run's name with .html.")] = None,
) -> None:
    """Write a page that shows a run: genealogy of the particles, weights, effective sample size and evidence."""
    target = run.with_suffix(".html") if output is None else output
    try:
        text = run.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{run}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{run} is not UTF-8: {error.reason} at byte {error.start}") from None
    try:
        shown = Result.from_json(text).to_html()
    except InputError as error:
        raise InputError(f"{run}: {error}") from None
    try:
        target.write_text(shown, encoding="utf-8")
    except OSError as error:
        raise InputError(f"--output {target}: {error.strerror}") from None
    typer.echo(f"wrote {target}")
