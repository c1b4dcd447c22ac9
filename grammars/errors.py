"""The one error a grammar source can cause, and how it is printed."""

from __future__ import annotations

import difflib


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
        message = _shortened(self.message, 500)
        parts = [": ".join([", ".join(place), message]) if place else message]
        if self.text is not None:
            parts.append(f"in: {_shortened(self.text, 200)}")
        if self.hint is not None:
            parts.append(_shortened(self.hint, 500))
        return "\n  ".join(parts)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.message, self.line, self.column, self.pointer, self.text, self.hint)


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length] + "..."


def _rebuild(
    message: str, line: int | None, column: int | None, pointer: str | None, text: str | None, hint: str | None
) -> GrammarError:
    return GrammarError(message, line=line, column=column, pointer=pointer, text=text, hint=hint)


def no_special_token(name: str, names: list[str], is_stop: bool) -> GrammarError:
    """The error of a grammar that asks for the special token `name`, bound to a vocabulary whose others are `names`."""
    if is_stop:
        return GrammarError(
            f"the special token {name!r} ends a string in this vocabulary, so it cannot be a part of one",
            text=name,
            hint="Leave it out of the grammar, or out of the stop ids (eos_ids).",
        )
    near = difflib.get_close_matches(name, names, n=5, cutoff=0.5)
    known = ", ".join(map(repr, near or sorted(names)[:10])) or "none"
    return GrammarError(
        f"the vocabulary has no special token {name!r}",
        text=name,
        hint=f"{'Near ones' if near else 'Special tokens'}: {known}. Tokens that are text are written as text.",
    )
