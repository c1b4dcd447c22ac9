"""Lowered grammars on disk: the same grammar comes back, and files that are not to be trusted are not used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import pytest
from tamis.grammars import Grammar, cache, ebnf, gbnf, lark, machines, regex
from tamis.grammars.lark import _source

CALCULATOR = """start: sum
?sum: product | sum "+" product
?product: atom | product "*" atom
atom: NUMBER | "(" sum ")"
NUMBER: /[0-9]+(?=\\D|\\Z)/
%ignore " "
"""
SOURCES = [
    ("lark", CALCULATOR, {}, ["1+2*(3+4)", "1 + 2", "1+", "(1", ""]),
    ("lark", CALCULATOR.replace(r"(?=\D|\Z)", ""), {"parser": "earley"}, ["1+2*(3+4)", "1+", ""]),
    ("regex", r"(a|é+)b\1x{2,3}", {}, ["abaxx", "éébééxxx", "ébaxx", "abax"]),
    ("regex", r"\bab+(?!c)\B.*", {}, ["abb", "abc", "abbc"]),
    ("ebnf", "root ::= a - 'ab' a ::= 'a' [a-c]+", {}, ["ab", "abc", "ac"]),
    ("gbnf", 'root ::= "(" root? ")" | [^x\\n]', {}, ["()", "((a))", "x"]),
]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "grammars"
    monkeypatch.setenv(cache.SETTING, str(folder))
    monkeypatch.setattr(cache, "_WORTHWHILE", 0.0)
    _source.cache_clear()  # machines made without a cache have no recipes
    return folder


@pytest.mark.parametrize(("kind", "source", "options", "texts"), SOURCES)
def test_what_comes_back_is_what_went_in(
    place: Path, monkeypatch: pytest.MonkeyPatch, kind: str, source: str, options: dict[str, str], texts: list[str]
) -> None:
    first = Grammar(kind, source, options)
    (file,) = place.iterdir()
    assert file.suffix == ".grammar"
    assert file.stat().st_mode & 0o077 == 0
    written = file.stat().st_mtime_ns

    def refuse(*arguments: object, **named: object) -> int:
        raise AssertionError("the front end was asked")

    monkeypatch.setattr("tamis.grammars.grammar._front_end", lambda kind: refuse)
    monkeypatch.setattr("tamis.grammars.grammar._checked", lambda kind, lower, given: dict(given))
    second = Grammar(kind, source, options)
    assert second.passes() == first.passes()
    one, other = first._compiled(1 << 28), second._compiled(1 << 28)
    for text in texts:
        data = text.encode()
        assert one.accepts(data) == other.accepts(data)
        assert one.longest(one.start, data)[1] == other.longest(other.start, data)[1]
    assert file.stat().st_mtime_ns >= written


def test_it_is_off_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(cache.SETTING, raising=False)
    assert cache.folder() is None
    monkeypatch.setenv(cache.SETTING, "0")
    assert cache.folder() is None
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv(cache.SETTING, "1")
    assert cache.folder() == tmp_path / "tamis" / "grammars"


def test_quick_grammars_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.SETTING, str(tmp_path / "grammars"))
    gbnf('root ::= "quick"')
    assert not (tmp_path / "grammars").exists()


def only_file(place: Path) -> Path:
    (file,) = place.glob("*.grammar")
    return file


@pytest.mark.parametrize(
    "damage", ["empty", "truncated", "flipped", "foreign", "bomb", "calls", "method", "table", "json"]
)
def test_damaged_and_foreign_files_are_written_anew(place: Path, damage: str) -> None:
    grammar = lark(CALCULATOR)
    file = only_file(place)
    good = file.read_bytes()
    head, _, body = good.partition(b"\n")
    entry = json.loads(zlib.decompress(body))

    def with_body(changed: bytes) -> bytes:
        import hashlib

        return (
            json.dumps({**json.loads(head), "sha256": hashlib.sha256(changed).hexdigest()}).encode() + b"\n" + changed
        )

    def with_entry(changed: object) -> bytes:
        return with_body(zlib.compress(json.dumps(changed).encode()))

    bad = {
        "empty": b"",
        "truncated": good[: len(good) // 2],
        "flipped": good[:-9] + bytes([good[-9] ^ 1]) + good[-8:],
        "foreign": json.dumps({"tamis grammar": "another"}).encode() + b"\n" + body,
        "bomb": with_body(zlib.compress(b"[" * 10_000_000)),
        "calls": with_entry({"calls": [["seq", [7]]], "node": 0}),
        "method": with_entry({"calls": [["compile", 0]], "node": 0}),
        "table": with_entry({**entry, "calls": [[*entry["calls"][0][:5], [], *entry["calls"][0][6:]]]}),
        "json": b"[1]\n" + body,
    }[damage]
    file.write_bytes(bad)
    with pytest.warns(RuntimeWarning, match="left out of account"):
        again = lark(CALCULATOR)
    assert again == grammar
    assert again._compiled(1 << 28).accepts(b"1+2")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lark(CALCULATOR)
    assert zlib.decompress(only_file(place).read_bytes().partition(b"\n")[2]) == zlib.decompress(body)


def test_files_of_another_version_are_written_anew(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    regex("ab+c")
    before = only_file(place).read_bytes()
    monkeypatch.setattr(cache, "stamp", lambda: "another version")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        regex("ab+c")
    assert json.loads(only_file(place).read_bytes().partition(b"\n")[0])["stamp"] == "another version"
    assert only_file(place).read_bytes() != before


def test_the_folder_is_bounded(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    for number in range(8):
        gbnf(f'root ::= "text {number}"')
        sizes.append(max(file.stat().st_size for file in place.iterdir()))
    for age, file in enumerate(sorted(place.iterdir(), key=lambda file: file.stat().st_mtime_ns)):
        os.utime(file, (1000 + age, 1000 + age))
    monkeypatch.setattr(cache, "MAX_BYTES", 4 * max(sizes))
    gbnf('root ::= "text 0"')  # used again
    gbnf('root ::= "text 9"')
    left = sum(file.stat().st_size for file in place.iterdir())
    assert max(sizes) < left <= 4 * max(sizes)
    kept = len(list(place.iterdir()))
    gbnf('root ::= "text 0"')
    assert len(list(place.iterdir())) == kept  # it was still there


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(cache.SETTING, str(tmp_path / "file" / "grammars"))
    monkeypatch.setattr(cache, "_WORTHWHILE", 0.0)
    with pytest.warns(RuntimeWarning, match="cannot be"):
        assert ebnf("a ::= 'x'").compile().accepts(b"x")


def test_machines_without_recipes_are_not_kept(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "_recipes", {})
    monkeypatch.setattr(cache, "remember", lambda wanted: None)
    regex(r"(a+)b\1")
    assert not place.exists()


def test_many_processes_at_once(place: Path) -> None:
    code = "from tamis.grammars import cache, lark\ncache._WORTHWHILE = 0\n" + f"g = lark({CALCULATOR!r})\n"
    code += "assert g.compile().accepts(b'1+2') and not g.compile().accepts(b'1+')"
    command = [sys.executable, "-W", "error::RuntimeWarning", "-c", code]
    for process in [subprocess.Popen(command, env=dict(os.environ)) for _ in range(3)]:
        assert process.wait() == 0
    assert [file.suffix for file in place.iterdir()] == [".grammar"]
