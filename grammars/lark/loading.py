"""Reading a Lark grammar with lark's own loader, within bounds, from nothing but its source and the given imports."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from ..errors import GrammarError
from .analysis import BoundedParser, without_text
from .expansion import check_expansion
from .indenter import make_indenter
from .internals import (
    ContextualLexer,
    GrammarBuilder,
    Lark,
    LarkError,
    PackageResource,
    TerminalDef,
    stdlib_loader,
)
from .mistakes import from_lark, mistake
from .names import rule_name
from .sizes import check_literals, check_sizes

# lark reads some 100 kB in a second.
MAX_SOURCE: Final = 1_000_000
_NAME: Final = "<text>"  # has no folder, so that relative imports have none


def load_earley(source: str, start: str, imports: Mapping[str, str]) -> Lark:
    """lark's reading of a grammar, for its Earley parser. Raises GrammarError."""
    return _load(source, imports, start=start, parser="earley", lexer="dynamic_complete")


def load_lalr(
    source: str, start: str, imports: Mapping[str, str], indenter: Mapping[str, Any] | None, g_regex_flags: re.RegexFlag
) -> Lark:
    """lark's LALR(1) parser with its contextual lexer. Raises GrammarError.

    lark takes rules that derive no text, and its parser goes into them, where no text is ever complete.
    """
    loaded = _load(
        source,
        imports,
        start=start,
        parser="lalr",
        lexer="contextual",
        postlex=None if indenter is None else make_indenter(indenter),
        g_regex_flags=g_regex_flags,
        _plugins={"LALR_Parser": BoundedParser, "ContextualLexer": _UncomparedLexer},
    )
    if names := without_text(loaded.rules):
        name = rule_name(names[0])
        message = f"lark: no text matches the rule {name}: all its alternatives need itself or another such rule"
        raise mistake(source, message, name, hint="Give it an alternative that ends, or drop the rule.")
    return loaded


def _load(source: str, imports: Mapping[str, str], **options: Any) -> Lark:
    if sum(map(len, (source, *imports.values()))) > MAX_SOURCE:
        raise GrammarError(f"lark: the grammar is longer than {MAX_SOURCE} characters")
    for text in (source, *imports.values()):
        check_literals(text)
    try:
        importer = _Importer(source, imports)
        check_sizes(source, _NAME, importer)
        loading = GrammarBuilder(import_paths=[importer])
        loading.load_grammar(source, _NAME)
        grammar = loading.build()
        check_expansion(source, loading._definitions)
        return Lark(grammar, **options)
    except GrammarError:
        raise
    except RecursionError:
        raise GrammarError("lark: the grammar is nested too deeply") from None
    except Exception as error:  # lark reports some mistakes through whatever they happen to break
        raise from_lark(source, error) from None


class _Importer:
    """Finds imported grammars in `imports` and in lark's library alone: a grammar is known by its source."""

    def __init__(self, source: str, imports: Mapping[str, str]) -> None:
        self._source = source
        self._imports = imports

    def __call__(self, base: str | PackageResource | None, path: str) -> tuple[str | PackageResource, str]:
        name = posixpath.normpath(posixpath.join(base, path)) if isinstance(base, str) else path
        if name in self._imports and not isinstance(base, PackageResource):
            return name, self._imports[name]
        try:
            found: tuple[PackageResource, str] = stdlib_loader(
                base if isinstance(base, PackageResource) else None, path
            )
        except OSError:
            imported = path.removesuffix(".lark").replace("/", ".")
            at = self._source.find(f"%import .{imported}")
            raise mistake(
                self._source,
                f"lark: nothing to import as {name!r}",
                "%import",
                at=at if at >= 0 else None,
                hint=f"Files are not read: pass its text, as in imports={{{name!r}: text}}.",
            ) from None
        return found


class _UncomparedLexer(ContextualLexer):
    """lark's lexer without the warnings about terminals that overlap, which may take exponential time to find."""

    def __init__(self, conf: Any, states: dict[int, Collection[str]], always_accept: Sequence[str] = ()) -> None:
        used = {name for names in states.values() for name in names} | set(conf.ignore) | set(always_accept)
        for terminal in conf.terminals:
            if terminal.name in used:
                _validate(terminal, conf.g_regex_flags)
        conf.skip_validation = True
        super().__init__(conf, states, always_accept=always_accept)


def _validate(terminal: TerminalDef, flags: int) -> None:
    """What lark itself asks of a terminal, in its own words."""
    try:
        re.compile(terminal.pattern.to_regexp(), flags)
    except re.error:
        raise LarkError(f"Cannot compile token {terminal.name}: {terminal.pattern}") from None
    if terminal.pattern.min_width == 0:
        raise LarkError(f"Lexer does not allow zero-width terminals. ({terminal.name}: {terminal.pattern})")
