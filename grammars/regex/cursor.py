"""The pattern text being read, the flags in force, and errors that point into the text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..errors import GrammarError

Syntax = Literal["python", "ecma", "package", "rust"]


@dataclass(slots=True)
class Cursor:
    """A pattern and a place in it. `syntax` is "python" (Python's `re`), "ecma" (ECMA-262 as in JSON Schema), "package"
    (Python's regex package) or "rust" (the same with the escapes and sets of Rust's regex crate)."""

    pattern: str
    syntax: Syntax
    at: int = 0

    @property
    def ecma(self) -> bool:
        return self.syntax == "ecma"

    @property
    def extended(self) -> bool:
        return self.syntax in ("package", "rust")

    def peek(self, count: int = 1) -> str:
        return self.pattern[self.at : self.at + count]

    def take(self, count: int = 1) -> str:
        taken = self.pattern[self.at : self.at + count]
        self.at += count
        return taken

    def match(self, text: str) -> bool:
        """Step over `text` if it comes next."""
        if self.pattern.startswith(text, self.at):
            self.at += len(text)
            return True
        return False

    def take_while(self, members: str, limit: int | None = None) -> str:
        end = self.at
        while end < len(self.pattern) and self.pattern[end] in members and (limit is None or end - self.at < limit):
            end += 1
        return self.take(end - self.at)

    def until(self, stop: str, start: int, what: str) -> str:
        """The text up to `stop`, which is stepped over; `start` is where the construct named `what` began."""
        end = self.pattern.find(stop, self.at)
        if end < 0:
            raise self.error(f"{what} lacks its closing {stop!r}", start)
        text = self.take(end - self.at)
        self.at += len(stop)
        return text

    def error(self, message: str, start: int, hint: str | None = None) -> GrammarError:
        """An error about the text from `start` to the current place."""
        end = max(self.at, start + 1)
        line = self.pattern.count("\n", 0, start) + 1
        column = start - (self.pattern.rfind("\n", 0, start) + 1) + 1
        offending = self.pattern[start:end] or self.pattern
        return GrammarError(f"regular expression: {message}", line=line, column=column, text=offending, hint=hint)

    def unsupported(self, name: str, start: int, hint: str = "Rewrite the pattern without it.") -> GrammarError:
        return self.error(f"{name} is not supported", start, hint)
