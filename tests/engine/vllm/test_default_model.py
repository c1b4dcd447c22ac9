"""The model that ships with tamis, in bfloat16: text, chat, and worker and scheduler in agreement after forks."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator

import pytest
from tamis.engine import Engine, predicate
from tamis.engine.models import DEFAULT_MODEL, resolve_model
from tamis.grammars import Grammar

PERSON = r'\{"name": "[A-Z][a-z]{2,10}", "age": [1-9][0-9]?\}'
CHAT = [{"role": "user", "content": "Describe a person as JSON with name and age."}]


@pytest.fixture(scope="module")
def smollm() -> Iterator[Engine]:
    with Engine(DEFAULT_MODEL, enforce_eager=True, max_model_len=512, max_num_seqs=32, verify=True) as engine:
        yield engine


def test_weighted_json(smollm: Engine) -> None:
    result = smollm.generate(CHAT, Grammar("regex", PERSON), particles=8, seed=1, max_tokens=40, ess_threshold=0.9)
    assert result.status == "stop"
    assert result.stats.forks > 0
    assert smollm._scheduler.verified_rows > 0
    for sample in result.samples:
        if sample.finish_reason == "stop":
            assert re.fullmatch(PERSON, sample.text)
            assert json.loads(sample.text)["age"] > 0
            assert sample.log_weight < 0
    assert sum(sample.weight for sample in result.samples) == pytest.approx(1)
    assert 1 <= result.ess <= 8
    assert math.isfinite(result.log_evidence)
    assert result.text in result.posterior()


def test_stop_tokens(smollm: Engine) -> None:
    """The converted tokenizer knows <|im_end|> as its EOS; documents end with <|endoftext|>."""
    tokenizer = smollm.tokenizer
    assert smollm.eos == tuple(sorted(tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])))
    assert smollm.model_path == resolve_model(DEFAULT_MODEL)
    assert all(smollm.vocabulary.token_bytes(token) is None for token in smollm.eos)


def test_prompts_of_all_kinds_batch_together(smollm: Engine) -> None:
    ids = smollm.tokenizer("The capital of France is")["input_ids"]
    city = Grammar("regex", " [A-Z][a-z]+")
    shouted = predicate(lambda data: data == data.upper() and max(data) < 128, on="bytes")
    first, second, third = smollm.generate(
        ["The capital of France is", ids, CHAT],
        [city, city, shouted],
        particles=4,
        max_tokens=8,
        seed=1,
    )
    assert all(re.fullmatch(" [A-Z][a-z]+", text) for text in [*first.posterior(), *second.posterior()])
    assert all(sample.text.isascii() and sample.text == sample.text.upper() for sample in third.samples)
