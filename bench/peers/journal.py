"""Answers kept on disk while a long measurement runs, so that one that was cut off goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ...grammars import _core
from ..report import RESULTS, commit

_FOLDER = RESULTS.parents[1] / "build" / "bench"


class Journal:
    """A mapping from strings to JSON values; the same name, options, commit and extension go on with the same one."""

    def __init__(self, name: str, options: dict[str, Any]) -> None:
        binary = hashlib.sha256(Path(_core.__file__).read_bytes()).hexdigest()
        header = {"options": options, "commit": commit(), "extension": binary}
        self._file = _FOLDER / f"{name}.jsonl"
        self._answers: dict[str, Any] = {}
        lines = self._file.read_text().splitlines() if self._file.exists() else []
        if lines and lines[0] == json.dumps(header):
            for line in lines[1:]:
                try:
                    key, answer = json.loads(line)
                except ValueError:  # cut off while it was written
                    continue
                self._answers[key] = answer
        else:
            _FOLDER.mkdir(parents=True, exist_ok=True)
            self._file.write_text(json.dumps(header) + "\n")

    def __contains__(self, key: str) -> bool:
        return key in self._answers

    def __getitem__(self, key: str) -> Any:
        return self._answers[key]

    def add(self, key: str, answer: Any) -> None:
        """Keep an answer."""
        self._answers[key] = answer
        with self._file.open("a") as lines:
            lines.write(json.dumps([key, answer]) + "\n")

    def finish(self) -> None:
        """Everything was measured: the next run starts afresh."""
        self._file.unlink(missing_ok=True)
