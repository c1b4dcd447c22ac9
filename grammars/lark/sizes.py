"""What lark would take too long for, found before it begins.

lark copies a terminal into another as often as it is named there, so a few lines can double one forty times. And its
lexer tries every way to pair the backslashes of a literal that has no end.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from .internals import GrammarBuilder, PackageResource, Symbol, Tree, parse_grammar
from .mistakes import mistake

MAX_PARTS: Final = 20_000
MAX_BACKSLASHES: Final = 20  # in a literal without an end

Base = str | PackageResource | None
Importer = Callable[[Base, str], tuple[str | PackageResource, str]]


_COMMENT_OR_LITERAL: Final = re.compile(r'//[^\n]*|#[^\n]*|"|/')
_LITERALS: Final = {
    '"': re.compile(r'"(?:\\.|[^"\\\n])*+("?)'),
    "/": re.compile(r"/(?:\\.|[^/\\])*+(/?)", re.DOTALL),
}


def check_literals(source: str) -> None:
    """Raises GrammarError if a string or regular expression of the grammar has no end, but many backslashes."""
    at = 0
    while found := _COMMENT_OR_LITERAL.search(source, at):
        at = found.end()
        literal = _LITERALS[found[0]].match(source, found.start()) if found[0] in _LITERALS else None
        if literal is None:
            continue
        if not literal[1] and literal[0].count("\\") > MAX_BACKSLASHES:
            kind = "string" if found[0] == '"' else "regular expression"
            raise mistake(source, f"lark: this {kind} lacks its closing {found[0]}", "", at=found.start())
        at = literal.end()


def check_sizes(source: str, name: str, importer: Importer) -> None:
    """Raises GrammarError if a terminal of the grammar `source`, called `name`, has too many parts.

    `importer` finds the grammars that it imports, as lark asks for them; its errors are passed on, and so are lark's.
    """
    for terminal, size in _sizes(source, name, importer, {}).items():
        if size > MAX_PARTS:
            message = f"the terminal {terminal} has more than {MAX_PARTS} parts with the terminals that it names"
            raise mistake(source, message, terminal, hint="Say it as a rule.")


def _sizes(
    source: str, name: str | PackageResource, importer: Importer, met: dict[Any, dict[str, int]]
) -> dict[str, int]:
    """How many parts the terminals of a grammar have; those of the grammars in `met` are known."""
    if name in met:
        return met[name]
    sizes = met[name] = {}
    bodies: dict[str, list[Any]] = {}
    for statement in parse_grammar(source, str(name)).children:  # type: ignore[no-untyped-call]
        if statement.data == "import":
            path, base, aliases = GrammarBuilder()._unpack_import(statement, name)  # type: ignore[no-untyped-call]
            found, text = importer(base, "/".join(path) + ".lark")
            imported = _sizes(text, found, importer, met)
            sizes |= {str(alias): imported.get(str(original), 1) for original, alias in aliases.items()}
        definition = statement.children[0] if statement.data in ("override", "extend") else statement
        if definition.data == "term":
            bodies.setdefault(str(definition.children[0]), []).append(definition.children[-1])

    def size(part: Any) -> int:
        if isinstance(part, Tree):
            return min(1 + sum(map(size, part.children)), MAX_PARTS + 1)
        return size_of(str(part.name)) if isinstance(part, Symbol) else 1

    def size_of(terminal: str) -> int:
        if terminal not in sizes:
            sizes[terminal] = 1  # if it names itself, which lark will refuse
            sizes[terminal] = min(sum(map(size, bodies.get(terminal, ()))), MAX_PARTS + 1)
        return sizes[terminal]

    for terminal in bodies:
        size_of(terminal)
    return sizes
