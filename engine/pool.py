"""Functions of a predicate in processes of their own: several at once, each with a time limit.

Workers are plain subprocesses that run `tamis.engine.pool_worker`, so a script needs no main guard, and functions
defined in it travel by value (cloudpickle). A call that takes too long costs its worker its life; the next call starts
another.
"""

from __future__ import annotations

import os
import pickle
import selectors
import struct
import subprocess
import sys
import time
import weakref
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cloudpickle

_LENGTH = struct.Struct("<Q")

# Seconds that a worker may take to start and to load the functions.
_STARTING = 60.0


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call has no answer."""

    why: str


def packed(functions: Any) -> bytes:
    """Functions as they travel to a worker.  Raises TypeError for what cannot be pickled."""
    try:
        data: bytes = cloudpickle.dumps(functions)
    except Exception as error:
        raise TypeError(f"a predicate with workers must be picklable: {error}") from error
    return data


class _Worker:
    """One subprocess, which answers one call at a time."""

    def __init__(self, payload: bytes) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tamis.engine.pool_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.calls, self.answers = self.process.stdin, self.process.stdout
        self._finalizer = weakref.finalize(self, _end, self.process)
        self.buffer = bytearray()
        self.call = -1
        self.ready = False
        self.deadline = 0.0
        self.send(payload)

    def send(self, data: bytes) -> None:
        self.calls.write(_LENGTH.pack(len(data)) + data)
        self.calls.flush()

    def read(self) -> list[Any]:
        """The messages that are complete now; raises EOFError when the process is gone."""
        data = os.read(self.answers.fileno(), 1 << 16)
        if not data:
            raise EOFError
        self.buffer += data
        messages = []
        while len(self.buffer) >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(self.buffer)
            if len(self.buffer) < _LENGTH.size + size:
                break
            messages.append(pickle.loads(bytes(self.buffer[_LENGTH.size : _LENGTH.size + size])))
            del self.buffer[: _LENGTH.size + size]
        return messages

    def end(self) -> None:
        self._finalizer()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


class Pool:
    """Answers calls (role, argument) of a dict of functions by role."""

    def __init__(self, functions: dict[str, Any], workers: int, timeout: float | None) -> None:
        """Workers start with the first call.  Raises TypeError for functions that cannot be pickled."""
        self._payload = packed(functions)
        self._count = workers
        self._timeout = timeout
        self._workers: list[_Worker] = []

    def answers(self, calls: Sequence[tuple[str, Any]]) -> list[bool | Failure]:
        """The truth of each call's answer, or why there is none; in the order of the calls."""
        try:
            return self._answers(calls)
        except BaseException:
            # What is under way would be taken for the answer to the next call.
            self.close()
            raise

    def _answers(self, calls: Sequence[tuple[str, Any]]) -> list[bool | Failure]:
        found: dict[int, bool | Failure] = {}
        waiting = deque(range(len(calls)))
        with selectors.DefaultSelector() as selector:
            busy: set[int] = set()
            while waiting or busy:
                while waiting and len(busy) < self._count:
                    index = waiting.popleft()
                    try:
                        worker = self._start(calls[index], index)
                    except OSError as error:
                        found[index] = Failure(f"found no worker: {error}")
                        continue
                    busy.add(id(worker))
                    selector.register(worker.answers, selectors.EVENT_READ, worker)
                self._collect(selector, busy, found)
        return [found[index] for index in range(len(calls))]

    def _start(self, call: tuple[str, Any], index: int) -> _Worker:
        """Give a call to an idle worker."""
        worker = next((worker for worker in self._workers if worker.call < 0), None)
        if worker is None:
            worker = _Worker(self._payload)
            self._workers.append(worker)
        try:
            worker.send(pickle.dumps(call))
        except OSError:
            # It died while it was idle.
            self._drop(worker)
            worker = _Worker(self._payload)
            self._workers.append(worker)
            worker.send(pickle.dumps(call))
        worker.call = index
        worker.deadline = self._deadline() if worker.ready else time.monotonic() + _STARTING
        return worker

    def _deadline(self) -> float:
        return float("inf") if self._timeout is None else time.monotonic() + self._timeout

    def _collect(self, selector: selectors.BaseSelector, busy: set[int], found: dict[int, bool | Failure]) -> None:
        """Wait for the next answer, or for the next deadline."""
        workers = [key.data for key in selector.get_map().values()]
        patience = min((worker.deadline for worker in workers), default=0.0) - time.monotonic()
        events = selector.select(None if patience == float("inf") else max(patience, 0.0))
        done: list[tuple[_Worker, bool | Failure, bool]] = []
        for key, _ in events:
            worker = key.data
            try:
                messages = worker.read()
            except EOFError:
                done.append((worker, Failure(f"ended its process (status {worker.process.wait()})"), True))
                continue
            for kind, content in messages:
                if kind == "ready":
                    worker.ready, worker.deadline = True, self._deadline()
                else:
                    done.append((worker, Failure(content) if kind == "error" else content, False))
        seen = {id(worker) for worker, _, _ in done}
        for worker in workers:
            if id(worker) not in seen and time.monotonic() >= worker.deadline:
                limit = f"gave no answer within {self._timeout:g} seconds" if worker.ready else "did not start"
                done.append((worker, Failure(limit), True))
        for worker, answer, gone in done:
            found[worker.call] = answer
            worker.call = -1
            busy.discard(id(worker))
            selector.unregister(worker.answers)
            if gone:
                self._drop(worker)

    def _drop(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.end()

    def close(self) -> None:
        """End all workers; the next call starts new ones."""
        for worker in list(self._workers):
            self._drop(worker)
