"""Errors on their way from a constraint in the worker to the caller: text crosses processes, the exception itself
does not.

In one process the original exception is found again by its number, so a predicate's own traceback reaches its author.
"""

from __future__ import annotations

import itertools
import os
import re
from collections import OrderedDict

from ..errors import TamisError
from ..predicate import PredicateError

_KEPT = 64
_numbers = itertools.count(1)
_recent: OrderedDict[int, BaseException] = OrderedDict()
_LABEL = re.compile(r"^\[failure (\d+) in process (\d+)\] ")


def remember(error: BaseException) -> str:
    """Text of an error that `recall` can turn back into the exception in this process."""
    number = next(_numbers)
    _recent[number] = error
    while len(_recent) > _KEPT:
        _recent.popitem(last=False)
    what = str(error) if isinstance(error, (TamisError, PredicateError)) else f"{type(error).__name__}: {error}"
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
