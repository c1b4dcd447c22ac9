"""The progress bar of `Engine.generate(..., progress=True)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

if TYPE_CHECKING:
    from .engine import Progress


class ProgressBar:
    """Prompts finished and tokens per second, on stderr."""

    def __init__(self) -> None:
        """Show the bar at once."""
        self._bar = RichProgress(
            TextColumn("generating"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[tokens]} tokens, {task.fields[speed]:.0f} tokens/s"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task("", total=None, tokens=0, speed=0.0)
        self._bar.start()

    def __call__(self, progress: Progress) -> None:
        """Redraw."""
        self._bar.update(
            self._task,
            completed=progress.finished,
            total=progress.total,
            tokens=progress.tokens,
            speed=progress.tokens / max(progress.seconds, 1e-9),
        )

    def close(self) -> None:
        """Take the bar off the screen."""
        self._bar.stop()
