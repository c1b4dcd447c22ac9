"""A process for code that may crash or hang: killed when it runs over its time, and started again for what is left."""

from __future__ import annotations

import multiprocessing
import os
import resource
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

_MEMORY_BYTES = 8 << 30


@dataclass(frozen=True)
class Failure:
    """A request that had no answer."""

    kind: str  # "time-out" or "crash"
    detail: str


class Worker:
    """`Worker(make_job, *arguments).ask(*request)` is `make_job(*arguments)(*request)` in another process.

    `make_job` is a function of a module; requests and answers must be picklable.  The process may use 8 GiB: past them
    allocations fail in it.  What it writes to its standard error is kept for the report of a crash.
    """

    def __init__(self, make_job: Callable[..., Callable[..., Any]], *arguments: Any) -> None:
        self._target = (make_job, arguments)
        self._process: BaseProcess | None = None
        self._errors = tempfile.NamedTemporaryFile(prefix="tamis-worker-")  # noqa: SIM115 (closed in __exit__)

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._errors.close()

    def ask(self, *request: Any, limit_s: float) -> Any:
        """The job's answer, or a `Failure` where it crashed or took longer than `limit_s` (starting not counted).

        An exception of the job is raised here as RuntimeError, with the traceback of the other process.
        """
        pipe = self._started()
        try:
            pipe.send(request)
            if not pipe.poll(limit_s):
                self._stop()
                return Failure("time-out", f"more than {limit_s:g} s")
            return self._received(pipe)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return Failure("crash", self._last_words())

    def _started(self) -> Connection:
        if self._process is None:
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=_serve, args=(theirs, self._errors.name, *self._target), daemon=True)
            self._process.start()
            theirs.close()
            self._received(self._pipe)
        return self._pipe

    @staticmethod
    def _received(pipe: Connection) -> Any:
        is_answer, answer = pipe.recv()
        if not is_answer:
            raise RuntimeError(f"in the worker process:\n{answer}")
        return answer

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
            self._process = None

    def _last_words(self) -> str:
        """How the process ended, and the last line that it wrote to its standard error."""
        assert self._process is not None
        self._process.join(10)
        status = self._process.exitcode
        self._stop()
        lines = Path(self._errors.name).read_text(errors="replace").strip().splitlines()
        return f"exit status {status}: {lines[-1][:200] if lines else 'nothing said'}"


def _serve(
    pipe: Connection, errors: str, make_job: Callable[..., Callable[..., Any]], arguments: tuple[Any, ...]
) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_BYTES, _MEMORY_BYTES))
    os.dup2(os.open(errors, os.O_WRONLY | os.O_TRUNC | os.O_APPEND), 2)
    try:
        job = make_job(*arguments)
        pipe.send((True, None))
        while True:
            pipe.send((True, job(*pipe.recv())))
    except EOFError:  # the other side is gone
        return
    except BaseException:
        pipe.send((False, traceback.format_exc()))
        raise
