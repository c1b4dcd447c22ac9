"""The command line: `tamis generate`, `tamis inspect`, `tamis grammar check`, `tamis doctor`.

Each command has a module of its own; they parse arguments, call the library and print.  Errors that are the user's to
mend end with one message on stderr and exit status 2.
"""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from ...grammars import AutomatonLimitError, GrammarError
from ..errors import TamisError
from .doctor import doctor
from .generate import generate
from .grammar import app as grammar
from .inspect import inspect


class _Commands(TyperGroup):
    """Commands whose errors are one message on stderr and exit status 2."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (TamisError, GrammarError, AutomatonLimitError) as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(2) from error


app = typer.Typer(
    name="tamis",
    cls=_Commands,
    help="Sample language models under a grammar without bending their distribution.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(generate)
app.command()(inspect)
app.add_typer(grammar, name="grammar")
app.command()(doctor)


def main() -> None:
    """The entry point of the `tamis` script."""
    app()
