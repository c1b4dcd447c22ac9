"""lark's parse table and its lexers, as the tables of cpp/lark/tables.hpp."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from typing import Any

from .._core import MachineSource
from ..errors import GrammarError
from ..machines import make
from ..regex import parse_re
from ..regex.charsets import single
from ..regex.nodes import (
    NOTHING,
    Alternatives,
    Backreference,
    Conditional,
    Group,
    Node,
    children,
    postorder,
    replaced,
)
from .internals import (
    BasicLexer,
    Lark,
    Shift,
    TerminalDef,
    lexers_of,
    parse_table_of,
    scanner_of,
    state_rules_of,
)
from .mistakes import mistake
from .names import rule_name, terminal_name
from .programs import Program, shape

_Patterns = list[tuple[int, int]]
_Lexer = tuple[_Patterns, list[tuple[int, _Patterns]]]


def make_source(
    source: str, loaded: Lark, start: str, indenter: Mapping[str, Any] | None, g_regex_flags: re.RegexFlag
) -> MachineSource:
    """What lark made of a grammar, as a machine. Raises GrammarError for terminals that cannot be had."""
    return _Tables(source, loaded, g_regex_flags).machine(start, indenter)


class _Tables:
    def __init__(self, source: str, loaded: Lark, g_regex_flags: re.RegexFlag) -> None:
        self._source = source
        self._loaded = loaded
        self._flags = "".join(letter for letter in "aimsx" if g_regex_flags & re.RegexFlag[letter.upper()])
        self._types: dict[str, int] = {}
        self._program = Program()
        self._entries: dict[tuple[str, Hashable], int] = {}
        self._keywords: dict[str, int] = {}

    def machine(self, start: str, indenter: Mapping[str, Any] | None) -> MachineSource:
        self._check_terminals(indenter or {})
        end = self._type("$END")
        table = parse_table_of(self._loaded)
        lexer_numbers: dict[int, int] = {}
        lexers: list[_Lexer] = []
        lexer_of_state = {}
        for state, lexer in lexers_of(self._loaded).items():
            if id(lexer) not in lexer_numbers:
                lexer_numbers[id(lexer)] = len(lexers)
                lexers.append(self._lexer(lexer))
            lexer_of_state[state] = lexer_numbers[id(lexer)]

        nonterminals = {str(rule.origin.name): i for i, rule in enumerate(self._loaded.rules)}
        rules: dict[Any, int] = {}
        states = []
        numbers = {state: i for i, state in enumerate(table.states)}
        for state, row in table.states.items():
            actions, gotos = [], []
            for symbol, (action, target) in row.items():
                if symbol in nonterminals:
                    gotos.append((nonterminals[symbol], numbers[target]))
                elif action is Shift:
                    actions.append((self._type(symbol), numbers[target]))
                else:
                    actions.append((self._type(symbol), -1 - rules.setdefault(target, len(rules))))
            states.append((lexer_of_state[state], actions, gotos))
        lengths = [(nonterminals[str(rule.origin.name)], len(rule.expansion)) for rule in rules]
        indents = None if indenter is None else self._indenter(indenter)
        return make(
            "lark",
            (self._program.sets, self._program.captured, self._program.folds),
            (self._program.code, self._program.looks, self._program.atomics),
            [name in self._loaded.ignore_tokens for name in self._types],
            lexers,
            states,
            lengths,
            (numbers[table.start_states[start]], numbers[table.end_states[start]], end),
            indents,
            self._type_names(),
            [[(rule_name(name), read) for name, read in rules] for rules in state_rules_of(self._loaded)],
        )

    def _type_names(self) -> list[str]:
        definitions = {terminal.name: terminal for terminal in self._loaded.terminals}
        return [terminal_name(definitions[name]) if name in definitions else name for name in self._types]

    def _check_terminals(self, indenter: Mapping[str, Any]) -> None:
        """Raises GrammarError for names without a terminal, and terminals without a text."""
        defined = {terminal.name for terminal in self._loaded.terminals}
        used = {str(part.name) for rule in self._loaded.rules for part in rule.expansion if part.is_term}
        for option, known in (("NL_type", defined), ("INDENT_type", used), ("DEDENT_type", used)):
            if option in indenter and indenter[option] not in known:
                hint = f"Name it in indenter={{{option!r}: ...}}, and %declare the terminals of indentation."
                raise GrammarError(f"indenter: the grammar has no terminal {indenter[option]}", hint=hint)
        for name in sorted(used - defined - {indenter.get("INDENT_type"), indenter.get("DEDENT_type")}):
            message = f"the terminal {name} is declared but has no definition, so it has no text"
            hint = "The terminals of indentation have one with indenter={...}."
            raise mistake(self._source, message, name, hint=hint)

    def _type(self, name: str) -> int:
        return self._types.setdefault(name, len(self._types))

    def _indenter(self, indenter: Mapping[str, Any]) -> tuple[int, list[int], list[int], int, int, int]:
        for character in "\n\t ":
            self._program.add_set(single(ord(character)))
        return (
            self._type(indenter["NL_type"]),
            [self._type(name) for name in indenter["OPEN_PAREN_types"]],
            [self._type(name) for name in indenter["CLOSE_PAREN_types"]],
            self._type(indenter["INDENT_type"]),
            self._type(indenter["DEDENT_type"]),
            indenter["tab_len"],
        )

    def _lexer(self, lexer: BasicLexer) -> _Lexer:
        try:
            terminals, unless, patterns = scanner_of(lexer)
        except re.error as error:
            raise _not_together(error, [terminal.name for terminal in lexer.terminals]) from None
        entries = [
            (self._type(terminal.name), self._terminal(terminal, index, terminals, patterns))
            for index, terminal in enumerate(terminals)
        ]
        keywords = [
            (self._type(name), [(self._type(keyword.name), self._keyword(keyword)) for keyword in among])
            for name, among in unless.items()
        ]
        return entries, keywords

    def _terminal(self, terminal: TerminalDef, index: int, together: list[TerminalDef], patterns: list[str]) -> int:
        try:
            tree = parse_re(terminal.pattern.to_regexp(), self._flags)
            if _refers(tree):
                # The numbers of groups are those in the expression of the whole lexer.
                whole = parse_re("|".join(patterns), self._flags)
                tree = _renumbered(
                    whole.items[index] if isinstance(whole, Alternatives) and len(together) > 1 else whole
                )
            key = (terminal.name, shape(tree) if isinstance(tree, Node) and _refers(tree) else None)
            if key not in self._entries:
                self._entries[key] = self._program.terminal(tree, self._type(terminal.name))
            return self._entries[key]
        except GrammarError as error:
            raise self._in_terminal(terminal, error) from None

    def _keyword(self, terminal: TerminalDef) -> int:
        if terminal.name not in self._keywords:
            tree = parse_re(terminal.pattern.to_regexp(), self._flags)
            multiline = "m" in self._flags
            self._keywords[terminal.name] = self._program.keyword(tree, self._type(terminal.name), multiline)
        return self._keywords[terminal.name]

    def _in_terminal(self, terminal: TerminalDef, error: GrammarError) -> GrammarError:
        written = terminal.pattern.raw if terminal.name.startswith("__") else None
        at = self._source.find(written) if written else -1
        message = f"terminal {terminal.name}: {error.message}"
        return mistake(self._source, message, terminal.name, at=at if at >= 0 else None, hint=error.hint)


def _not_together(error: re.error, names: list[str]) -> GrammarError:
    """Terminals compile one by one, but not in the one expression that lark makes of them."""
    listed = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    hint = "Groups and flags must not clash: name groups differently, write flags behind the last slash (/x/i)."
    return GrammarError(f"lark: the terminals {listed} do not go into one expression: {error}", hint=hint)


def _refers(tree: Node) -> bool:
    return any(isinstance(node, (Group, Backreference, Conditional)) for node in postorder(tree))


def _renumbered(tree: Node) -> Node:
    """The tree with its groups numbered from 0, and what refers to others settled: they never match along with it."""
    numbers: dict[int, int] = {}
    for node in postorder(tree):
        if isinstance(node, Group):
            numbers.setdefault(node.number, len(numbers))
    made: dict[int, Node] = {}
    for node in postorder(tree):
        parts = [made[id(part)] for part in children(node)]
        if isinstance(node, Group):
            made[id(node)] = Group(parts[0], numbers[node.number])
        elif isinstance(node, Backreference):
            known = node.number in numbers
            made[id(node)] = Backreference(numbers[node.number], node.fold) if known else NOTHING
        elif isinstance(node, Conditional) and isinstance(node.test, int):
            known = node.test in numbers
            made[id(node)] = Conditional(numbers[node.test], *parts) if known else parts[1]
        else:
            made[id(node)] = replaced(node, parts)
    return made[id(tree)]
