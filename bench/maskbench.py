"""MaskBench: JSON Schemas from the wild with instances marked valid or not."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "maskbench_dev.jsonl.gz"


@dataclass(frozen=True)
class Instance:
    data: Any
    valid: bool

    def text(self, *, compact: bool = False) -> str:
        """JSON with Python's default separators, or without any white space."""
        return json.dumps(self.data, ensure_ascii=False, separators=(",", ":") if compact else None)


@dataclass(frozen=True)
class Case:
    name: str
    schema: Any
    instances: tuple[Instance, ...]


def read_cases(file: Path) -> list[Case]:
    """All cases of a file of JSON lines: {name, schema, tests: [{data, valid}]}."""
    if not file.exists():
        raise typer.BadParameter(f"{file} does not exist; name the file with --data")
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        Case(row["name"], row["schema"], tuple(Instance(test["data"], test["valid"]) for test in row["tests"]))
        for row in rows
    ]
