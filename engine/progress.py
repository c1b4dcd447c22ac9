"""What the caller sees of a running call: progress, and that Ctrl-C ends it."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a call of `Engine.generate` stands.

    Attributes:
        finished, total: prompts.
        tokens: tokens drawn so far, over all particles.
        seconds: since the call began.
    """

    finished: int
    total: int
    tokens: int
    seconds: float


@contextlib.contextmanager
def reporting(progress: bool | Callable[[Progress], None]) -> Iterator[Callable[[Progress], None] | None]:
    """The function to call after every step: the caller's own, a bar on stderr for True, None for False."""
    if progress is False:
        yield None
    elif progress is True:
        with _bar() as show:
            yield show
    else:
        yield progress


@contextlib.contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("generating"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[tokens]} tokens, {task.fields[speed]:.0f} tokens/s"),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None, tokens=0, speed=0.0)

        def show(progress: Progress) -> None:
            speed = progress.tokens / max(progress.seconds, 1e-9)
            bar.update(task, completed=progress.finished, total=progress.total, tokens=progress.tokens, speed=speed)

        yield show


@contextlib.contextmanager
def postponed_interrupt() -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C wait for the end of a step; yields whether it was pressed.  Pressed again, it interrupts at once.

    An engine whose step is torn in the middle cannot be used any more; between steps it can.
    """
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield lambda: False
        return
    pressed = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            signal.default_int_handler(number, frame)
        pressed = True

    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
