"""The command line refuses what cannot be used with one message and exit status 2, before any model is loaded."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from tamis.engine import Engine, InputError, TamisError, generate
from tamis.engine.cli import app
from tamis.engine.cli.doctor import diagnose
from tamis.grammars import Grammar, GrammarError
from typer.testing import CliRunner

NOTHING = r"[^\s\S]"


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **options: Any) -> None:
        raise AssertionError("an engine was built")

    monkeypatch.setattr(Engine, "__init__", refuse)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["x", "--regex", "a", "--choice", "b"], "--regex and --choice contradict"),
        (["x", "--schema", "missing.json"], "missing.json"),
        (["x", "--grammar", "grammar.txt"], "suffix"),
        (["x", "--schema", '{"type": "nonsense"}'], "nonsense"),
        (["x", "--schema", "{"], "error:"),
        (["x", "--schema", ""], "--schema is empty"),
        (["x", "--schema", "[1]"], "schema"),
        (["x", "--schema", "true", "--particles", "0"], "particles"),
        (["x\udcff"], "prompt 0 is no Unicode text"),
        (["x\udcff", "--chat"], "'content' of message 0 of prompt 0"),
        (["x", "--regex", "(a"], "error:"),
        (["x", "--regex", NOTHING], "error:"),
        ([""], "empty"),
        (["", "--chat"], "empty"),
        (["-"], "empty"),
        (["x", "--particles", "0"], "particles"),
        (["x", "--max-tokens", "0"], "max_tokens"),
        (["x", "--temperature", "nan"], "temperature"),
        (["x", "--top-p", "0"], "top_p"),
        (["x", "--estimator", "guess"], "guess"),
        (["x", "--resampling", "roulette"], "roulette"),
        (["x", "--tail-checks", "0"], "tail_checks"),
        (["x", "--seed", str(1 << 64)], "seed"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else None,
)
def test_bad_arguments(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["generate", *arguments], input="")
    assert result.exit_code == 2, result.exception
    assert said in result.stderr
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.output


def test_every_typed_error_is_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any, **options: Any) -> None:
        raise TamisError("no luck today")

    monkeypatch.setattr(Engine, "__init__", fail)
    result = CliRunner().invoke(app, ["generate", "x", "--no-progress"])
    assert (result.exit_code, result.stderr) == (2, "error: no luck today\n")


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (("", None), InputError, "empty"),
        (("x", Grammar("regex", NOTHING)), GrammarError, "string"),
        (("x", "[a-z]"), InputError, "got str"),
        (("x", None, 0), InputError, "particles"),
        (("x", None, 1, 0, 0), InputError, "max_tokens"),
    ],
    ids=str,
)
def test_the_function_generate_checks_first_too(arguments: tuple[Any, ...], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        generate(*arguments)


def test_the_function_generate_knows_its_arguments() -> None:
    with pytest.raises(TypeError, match="tempature"):
        generate("x", tempature=1.0)
    with pytest.raises(InputError, match="eos must be a list"):
        generate("x", eos=5)


def test_doctor() -> None:
    findings = {finding.what: finding for finding in diagnose()}
    assert findings["Python"].verdict == "ok"
    assert findings["grammar automata"].verdict == "ok", findings["grammar automata"]
    assert {"vLLM", "torch", "numba", "gymnasium", "default model", "memory", "threads"} <= set(findings)
    assert all(finding.advice for finding in findings.values() if finding.verdict != "ok")


def test_doctor_only_warns_of_what_nothing_imports_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    doctor = sys.modules["tamis.engine.cli.doctor"]
    monkeypatch.setattr(doctor, "_version", lambda name: None)
    findings = {finding.what: finding.verdict for finding in diagnose()}
    assert findings["gymnasium"] == findings["outlines-core"] == "warning"
    assert findings["lark"] == findings["vLLM"] == "error"


def test_generate_reads_grammar_files(tmp_path: Path) -> None:
    path = tmp_path / "broken.lark"
    path.write_text("start: (")
    result = CliRunner().invoke(app, ["generate", "x", "--grammar", str(path)])
    assert result.exit_code == 2
    assert "line 1" in result.stderr
