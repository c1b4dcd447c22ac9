"""The one error a grammar source can cause, and how it is printed."""

from __future__ import annotations


class GrammarError(ValueError):
    """A grammar source cannot be used: what is wrong, where, and how to get out.

    Attributes: `message`, `line` and `column` (1-based, for text sources), `pointer` (a JSON pointer, for schemas),
    `text` (the offending piece of the source), `hint` (the way out). Absent parts are None.
    """

    def __init__(
        self,
        message: str,
        *,
        line: int | None = None,
        column: int | None = None,
        pointer: str | None = None,
        text: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.message = message
        self.line = line
        self.column = column
        self.pointer = pointer
        self.text = text
        self.hint = hint
        super().__init__(str(self))

    def __str__(self) -> str:
        place = []
        if self.line is not None:
            place.append(f"line {self.line}" + (f", column {self.column}" if self.column is not None else ""))
        if self.pointer is not None:
            place.append(f"at {self.pointer or '#'}")
        parts = [": ".join([", ".join(place), self.message]) if place else self.message]
        if self.text is not None:
            shown = self.text if len(self.text) <= 200 else self.text[:200] + "..."
            parts.append(f"in: {shown}")
        if self.hint is not None:
            parts.append(self.hint)
        return "\n  ".join(parts)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.message, self.line, self.column, self.pointer, self.text, self.hint)


def _rebuild(
    message: str, line: int | None, column: int | None, pointer: str | None, text: str | None, hint: str | None
) -> GrammarError:
    return GrammarError(message, line=line, column=column, pointer=pointer, text=text, hint=hint)
