"""Every import of what lark does not document, so that another version of lark fails here and nowhere else."""

from __future__ import annotations

from typing import TypeVar

from ..errors import GrammarError

try:
    from lark import Lark, __version__
    from lark.exceptions import LarkError
    from lark.grammar import NonTerminal, Rule, Symbol
    from lark.indenter import Indenter
    from lark.lexer import BasicLexer, ContextualLexer, TerminalDef, UnlessCallback
    from lark.load_grammar import Definition, GrammarBuilder, PackageResource, stdlib_loader
    from lark.load_grammar import _parse_grammar as parse_grammar
    from lark.parser_frontends import PostLexConnector
    from lark.parsers.grammar_analysis import LR0ItemSet, RulePtr
    from lark.parsers.lalr_analysis import LALR_Analyzer, ParseTableBase, Shift
    from lark.parsers.lalr_parser import LALR_Parser
    from lark.tree import Tree
    from lark.utils import classify
except ImportError as error:
    raise ImportError(f"this version of lark has another inside: {error}; tamis knows lark 1.2") from error

__all__ = [
    "BasicLexer",
    "ContextualLexer",
    "Definition",
    "GrammarBuilder",
    "Indenter",
    "LALR_Analyzer",
    "LALR_Parser",
    "LR0ItemSet",
    "Lark",
    "LarkError",
    "NonTerminal",
    "PackageResource",
    "ParseTableBase",
    "Rule",
    "RulePtr",
    "Shift",
    "Symbol",
    "TerminalDef",
    "Tree",
    "classify",
    "lexers_of",
    "parse_grammar",
    "parse_table_of",
    "scanner_of",
    "state_rules_of",
    "stdlib_loader",
]


_T = TypeVar("_T")


def parse_table_of(parser: Lark) -> ParseTableBase[int]:
    """The LALR(1) table: states -> symbols -> (Shift, state) or (Reduce, rule)."""
    table = getattr(getattr(getattr(parser, "parser", None), "parser", None), "_parse_table", None)
    return _checked(table, ParseTableBase)


def state_rules_of(parser: Lark) -> list[list[tuple[str, int]]]:
    """Per state of the table the rules under way; see `analysis.BoundedParser`."""
    rules = getattr(getattr(getattr(parser, "parser", None), "parser", None), "state_rules", None)
    return _checked(rules, list)


def lexers_of(parser: Lark) -> dict[int, BasicLexer]:
    """The lexer of every state of the parser."""
    lexer = getattr(getattr(parser, "parser", None), "lexer", None)
    if isinstance(lexer, PostLexConnector):
        lexer = lexer.lexer
    return {state: _checked(basic, BasicLexer) for state, basic in _checked(lexer, ContextualLexer).lexers.items()}


def scanner_of(lexer: BasicLexer) -> tuple[list[TerminalDef], dict[str, list[TerminalDef]], list[str]]:
    """What a lexer matches, in the order of its alternation; by the names of terminals, the keywords that their tokens
    may be; and the regular expressions that it is put together to."""
    scanner = lexer.scanner
    unless = {name: _checked(call, UnlessCallback).scanner.terminals for name, call in lexer.callback.items()}
    return list(scanner.terminals), unless, [str(compiled.pattern) for compiled in scanner._mres]


def _checked(value: object, kind: type[_T]) -> _T:
    if not isinstance(value, kind):
        raise GrammarError(
            f"lark {__version__} has another inside than tamis knows (no {kind.__name__})",
            hint="Install lark 1.2, or use parser='earley'.",
        )
    return value
