"""Seeds for the fuzzers out of the tests' own fixtures: `python tests/fuzz/seeds.py FOLDER`."""

from __future__ import annotations

import ast
import gzip
import hashlib
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
SEPARATOR = b"\xff"


def strings(test: str) -> list[str]:
    """The string literals of a test module: patterns, grammars and texts."""
    tree = ast.parse((ROOT / "tests" / "grammars" / test).read_text(encoding="utf-8"))
    found = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return [text for text in dict.fromkeys(found) if 0 < len(text) < 500]


def write(folder: Path, source: str, texts: list[str]) -> None:
    data = SEPARATOR.join(part.encode(errors="ignore") for part in (source, *texts))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(data).hexdigest()[:16]).write_bytes(data)


def main(folder: Path) -> None:
    for text in strings("test_regex.py"):
        write(folder / "regex", text, ["a", "ab", "aab\n"])
    for text in strings("test_lark.py"):
        if ":" in text:
            write(folder / "lark", text, ["a", "ab", "a b", "1+1"])
    for text in strings("test_json_schema.py"):
        write(
            folder / "schema", text if text.startswith("{") else '{"pattern":' + json.dumps(text) + "}", ["{}", '"a"']
        )
    if (DATA / "json_schema_test_suite.jsonl.gz").exists():
        with gzip.open(DATA / "json_schema_test_suite.jsonl.gz", "rt", encoding="utf-8") as lines:
            for case in map(json.loads, lines):
                texts = [json.dumps(test["data"]) for test in case["tests"]]
                write(folder / "schema", json.dumps(case["schema"]), texts[:6])
    for number in range(64):  # the bytes of a small program of expressions, and texts
        data = b"".join(hashlib.sha1(f"{number} {i}".encode()).digest() for i in range(8))
        (folder / "bytes").mkdir(parents=True, exist_ok=True)
        (folder / "bytes" / f"{number:02}").write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
