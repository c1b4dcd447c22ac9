"""Lark grammars, read by lark's own loader and given the meaning of its Earley parser with the dynamic_complete lexer.

Templates, imports from lark's library (`%import common.WS`), aliases, inlined rules and the EBNF operators are
resolved by lark; what is lowered here are its compiled rules and terminals. A text is accepted if some way to cut it
into tokens parses. A token is a text that the terminal's regular expression, matched at its beginning, consumes whole:
greed and laziness count as in `re`, so `/".*?"/` ends at the first quote. Ignored terminals may stand, any number of
times, in front of every token and at the end. Priorities choose among parse trees and change nothing here. One
difference: lark matches an ignored terminal as long as it can, here each of its tokens may be ignored, which matters
only where a token begins with ignorable characters.

Refused: anchors, word boundaries and look-around of more than one character in terminals, `%declare`d terminals that
are used (they have no text), and `%import` from files, since a grammar must be known by its source.
"""

from __future__ import annotations

import re
from collections import defaultdict

from lark import Lark
from lark.exceptions import LarkError
from lark.lexer import TerminalDef

from .builder import UTF8, Builder
from .errors import GrammarError
from .grammar import Grammar
from .regex import lower_preferred, parse, refuse_assertions


def lark(text: str, start: str = "start") -> Grammar:
    """The grammar of a lark text, from the rule `start`.

    The meaning is that of `Lark(text, start=start, parser="earley", lexer="dynamic_complete")`: a text is accepted if
    any way to cut it into tokens parses. Lark's basic and contextual lexers, which commit to the longest match, are
    not modelled in this version. They accept less:

        start: A "b"
        A: /[ab]+/

    accepts "ab" here, as "a" then "b"; a lexer that takes all of "ab" for A finds no "b" behind it. Where that
    matters, say it in the terminals, as in A: /a+/.

    Raises GrammarError for whatever lark refuses and for what is refused here (see the module's text), with line and
    column where known.
    """
    return Grammar("lark", text, {"start": start})


def lower(builder: Builder, source: str, start: str = "start") -> int:
    """The node of the rule `start`. Raises GrammarError."""
    loaded = _load(source, start)
    definitions = {terminal.name: terminal for terminal in loaded.terminals}
    for name in loaded.ignore_tokens:
        if name not in definitions:
            raise _error(source, f"the ignored terminal {name} is not defined", name)
    ignored = builder.rule("ignored")
    builder.define(
        ignored,
        builder.repeat(builder.alt([_terminal(builder, source, definitions[n]) for n in loaded.ignore_tokens]), 0, -1),
    )

    symbols: dict[tuple[str, bool], int] = {}
    bodies: dict[str, list[int]] = defaultdict(list)

    def symbol(name: str, is_terminal: bool) -> int:
        if (name, is_terminal) not in symbols:
            symbols[name, is_terminal] = builder.rule(name)
            if is_terminal:
                if name not in definitions:
                    raise _error(
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


def _load(source: str, start: str) -> Lark:
    relative = re.search(r"^[ \t]*%import[ \t]+\.", source, re.MULTILINE)
    if relative:
        hint = "Put the imported rules into the text."
        raise _error(source, "%import from files is not supported", "%import", at=relative.start(), hint=hint)
    try:
        return Lark(source, start=start, parser="earley", lexer="dynamic_complete")
    except RecursionError:
        raise GrammarError("lark: the grammar is nested too deeply") from None
    except OSError as error:
        raise _error(source, f"lark: nothing to import as {error.filename!r}", "%import") from None
    except Exception as error:  # lark reports some mistakes through whatever they happen to break
        raise _from_lark(source, error) from None


def _from_lark(source: str, error: Exception) -> GrammarError:
    """lark's error with a place: the one it names, or that of the first name in it which the source defines or uses."""
    if isinstance(error, LarkError):
        message = str(error.args[0] if error.args else error)
    else:
        message = f"{type(error).__name__}: {error}"
    culprits = [part.name for part in error.args[1:] if isinstance(part, TerminalDef)]
    message = re.sub(r"(?:NonTerminal|Terminal)\('(\w+)'\)", r"'\1'", message).strip()
    first = message.partition("\n")[0]
    pattern = getattr(error, "pattern", None)
    if isinstance(pattern, str) and f"/{pattern}/" in source:
        return _error(source, f"lark: bad regular expression: {error}", pattern, at=source.index(f"/{pattern}/"))
    place = re.search(r"line (\d+),? col(?:umn)? (\d+)", message)
    if place:
        line, column = int(place[1]), int(place[2])
        lines = source.splitlines()
        return GrammarError(
            f"lark: {first}", line=line, column=column, text=lines[line - 1] if 0 < line <= len(lines) else None
        )
    if culprits:
        return _error(source, f"lark: {first} (terminal {culprits[0]})", culprits[0])
    quoted = re.findall(r"'(\w+)'", first) + re.findall(r"(\w+)$", first)
    known = next((name for name in quoted if re.search(rf"\b{name}\b", source)), None)
    return GrammarError(f"lark: {first}") if known is None else _error(source, f"lark: {first}", known)


def _terminal(builder: Builder, source: str, terminal: TerminalDef) -> int:
    try:
        tree = parse(terminal.pattern.to_regexp())
        refuse_assertions(tree, "a terminal", allowed=("behind", "not_behind"))
        return lower_preferred(builder, tree, UTF8)
    except GrammarError as error:
        written = terminal.pattern.raw if terminal.name.startswith("__") else None
        at = source.find(written) if written else -1
        message = f"terminal {terminal.name}: {error.message}"
        raise _error(source, message, terminal.name, at=at if at >= 0 else None, hint=error.hint) from None


def _error(source: str, message: str, name: str, at: int | None = None, hint: str | None = None) -> GrammarError:
    """An error at `at`, or where `name` is defined, or else first mentioned. Names that lark made up have no place."""
    if at is None:
        exact = re.escape(name)
        found = re.search(rf"^[ \t]*[?!]*(?={exact}\b[^:\n]*:)", source, re.MULTILINE)
        found = found or re.search(rf"(?<!\w)(?={exact}(?!\w))", source)
        if found is None:
            return GrammarError(message, hint=hint)
        at = found.end()
    begin = source.rfind("\n", 0, at) + 1
    line = source[begin:].partition("\n")[0]
    return GrammarError(message, line=source.count("\n", 0, at) + 1, column=at - begin + 1, text=line, hint=hint)
