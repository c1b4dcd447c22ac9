"""`tamis grammar check`: kinds, options, texts, exit statuses, and no model in sight."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tamis.engine.cli import app
from typer.testing import CliRunner, Result

SCHEMA = '{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}'


def check(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(app, ["grammar", "check", *arguments], input=stdin)


def written(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)


@pytest.mark.parametrize(
    ("name", "source", "good", "bad"),
    [
        ("a.json", SCHEMA, '{"a": 1}', '{"a": "x"}'),
        ("a.schema.json", SCHEMA, '{"a": 1}', "{}"),
        ("a.lark", 'start: "a"+', "aa", "ab"),
        ("a.ebnf", "root ::= 'a'+", "aa", "ab"),
        ("a.gbnf", 'root ::= "a"+', "aa", "ab"),
        ("a.regex", "a+\n", "aa", "ab"),
        ("a.choice", "yes\nno\n", "no", "maybe"),
    ],
)
def test_kinds(tmp_path: Path, name: str, source: str, good: str, bad: str) -> None:
    file = written(tmp_path, name, source)
    assert check(file).exit_code == 0
    accepted = check(file, "--text", good)
    assert (accepted.exit_code, "accepted" in accepted.stdout) == (0, True), accepted.output
    refused = check(file, "--text", good, "--text", bad)
    assert refused.exit_code == 1
    assert "text 2: refused" in refused.stdout
    assert "^" in refused.stdout


def test_options_files_lines_and_passes(tmp_path: Path) -> None:
    file = written(tmp_path, "schema.json", SCHEMA)
    texts = written(tmp_path, "texts.jsonl", '{"a":1}\n{"a": 1}\n')
    assert check(file, "--file", texts, "--lines").exit_code == 0
    result = check(file, "--file", texts, "--lines", "--option", "whitespace=compact")
    assert result.exit_code == 1
    assert "line 1: accepted" in result.stdout
    assert "line 2: refused at line 1, column 6 (byte 5)" in result.stdout
    assert check(file, "--file", "-", stdin=b'{"a": 3}').exit_code == 0
    referring = written(tmp_path, "referring.json", '{"$ref": "urn:x"}')
    assert check(referring, "--option", 'resources={"urn:x": {"type": "null"}}', "--text", "null").exit_code == 0
    lark = written(tmp_path, "grammar.txt", 'begin: "a"')
    assert check(lark, "--kind", "lark", "--option", "start=begin", "--text", "a").exit_code == 0
    assert "expand_booleans" in check(lark, "--kind", "lark", "--option", "start=begin", "--passes").stdout
    assert check("-", "--kind", "regex", "--text", "ab", stdin=b"ab").exit_code == 0


def test_json(tmp_path: Path) -> None:
    file = written(tmp_path, "a.gbnf", 'root ::= item "." \nitem ::= [0-9]+')
    result = check(file, "--json", "--text", "12", "--text", "1.", "--passes")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["grammar"]["kind"] == "gbnf"
    assert report["passes"][0]["name"] == "source"
    first, second = report["texts"]
    assert (first["verdict"], first["offset"], first["accepted"]) == ("incomplete", 2, False)
    assert first["next_bytes"] == [46, *range(48, 58)]
    assert {tuple(place["rules"]) for place in first["places"]} == {("root", "item"), ("root",)}
    assert second["accepted"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.gbnf"], "missing.gbnf: No such file"),
        (["grammar.txt"], "the suffix says the kind"),
        (["grammar.txt", "--kind", "yacc"], "--kind 'yacc' is unknown"),
        (["bad.gbnf"], "line 1, column 10"),
        (["good.gbnf", "--option", "start"], "write name=value"),
        (["good.gbnf", "--option", "start=x"], "unknown option 'start' of gbnf"),
        (["good.gbnf", "--file", "missing.txt"], "missing.txt"),
        (["latin.gbnf"], "not UTF-8"),
        (["-", "--kind", "regex", "--file", "-"], "cannot both be read from standard input"),
    ],
)
def test_mistakes_end_with_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "good.gbnf", 'root ::= "a"')
    written(tmp_path, "bad.gbnf", "root ::= )")
    written(tmp_path, "grammar.txt", "x")
    (tmp_path / "latin.gbnf").write_bytes(b'root ::= "\xe9"')
    result = check(*arguments, stdin=b"")
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("error: ")
    assert said in result.stderr


def test_it_starts_without_torch_and_vllm(tmp_path: Path) -> None:
    file = written(tmp_path, "a.regex", "a+")
    code = (
        "import sys; from tamis.engine.cli import app\n"
        f"try: app(['grammar', 'check', {file!r}, '--text', 'aa'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "assert not {'torch', 'vllm', 'numba', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
