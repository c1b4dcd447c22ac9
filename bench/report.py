"""Measurements as a table: on the terminal, and under docs/results/ with command, machine and commit."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).resolve().parent.parent / "docs" / "results"


class Report:
    """Rows of one benchmark, printed and saved when it is done."""

    def __init__(self, name: str, title: str, command: str, columns: Sequence[str]) -> None:
        """`name` is the file under docs/results/ (without .md), `command` what reproduces it."""
        self._name, self._title, self._command = name, title, command
        self._columns = list(columns)
        self._rows: list[list[str]] = []

    def add(self, *cells: object) -> None:
        """One row; floats are shown with three significant digits."""
        self._rows.append([f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in cells])

    def show(self) -> None:
        """Print the table."""
        table = Table(title=self._title)
        for column in self._columns:
            table.add_column(column)
        for row in self._rows:
            table.add_row(*row)
        Console().print(table)

    def save(self) -> Path:
        """Write the table as Markdown; returns the file."""
        RESULTS.mkdir(parents=True, exist_ok=True)
        target = RESULTS / f"{self._name}.md"
        lines = [
            f"# {self._title}",
            "",
            f"- command: `{self._command}`",
            f"- machine: {machine()}",
            f"- commit: {commit()}",
            f"- date: {datetime.now(UTC):%Y-%m-%d}",
            "",
            "| " + " | ".join(self._columns) + " |",
            "|" + "---|" * len(self._columns),
            *("| " + " | ".join(row) + " |" for row in self._rows),
            "",
        ]
        target.write_text("\n".join(lines), encoding="utf-8")
        return target


def machine() -> str:
    """CPU model, cores in use and memory."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB, Python {platform.python_version()}"


def commit() -> str:
    """The commit measured; "+ changes" if the tree differs from it."""

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, cwd=RESULTS.parent.parent, check=False
        )
        return done.stdout.strip()

    return (git("rev-parse", "--short", "HEAD") or "unknown") + (" + changes" if git("status", "--porcelain") else "")
