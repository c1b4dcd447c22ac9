"""How large terminals become when lark puts those into them that they name, found before it does.

lark copies a terminal into another as often as it is named there, so a few lines can double one forty times.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from .internals import GrammarBuilder, PackageResource, Symbol, Tree, parse_grammar
from .mistakes import mistake

MAX_PARTS: Final = 20_000

Base = str | PackageResource | None
Importer = Callable[[Base, str], tuple[str | PackageResource, str]]


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
