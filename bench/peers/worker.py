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
from time import monotonic
from typing import Any

_MEMORY_BYTES = 8 << 30
_LOOK_S = 0.25  # how often the time is looked at


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
        self.cpu_seconds = 0.0  # what answering took, all questions together
        self._errors = tempfile.NamedTemporaryFile(prefix="tamis-worker-")  # noqa: SIM115 (closed in __exit__)

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._errors.close()

    def ask(self, *request: Any, limit_s: float) -> Any:
        """The job's answer, or a `Failure` where it crashed or took more than `limit_s` of CPU time.

        Starting the process does not count.  Ten times that on the clock are too long, too.  An exception of the job is
        raised here as RuntimeError, with the traceback of the other process.
        """
        process = self._started()
        before, end = _cpu_seconds(process), monotonic() + 10 * limit_s
        used = 0.0
        try:
            self._pipe.send(request)
            while not self._pipe.poll(_LOOK_S):
                used = _cpu_seconds(process) - before
                if used > limit_s or monotonic() > end:
                    self._stop()
                    return Failure("time-out", f"more than {limit_s:g} s")
            used = max(_cpu_seconds(process) - before, used)
            return self._received(self._pipe)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return Failure("crash", self._last_words())
        finally:
            self.cpu_seconds += used

    def _started(self) -> BaseProcess:
        if self._process is None:
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=_serve, args=(theirs, self._errors.name, *self._target), daemon=True)
            self._process.start()
            theirs.close()
            self._received(self._pipe)
        return self._process

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


def _cpu_seconds(process: BaseProcess) -> float:
    """What a process and its threads have used; 0 once it is gone."""
    try:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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
