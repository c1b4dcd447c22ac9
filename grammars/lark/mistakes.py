"""Errors in a Lark grammar, with their place in the source."""

from __future__ import annotations

import ast
import re

from ..errors import GrammarError
from .internals import LarkError, TerminalDef


def mistake(source: str, message: str, name: str, at: int | None = None, hint: str | None = None) -> GrammarError:
    """An error at `at`, or where `name` is defined, or else first mentioned. Names that lark made up have no place."""
    if at is None and not name:
        return GrammarError(message, hint=hint)
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


def _bad_terminal(source: str, name: str, message: str, written: str) -> GrammarError:
    """A terminal that lark's lexer refuses, with its regular expression as lark prints it."""
    pattern = ast.literal_eval(written)
    if message.startswith("Cannot compile"):
        try:
            re.compile(pattern)
        except re.error as error:
            message = f"bad regular expression: {error}"
    at = source.find(f"/{pattern}/")
    return mistake(source, f"lark: {message} (terminal {name})", name, at=at if at >= 0 else None)


def _conflict(source: str, message: str) -> GrammarError:
    """A grammar that is not LALR(1); lark names its rules in any order."""
    terminal = re.search(r"collision in \w*\(?'?(\$?\w+)", message)
    rules = sorted(set(re.findall(r"<(\w+ : .*)>", message)))
    clash = " and ".join(rules[:4]) + (" and others" if len(rules) > 4 else "")
    origins = [rule.partition(" ")[0] for rule in rules]
    name = next((origin for origin in origins if re.search(rf"^[ \t]*[?!]*{origin}\b", source, re.MULTILINE)), "")
    return mistake(
        source,
        "lark: the grammar is not LALR(1): Reduce/Reduce collision"
        + (f" in {terminal[1]}" if terminal else "")
        + f" between {clash}",
        name,
        hint="Give one of the rules a higher priority (name.2: ...), or take every parse with parser='earley'.",
    )


def from_lark(source: str, error: Exception) -> GrammarError:
    """lark's error with a place: the one it names, or that of the first name in it which the source defines or uses."""
    if isinstance(error, LarkError):
        message = str(error.args[0] if error.args else error)
    else:
        message = f"{type(error).__name__}: {error}"
    if "Reduce/Reduce collision" in message:
        return _conflict(source, message)
    terminal = re.search(r"(?:zero-width terminals\. \(|Cannot compile token )(\w+): (.*?)\)?$", message)
    if terminal:
        return _bad_terminal(source, terminal[1], message.partition(". (")[0], terminal[2])
    culprits = [part.name for part in error.args[1:] if isinstance(part, TerminalDef)]
    message = re.sub(r"(?:NonTerminal|Terminal)\('(\w+)'\)", r"'\1'", message).strip()
    first = message.partition("\n")[0]
    pattern = getattr(error, "pattern", None)
    if isinstance(pattern, str) and f"/{pattern}/" in source:
        return mistake(source, f"lark: bad regular expression: {error}", pattern, at=source.index(f"/{pattern}/"))
    place = re.search(r"line (\d+),? col(?:umn)? (\d+)", message)
    if place:
        line, column = int(place[1]), int(place[2])
        lines = source.splitlines()
        return GrammarError(
            f"lark: {first}", line=line, column=column, text=lines[line - 1] if 0 < line <= len(lines) else None
        )
    if culprits:
        return mistake(source, f"lark: {first} (terminal {culprits[0]})", culprits[0])
    quoted = re.findall(r"'(\w+)'", first) + re.findall(r"(\w+)$", first)
    known = next((name for name in quoted if re.search(rf"\b{name}\b", source)), None)
    return GrammarError(f"lark: {first}") if known is None else mistake(source, f"lark: {first}", known)
