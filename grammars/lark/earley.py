"""Lark grammars with the meaning of lark's Earley parser and its dynamic_complete lexer, as grammar nodes.

A text is accepted if some way to cut it into tokens parses. A token is a text that the terminal's regular expression,
matched at its beginning, consumes whole: greed and laziness count as in `re`, so `/".*?"/` ends at the first quote.
Ignored terminals may stand, any number of times, in front of every token and at the end. Priorities choose among parse
trees and change nothing here. One difference: lark matches an ignored terminal as long as it can, here each of its
tokens may be ignored, which matters only where a token begins with ignorable characters.

Refused: anchors, word boundaries and look-around in terminals, save for one-character look-behind.
"""

from __future__ import annotations

from collections import defaultdict

from ..builder import UTF8, Builder
from ..errors import GrammarError
from ..regex import lower_preferred, parse_re, refuse_assertions
from .internals import Lark, TerminalDef
from .mistakes import mistake
from .names import rule_name, terminal_name


def lower_earley(builder: Builder, source: str, loaded: Lark, start: str) -> int:
    """The node of the rule `start` of what lark made of `source`. Raises GrammarError."""
    definitions = {terminal.name: terminal for terminal in loaded.terminals}
    for name in loaded.ignore_tokens:
        if name not in definitions:
            raise mistake(source, f"the ignored terminal {name} is not defined", name)
    ignored = builder.rule("ignored")
    builder.define(
        ignored,
        builder.repeat(builder.alt([_terminal(builder, source, definitions[n]) for n in loaded.ignore_tokens]), 0, -1),
    )

    symbols: dict[tuple[str, bool], int] = {}
    bodies: dict[str, list[int]] = defaultdict(list)

    def symbol(name: str, is_terminal: bool) -> int:
        if (name, is_terminal) not in symbols:
            known = definitions.get(name) if is_terminal else None
            symbols[name, is_terminal] = builder.rule(rule_name(name) if known is None else terminal_name(known))
            if is_terminal:
                if name not in definitions:
                    raise mistake(
                        source, f"the terminal {name} is declared but has no definition, so it has no text", name
                    )
                token = builder.seq([ignored, _terminal(builder, source, definitions[name])])
                builder.define(symbols[name, is_terminal], token)
        return symbols[name, is_terminal]

    for rule in loaded.rules:
        expansion = [symbol(str(part.name), part.is_term) for part in rule.expansion]
        bodies[str(rule.origin.name)].append(builder.seq(expansion))
    for name, alternatives in bodies.items():
        builder.define(symbol(name, is_terminal=False), builder.alt(alternatives))
    return builder.seq([symbol(start, is_terminal=False), ignored])


def _terminal(builder: Builder, source: str, terminal: TerminalDef) -> int:
    try:
        tree = parse_re(terminal.pattern.to_regexp())
        refuse_assertions(tree, "a terminal", allowed=("behind", "not_behind"))
        return lower_preferred(builder, tree, UTF8)
    except GrammarError as error:
        written = terminal.pattern.raw if terminal.name.startswith("__") else None
        at = source.find(written) if written else -1
        message = f"terminal {terminal.name}: {error.message}"
        raise mistake(source, message, terminal.name, at=at if at >= 0 else None, hint=error.hint) from None
