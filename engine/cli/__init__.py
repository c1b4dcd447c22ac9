"""The command line: `tamis generate`, `tamis doctor`.

Each command has a module of its own; they parse arguments, call the library and print.  Errors that are the user's to
mend end with one message on stderr and exit status 2.
"""

from __future__ import annotations

import sys

import typer

from ...grammars import GrammarError
from ..errors import TamisError
from .doctor import doctor
from .generate import generate

app = typer.Typer(
    name="tamis",
    help="Sample language models under a grammar without bending their distribution.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(generate)
app.command()(doctor)


def main() -> None:
    """The entry point of the `tamis` script."""
    try:
        app()
    except (TamisError, GrammarError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
