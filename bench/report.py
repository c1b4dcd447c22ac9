"""Measurements as a table: on the terminal, and under docs/results/ with command, machine and commit."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

RESULTS = Path(__file__).resolve().parent.parent / "docs" / "results"


@dataclass
class _Section:
    title: str
    columns: list[str]
    rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Report:
    """The tables of one benchmark, printed and saved when it is done."""

    def __init__(self, name: str, title: str, command: str, columns: Sequence[str]) -> None:
        """`name` is the file under docs/results/ (without .md), `command` what reproduces it."""
        self._name, self._command = name, command
        self._sections = [_Section(title, list(columns))]

    def section(self, title: str, columns: Sequence[str]) -> None:
        """Begin a further table: rows and notes go there from now on."""
        self._sections.append(_Section(title, list(columns)))

    def add(self, *cells: object) -> None:
        """One row; floats are shown with three significant digits."""
        self._sections[-1].rows.append([_shown(cell) for cell in cells])

    def note(self, text: str) -> None:
        """A sentence below the table."""
        self._sections[-1].notes.append(text)

    def show(self) -> None:
        """Print the tables."""
        console = Console(width=None if sys.stdout.isatty() else 160)
        for section in self._sections:
            table = Table(title=section.title)
            for column in section.columns:
                table.add_column(column)
            for row in section.rows:
                table.add_row(*map(escape, row))
            console.print(table)
            for note in section.notes:
                console.print(note, markup=False, highlight=False)

    def conclude(self, failures: Sequence[str], *, save: bool) -> None:
        """Print, save if asked to, and end with status 1 if anything failed."""
        self.show()
        if save:
            self.save()
        for failure in failures:
            print(f"FAILED: {failure}")
        if failures:
            raise typer.Exit(1)

    def save(self) -> Path:
        """Write the tables as Markdown; returns the file."""
        RESULTS.mkdir(parents=True, exist_ok=True)
        target = RESULTS / f"{self._name}.md"
        lines = [
            f"# {self._sections[0].title}",
            "",
            f"- command: `{self._command}`",
            f"- machine: {machine()}",
            f"- commit: {commit()}",
            f"- date: {datetime.now(UTC):%Y-%m-%d}",
            "",
        ]
        for number, section in enumerate(self._sections):
            lines += [f"## {section.title}", ""] if number else []
            lines += [
                "| " + " | ".join(section.columns) + " |",
                "|" + "---|" * len(section.columns),
                *("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in section.rows),
                "",
            ]
            for note in section.notes:
                lines += [note, ""]
        target.write_text("\n".join(lines), encoding="utf-8")
        return target


def _shown(cell: object) -> str:
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:.3g}" if cell < 1000 else f"{cell:,.0f}"


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
