"""The adapters of `tamis.bench.peers` over a tiny vocabulary, and the process that they run in."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tamis.bench.peers import engines, journal
from tamis.bench.peers.constraint import PeerConstraint
from tamis.bench.peers.judging import judge
from tamis.bench.peers.protocol import Engine, Refused
from tamis.bench.peers.tokens import Tokens
from tamis.bench.peers.worker import Failure, Worker
from tamis.grammars import Vocabulary

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer", "minimum": 0, "maximum": 20}},
    "required": ["a"],
    "additionalProperties": False,
}
TEXTS = [None, b'{"', b'a"', b": ", *(bytes([byte]) for byte in b'{"a: 0123456789}xyz'), None]
EOS = 0


def encode(text: str) -> list[int]:
    """Longest tokens first."""
    ids, data = [], text.encode()
    while data:
        token = max((t for t in TEXTS if t and data.startswith(t)), key=len)
        ids.append(TEXTS.index(token))
        data = data[len(token) :]
    return ids


TINY = Tokens("tiny", TEXTS, EOS, encode)


@pytest.fixture(scope="module", params=engines.NAMES)
def engine(request: pytest.FixtureRequest) -> Engine:
    if not engines.is_installed(request.param):
        pytest.skip(f"{request.param} is not installed")
    return engines.make(request.param, TINY)


def allowed(engine: Engine, matcher: Any) -> set[bytes | None]:
    matcher.fill_mask()
    bits = np.unpackbits(engine.mask.view(np.uint8), bitorder="little")[: len(TEXTS)]
    return {TEXTS[token] for token in np.flatnonzero(bits)}


def test_a_text_is_followed_token_by_token(engine: Engine) -> None:
    compiled = engine.compile(json.dumps(SCHEMA))
    matcher = engine.matcher(compiled)
    assert {b"{", b'{"'} <= allowed(engine, matcher) <= {b"{", b'{"', b" "}
    for token in encode('{"a": 1'):
        assert matcher.advance(token)
        assert not matcher.is_complete()
    after_one = allowed(engine, matcher)
    assert {b"0", b"9", b"}"} <= after_one
    assert not after_one & {None, b"x", b'{"', b'"', b"{"}
    fork = matcher.fork()
    assert matcher.advance(TEXTS.index(b"}"))
    assert matcher.is_complete()
    assert None in allowed(engine, matcher)
    if fork is not None:
        assert allowed(engine, fork) == after_one
    assert matcher.advance(EOS)


def test_masks_checks_and_steps_agree(engine: Engine) -> None:
    compiled = engine.compile(json.dumps(SCHEMA))
    for text, accepted in [
        ('{"a": 12}', True),
        ('{"a":7}', True),
        ('{"a": x}', False),
        ('{"a": 1', False),
        ("{}", False),
    ]:
        verdict = judge(engine, compiled, TINY, text, compare=2, seed="")
        assert verdict.error is None
        assert verdict.accepted is accepted
        assert verdict.compared > 0


def test_checks_leave_the_matcher_where_it_is(engine: Engine) -> None:
    matcher = engine.matcher(engine.compile(json.dumps(SCHEMA)))
    for token in encode('{"a": 1'):
        candidates = [
            token,
            TEXTS.index(b"x"),
            TEXTS.index(b'{"') if token != TEXTS.index(b'{"') else TEXTS.index(b"y"),
        ]
        assert list(matcher.check(engine.batch(candidates))) == [True, False, False]
        assert matcher.advance(token)


def test_a_schema_that_cannot_be_used_is_refused(engine: Engine) -> None:
    with pytest.raises(Refused):
        engine.compile('{"type": "nonsense"}')


def make_test_job(factor: int) -> Callable[..., Any]:
    def job(action: str, value: float) -> Any:
        if action == "abort":
            os.write(2, b"about to fall\n")
            os.abort()
        if action == "sleep":
            time.sleep(value)
        if action == "raise":
            raise ValueError("a bug of the job")
        return factor * value

    return job


def test_a_worker_outlives_crashes_and_time_outs() -> None:
    with Worker(make_test_job, 3) as worker:
        assert worker.ask("answer", 2, limit_s=60) == 6
        late = worker.ask("sleep", 60, limit_s=0.1)
        assert isinstance(late, Failure)
        assert late.kind == "time-out"
        crash = worker.ask("abort", 0, limit_s=60)
        assert crash == Failure("crash", "exit status -6: about to fall")
        assert worker.ask("answer", 5, limit_s=60) == 15
        with pytest.raises(RuntimeError, match="a bug of the job"):
            worker.ask("raise", 0, limit_s=60)


def test_a_journal_goes_on_with_the_same_options_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_FOLDER", tmp_path)
    first = journal.Journal("test", {"seed": 0})
    first.add("a", [1, 2])
    (tmp_path / "test.jsonl").write_text((tmp_path / "test.jsonl").read_text() + '["b", [3')
    again = journal.Journal("test", {"seed": 0})
    assert "a" in again
    assert again["a"] == [1, 2]
    assert "b" not in again
    assert "a" not in journal.Journal("test", {"seed": 1})


@pytest.mark.parametrize("name", [name for name in engines.DEFAULTS if engines.is_installed(name)])
def test_masks_of_peers_serve_as_constraints(name: str) -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"enum": [1, 22]}},
        "required": ["n"],
        "additionalProperties": False,
    }
    letters = [bytes([byte]) for byte in range(256)]
    vocabulary = Vocabulary([*letters, b'{"n', None, None], eos_ids=[257, 258])
    bound = PeerConstraint(name, json.dumps(schema)).bind(vocabulary)
    text = [256, *b'": 22}']
    state = bound.start
    for token in text:
        states = np.array([state], dtype=np.int64)
        allowed = bound.check(states, np.array([[token, ord("x"), -1, 257, 258]], dtype=np.int32))[0]
        assert allowed.tolist() == [True, False, False, False, False]
        assert not bound.is_complete(state)
        state = int(bound.advance(states, np.array([token], dtype=np.int32))[0])
    assert bound.is_complete(state)
    assert bound.replay(np.array(text, dtype=np.int32)) == state
    assert bound.replay(np.array([*text[:-2], ord("3")], dtype=np.int32)) == -1
    ends = bound.check(np.array([state]), np.array([[257, 258]], dtype=np.int32))[0]
    assert ends.tolist() == [True, True]
    ended = bound.advance(np.array([state]), np.array([258], dtype=np.int32))
    assert not bound.mask(int(ended[0])).any()
