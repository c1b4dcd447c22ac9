"""The SmolLM2 vocabulary: tokens as bytes, and mask == check == advance over all of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tamis.engine.models import DEFAULT_MODEL, resolve_model
from tamis.grammars import Grammar, Vocabulary, gbnf, json_schema, lark, regex


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(resolve_model(DEFAULT_MODEL))


@pytest.fixture(scope="module")
def vocabulary(tokenizer: Any) -> Vocabulary:
    return Vocabulary.from_tokenizer(tokenizer, eos_ids=[0, 2])


def test_tokens_are_read_as_bytes(tokenizer: Any, vocabulary: Vocabulary) -> None:
    assert vocabulary.size == 49152
    assert vocabulary.eos_ids == [0, 2]
    text = 'naïve "quotes"\n\t{日本語} 😀 e\u0301 \\ end'
    ids = tokenizer(text)["input_ids"]
    assert b"".join(vocabulary.token_bytes(i) or b"" for i in ids) == text.encode()
    for special in tokenizer.all_special_ids:
        assert vocabulary.token_bytes(special) is None
    single = {vocabulary.token_bytes(i) for i in range(vocabulary.size)}
    missing = [b for b in range(256) if bytes([b]) not in single]
    assert len(missing) == 21  # bytes that no token writes alone: viable in bytes is not viable in tokens


def test_a_vocabulary_without_eos_or_bytes_is_refused(tokenizer: Any) -> None:
    class Slow:
        backend_tokenizer = None

    with pytest.raises(ValueError, match="not a fast tokenizer"):
        Vocabulary.from_tokenizer(Slow())
    padded = Vocabulary.from_tokenizer(tokenizer, size=50000)
    assert padded.size == 50000
    assert padded.token_bytes(49999) is None


CASES: list[tuple[Grammar, str]] = [
    (regex(r"[A-Z][a-z]+( [A-Z][a-z]+)*"), "Ada Lovelace"),
    (
        json_schema({"type": "object", "properties": {"näme": {"type": "string"}, "n": {"type": "integer"}}}),
        '{"näme": "😀 x\\n", "n": -12}',
    ),
    (json_schema({}), '[1.5e3, {"a": [true, null]}, "b"]'),
    (lark('start: e\ne: e "+" e | "(" e ")" | /[0-9]+/\n%ignore " "'), "(1 + 22) + 3"),
    (gbnf('root ::= "a" root "b" | "ab"'), "aaabbb"),
]


@pytest.mark.parametrize(("grammar", "text"), CASES, ids=[repr(g) for g, _ in CASES])
def test_mask_check_and_advance_agree_on_every_token(
    grammar: Grammar, text: str, tokenizer: Any, vocabulary: Vocabulary
) -> None:
    bound = grammar.compile().bind(vocabulary)
    every = np.arange(vocabulary.size, dtype=np.int32)
    state = bound.start
    filled = np.full((vocabulary.size + 31) // 32, 0xFFFFFFFF, dtype=np.uint32)
    for token in [*tokenizer(text)["input_ids"], 2]:
        bound.fill_mask(state, filled)
        assert (filled == bound.mask(state)).all()
        checked = bound.check(np.array([state]), every[None, :])[0]
        advanced = bound.advance(np.full(vocabulary.size, state), every)
        mask = np.unpackbits(bound.mask(state).view(np.uint8), bitorder="little")[: vocabulary.size].astype(bool)
        assert (mask == checked).all()
        assert (mask == (advanced >= 0)).all()
        assert mask[0] == mask[2] == bound.is_complete(state)
        assert checked[token], (text, token)
        state = int(advanced[token])
    assert not bound.mask(state).any()  # nothing follows the end
    with pytest.raises(ValueError, match="one bit for each token"):
        bound.fill_mask(state, filled[1:])


def test_a_token_dead_end_is_possible_and_honest(vocabulary: Vocabulary) -> None:
    """A byte that no token writes: viable in bytes, but the mask is empty, so a sampler reports a dead particle."""
    single = {vocabulary.token_bytes(i) for i in range(vocabulary.size)}
    missing = next(b for b in range(128, 256) if bytes([b]) not in single)
    from tamis.grammars._core import GrammarBuilder

    builder = GrammarBuilder()
    automaton = builder.compile(builder.literal(bytes([missing])))
    assert automaton.advance(automaton.start, bytes([missing])) is not None
    assert not automaton.bind(vocabulary).mask(automaton.start).any()
