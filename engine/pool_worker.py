"""The other end of `pool`: reads functions, then calls, from standard input, and answers on standard output."""

from __future__ import annotations

import os
import pickle
import struct
from typing import BinaryIO

_LENGTH = struct.Struct("<Q")


def _read(stream: BinaryIO) -> bytes | None:
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (size,) = _LENGTH.unpack(head)
    return stream.read(size)


def _write(stream: BinaryIO, message: tuple[str, object]) -> None:
    data = pickle.dumps(message)
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def main() -> None:
    """Answer until standard input ends."""
    calls, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # What a predicate prints goes to the terminal, and what it reads is nothing.
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    payload = _read(calls)
    if payload is None:
        return
    try:
        functions, broken = pickle.loads(payload), None
    except BaseException as error:
        functions, broken = {}, f"could not be loaded: {type(error).__name__}: {error}"
    _write(answers, ("ready", None))
    while (call := _read(calls)) is not None:
        role, argument = pickle.loads(call)
        answer: tuple[str, object]
        try:
            answer = ("error", broken) if broken else ("ok", bool(functions[role](argument)))
        except KeyboardInterrupt:
            return
        except BaseException as error:
            answer = ("error", f"raised {type(error).__name__}: {error}")
        _write(answers, answer)


if __name__ == "__main__":
    main()
