"""lark's analysis of LALR(1) grammars, cut short where it would take too long."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

from ..errors import GrammarError
from .internals import (
    LALR_Analyzer,
    LALR_Parser,
    LarkError,
    LR0ItemSet,
    NonTerminal,
    Rule,
    RulePtr,
    Symbol,
    classify,
)

# Some fifteen times what lark's Python grammar takes; lark then takes up to half a minute.
MAX_ITEMS: Final = 250_000
MAX_LOOKUPS: Final = 5_000_000


class BoundedParser(LALR_Parser):
    """A parser whose table is made by the bounded analysis; it need not parse. Raises GrammarError."""

    def __init__(self, parser_conf: Any, debug: bool = False, strict: bool = False) -> None:
        analyzer = _BoundedAnalyzer(parser_conf)
        analyzer.compute_lalr()  # type: ignore[no-untyped-call]
        self._parse_table = analyzer.parse_table
        # Per state, as the table numbers them: the rules under way, with how many of their symbols were read.
        self.state_rules: list[list[tuple[str, int]]] = [
            sorted({(str(item.rule.origin.name), item.index) for item in state.closure if item.index > 0})
            for state in analyzer.lr0_itemsets
        ]


class _BoundedAnalyzer(LALR_Analyzer):
    """Computes what the LALR(1) table takes, and not FIRST and FOLLOW, for which lark needs quadratic time."""

    def __init__(self, parser_conf: Any) -> None:
        self.debug = self.strict = False
        self.nonterminal_transitions = []
        self.directly_reads = defaultdict(set)
        self.reads = defaultdict(set)
        self.includes = defaultdict(set)
        self.lookback = defaultdict(set)
        roots = {start: Rule(NonTerminal("$root_" + start), [NonTerminal(start)]) for start in parser_conf.start}
        self.lr0_rules_by_origin = classify([*parser_conf.rules, *roots.values()], lambda rule: rule.origin)
        for symbol in {part for rule in [*parser_conf.rules, *roots.values()] for part in rule.expansion}:
            if not symbol.is_term and symbol not in self.lr0_rules_by_origin:
                raise LarkError(f"Using an undefined rule: {symbol}")
        self.NULLABLE = _deriving(parser_conf.rules, terminals=False)
        self._items = 0
        self.lr0_start_states = {
            start: LR0ItemSet(  # type: ignore[no-untyped-call]
                [RulePtr(root, 0)], self.expand_rule(root.origin, self.lr0_rules_by_origin)
            )
            for start, root in roots.items()
        }

    def expand_rule(self, *arguments: Any) -> Any:
        expanded = super().expand_rule(*arguments)
        self._items += len(expanded)
        if self._items > MAX_ITEMS:
            raise _too_large()
        return expanded

    def compute_reads_relations(self) -> None:
        # lark looks through the closure behind each transition over a nonterminal.
        behind = (at for state in self.lr0_itemsets for symbol, at in state.transitions.items() if not symbol.is_term)
        if sum(len(state.closure) for state in behind) > MAX_LOOKUPS:
            raise _too_large()
        super().compute_reads_relations()  # type: ignore[no-untyped-call]

    def compute_includes_lookback(self) -> None:
        # lark looks through the whole closure of a state for each of its transitions.
        if sum(len(state.closure) for state, _ in self.nonterminal_transitions) > MAX_LOOKUPS:
            raise _too_large()
        super().compute_includes_lookback()  # type: ignore[no-untyped-call]


def without_text(rules: list[Rule]) -> list[str]:
    """The names of nonterminals that derive no text at all, as all their alternatives need one of these."""
    derive = _deriving(rules, terminals=True)
    return list(dict.fromkeys(str(rule.origin.name) for rule in rules if rule.origin not in derive))


def _deriving(rules: list[Rule], *, terminals: bool) -> set[Symbol]:
    """The nonterminals that derive a sequence of `terminals`, or else the empty text."""
    waiting: dict[Symbol, list[int]] = defaultdict(list)
    missing = []
    for i, rule in enumerate(rules):
        needed = [symbol for symbol in rule.expansion if not (terminals and symbol.is_term)]
        missing.append(len(needed))
        for symbol in needed:
            waiting[symbol].append(i)
    found: set[Symbol] = set()
    pending = [rule.origin for rule, count in zip(rules, missing, strict=True) if count == 0]
    while pending:
        origin = pending.pop()
        if origin in found:
            continue
        found.add(origin)
        for i in waiting[origin]:
            missing[i] -= 1
            if missing[i] == 0:
                pending.append(rules[i].origin)
    return found


def _too_large() -> GrammarError:
    return GrammarError(
        "lark: the LALR(1) parser of this grammar is too large",
        hint="Simplify the grammar, or use parser='earley'.",
    )
