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
from typing import Any, Final, NamedTuple

from lark import Lark
from lark.exceptions import LarkError
from lark.grammar import NonTerminal
from lark.lexer import TerminalDef
from lark.load_grammar import Definition
from lark.load_grammar import GrammarBuilder as LarkBuilder
from lark.tree import Tree

from .builder import UTF8, Builder
from .errors import GrammarError
from .grammar import Grammar
from .regex import lower_preferred, parse, refuse_assertions

# lark multiplies out the optional parts of a rule and makes a rule of every use of a template.
MAX_ALTERNATIVES: Final = 4096
MAX_INSTANCES: Final = 1000


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
        loading = LarkBuilder()
        loading.load_grammar(source, "<string>")
        grammar = loading.build()
        _check_expansion(source, loading._definitions)
        return Lark(grammar, start=start, parser="earley", lexer="dynamic_complete")
    except GrammarError:
        raise
    except RecursionError:
        raise GrammarError("lark: the grammar is nested too deeply") from None
    except OSError as error:
        raise _error(source, f"lark: nothing to import as {error.filename!r}", "%import") from None
    except Exception as error:  # lark reports some mistakes through whatever they happen to break
        raise _from_lark(source, error) from None


def _check_expansion(source: str, definitions: dict[str, Definition]) -> None:
    """Raises GrammarError for rules that lark would multiply out into too many, and for negative repetitions."""
    for name, definition in definitions.items():
        for repetition in definition.tree.find_data("expr") if definition.tree else ():
            if any(str(bound).startswith("-") for bound in repetition.children[2:]):
                raise _error(source, f"lark: a negative number of repetitions in {name}", name)
    used = {name for name, definition in definitions.items() if not definition.is_term and not definition.params}
    for name in used | _used_templates(source, definitions):
        tree = definitions[name].tree
        if tree is not None and _alternatives(source, name, tree) > MAX_ALTERNATIVES:
            raise _too_many(source, name)


def _too_many(source: str, name: str) -> GrammarError:
    return _error(
        source,
        f"the rule {name} has more than {MAX_ALTERNATIVES} alternatives when its optional parts are multiplied out",
        name,
        hint="Split the rule: give some of its parts with ?, [], | or ~ rules of their own.",
    )


def _alternatives(source: str, name: str, tree: Any) -> int:
    """How many alternatives lark makes of a part of a rule. Raises GrammarError where a part has too many."""

    def count(part: Any) -> int:
        made = 1
        if not isinstance(part, Tree):
            return made
        if part.data == "expansions":
            made = sum(map(count, part.children))
        elif part.data == "expansion":
            for item in part.children:
                made = min(made * count(item), MAX_ALTERNATIVES + 1)
        elif part.data == "maybe":
            made = count(part.children[0]) + 1
        elif part.data == "alias":
            made = count(part.children[0])
        elif part.data == "expr":
            inner, sign = count(part.children[0]), str(part.children[1])
            if sign == "~":
                low, high = int(str(part.children[2])), int(str(part.children[-1]))
                # As lark has it: longer ones become rules of up to ten parts.
                made = sum(inner**times for times in range(low, high + 1)) if high < 50 else inner**10
            elif 2 * inner > MAX_ALTERNATIVES:
                made = 2 * inner
            else:
                made = {"?": inner + 1, "*": 2, "+": 1}[sign]
        if made > MAX_ALTERNATIVES:
            raise _too_many(source, name)
        return made

    return count(tree)


class _Use(NamedTuple):
    """A template with its arguments, which are numbers of terms."""

    template: str
    arguments: tuple[int, ...]


def _used_templates(source: str, definitions: dict[str, Definition]) -> set[str]:
    """The templates in use. Raises GrammarError if they make too many rules of each other, or ever more."""
    numbers: dict[_Use | str, int] = {}
    terms: list[_Use | str] = []
    sizes: list[int] = []
    pending: list[tuple[str, dict[str, int]]] = [
        (name, {}) for name, definition in definitions.items() if not definition.is_term and not definition.params
    ]
    used: set[str] = set()
    instances = 0

    def term(part: Any, bound: dict[str, int]) -> int:
        nonlocal instances
        while getattr(part, "data", None) == "value":
            part = part.children[0]
        key: _Use | str
        if getattr(part, "data", None) == "template_usage":
            head = part.children[0].name
            if head in bound and isinstance(terms[bound[head]], str):
                head = str(terms[bound[head]])
            key = _Use(head, tuple(term(item, bound) for item in part.children[1:]))
        elif isinstance(part, NonTerminal) and part.name in bound:
            return bound[part.name]
        else:
            key = part.name if isinstance(part, NonTerminal) else str(part)
        if key not in numbers:
            numbers[key] = len(terms)
            terms.append(key)
            sizes.append(1 + sum(sizes[i] for i in key.arguments) if isinstance(key, _Use) else 1)
            if isinstance(key, _Use) and key.template in definitions:
                instances += 1
                params = definitions[key.template].params
                if instances > MAX_INSTANCES or sizes[-1] > MAX_INSTANCES:
                    message = f"the template {key.template} makes more than {MAX_INSTANCES} rules, perhaps without end"
                    hint = "Use no template inside of its own arguments."
                    raise _error(source, message, key.template, hint=hint)
                used.add(key.template)
                pending.append((key.template, dict(zip(params, key.arguments, strict=False))))
        return numbers[key]

    while pending:
        name, bound = pending.pop()
        tree = definitions[name].tree
        for usage in tree.find_data("template_usage") if tree is not None else ():
            term(usage, bound)
    return used


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
