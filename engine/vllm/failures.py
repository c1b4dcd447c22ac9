"""Errors on their way from a constraint in the worker to the caller: text crosses processes, the exception itself
does not.

In one process the original exception is found again by its number.  Its frames, and those that called them, would pin
a step's logits for as long as it is kept; so its tracebacks, which reach a predicate's author, are kept as text.
"""

from __future__ import annotations

import itertools
import os
import re
import traceback
from collections import OrderedDict

from ...grammars.errors import GrammarError
from ..errors import TamisError

_KEPT = 64
_numbers = itertools.count(1)
_recent: OrderedDict[int, BaseException] = OrderedDict()
_LABEL = re.compile(r"^\[failure (\d+) in process (\d+)\] ")


def remember(error: BaseException) -> str:
    """Text of an error that `recall` can turn back into the exception in this process."""
    number = next(_numbers)
    _forget_frames(error)
    _recent[number] = error
    while len(_recent) > _KEPT:
        _recent.popitem(last=False)
    what = str(error) if isinstance(error, (TamisError, GrammarError)) else f"{type(error).__name__}: {error}"
    return f"[failure {number} in process {os.getpid()}] {what}"


def recall(text: str) -> BaseException | None:
    """The exception behind a text of `remember`, if it happened in this process and is recent."""
    label = _LABEL.match(text)
    if label is None or int(label.group(2)) != os.getpid():
        return None
    return _recent.pop(int(label.group(1)), None)


def message(text: str) -> str:
    """The text without its label."""
    return _LABEL.sub("", text)


def _forget_frames(error: BaseException) -> None:
    """Turn the traceback of an error, and of all that led to it, into a note.

    `traceback.clear_frames` would not do: frames that still run cannot be cleared, and the others point to them.
    """
    seen: set[int] = set()
    chain: list[BaseException | None] = [error]
    while chain:
        link = chain.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        chain += [link.__cause__, link.__context__, *(link.exceptions if isinstance(link, BaseExceptionGroup) else ())]
        if link.__traceback__ is not None:
            link.add_note("raised at:\n" + "".join(traceback.format_tb(link.__traceback__)).rstrip())
            link.__traceback__ = None
