"""Reading a Lark grammar with lark's own loader, within bounds, from nothing but its source and the given imports."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..errors import GrammarError
from .expansion import check_expansion
from .indenter import make_indenter
from .internals import (
    ContextualLexer,
    GrammarBuilder,
    LALR_Analyzer,
    LALR_Parser,
    Lark,
    LarkError,
    PackageResource,
    TerminalDef,
    stdlib_loader,
)
from .mistakes import from_lark, mistake

# lark's time grows with the cube of a rule's length, and the number of its LALR states may grow exponentially.
MAX_SYMBOLS: Final = 500
MAX_ITEMS: Final = 4_000_000


def load_earley(source: str, start: str, imports: Mapping[str, str]) -> Lark:
    """lark's reading of a grammar, for its Earley parser. Raises GrammarError."""
    return _load(source, imports, start=start, parser="earley", lexer="dynamic_complete")


def load_lalr(
    source: str, start: str, imports: Mapping[str, str], indenter: Mapping[str, Any] | None, g_regex_flags: re.RegexFlag
) -> Lark:
    """lark's LALR(1) parser with its contextual lexer. Raises GrammarError."""
    return _load(
        source,
        imports,
        start=start,
        parser="lalr",
        lexer="contextual",
        postlex=None if indenter is None else make_indenter(indenter),
        g_regex_flags=g_regex_flags,
        _plugins={"LALR_Parser": _BoundedParser, "ContextualLexer": _UncomparedLexer},
    )


def _load(source: str, imports: Mapping[str, str], **options: Any) -> Lark:
    try:
        loading = GrammarBuilder(import_paths=[_Importer(source, imports)])
        loading.load_grammar(source, "<text>")  # a name without a folder
        grammar = loading.build()
        check_expansion(source, loading._definitions)
        return Lark(grammar, **options)
    except GrammarError:
        raise
    except _TooLong as error:
        message = f"lark: an alternative of the rule {error} has more than {MAX_SYMBOLS} symbols"
        raise mistake(source, message, str(error), hint="Give some of them a rule of their own.") from None
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


class _BoundedAnalyzer(LALR_Analyzer):
    """lark's analysis of a grammar, cut short where it would take too long."""

    _items = 0

    def expand_rule(self, *arguments: Any) -> Any:
        expanded = super().expand_rule(*arguments)
        self._items += len(expanded)
        if self._items > MAX_ITEMS:
            raise GrammarError(
                "lark: the LALR(1) parser of this grammar has too many states",
                hint="Split the grammar, or simplify it.",
            )
        return expanded


class _TooLong(Exception):
    """An alternative of a rule has too many symbols; the argument is the rule's name."""


class _BoundedParser(LALR_Parser):
    def __init__(self, parser_conf: Any, debug: bool = False, strict: bool = False) -> None:
        for rule in parser_conf.rules:
            if len(rule.expansion) > MAX_SYMBOLS:
                raise _TooLong(str(rule.origin.name))
        analyzer = _BoundedAnalyzer(parser_conf, debug=debug, strict=strict)
        analyzer.compute_lalr()  # type: ignore[no-untyped-call]
        self._parse_table = analyzer.parse_table


class _UncomparedLexer(ContextualLexer):
    """lark's lexer without the warnings about terminals that overlap, which may take exponential time to find."""

    def __init__(self, conf: Any, states: Mapping[int, Any], always_accept: Sequence[str] = ()) -> None:
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
