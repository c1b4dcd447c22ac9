"""Constraints between request and sampler: described, kept, bound once, forgotten."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
import pytest
from tamis.engine import GenerationError, InputError, predicate
from tamis.engine.vllm import failures
from tamis.engine.vllm.constraints import REGISTRY, AnyToken, ConstraintStore, content_key, describe, release
from tamis.grammars import Grammar, Vocabulary

VOCABULARY = Vocabulary([None, b"a", b"b", b"ab"], [0])


def store() -> ConstraintStore:
    return ConstraintStore(lambda eos: Vocabulary([None, b"a", b"b", b"ab"], list(eos)), 4)


def bind(some: ConstraintStore, description: dict[str, Any], eos: tuple[int, ...] = (0,)) -> Any:
    return some.bind(description, content_key(description), eos)


def test_equal_grammars_are_bound_once() -> None:
    some = store()
    first = describe(Grammar("regex", "a+"))
    assert json.loads(json.dumps(first)) == first
    bound = bind(some, first)
    assert bind(some, describe(Grammar("regex", "a+"))) is bound
    assert bind(some, describe(Grammar("regex", "b+"))) is not bound
    assert bind(some, first, (0, 1)) is not bound
    assert len(some) == 3


def test_predicates_stay_in_their_process_and_are_forgotten() -> None:
    some = store()
    description = describe(predicate(lambda text: "b" not in text))
    bound = bind(some, description)
    assert bind(some, description) is bound
    assert bound.check(np.array([bound.start]), np.array([[1, 2, 3]], dtype=np.int32)).tolist() == [
        [True, False, False]
    ]
    with pytest.raises(GenerationError, match="cannot leave its process"):
        bind(some, {**description, "process": os.getpid() + 1})
    before = len(REGISTRY)
    release(description)
    assert len(REGISTRY) == before - 1
    with pytest.raises(GenerationError, match="not registered any more"):
        bind(some, description)
    release(description)


def test_only_constraints_are_described() -> None:
    assert describe(None) == {"kind": "anything"}
    with pytest.raises(InputError, match="got int"):
        describe(3)


def test_anything_allows_everything() -> None:
    anything = AnyToken(70)
    states = np.zeros(2, dtype=np.int64)
    tokens = np.array([[0, 69, -1], [5, 6, 7]], dtype=np.int32)
    assert anything.check(states, tokens).tolist() == [[True, True, False], [True, True, True]]
    bits = np.unpackbits(anything.mask(0).view(np.uint8), bitorder="little")
    assert anything.mask(0).shape == (3,)
    assert bits[:70].all()
    assert not bits[70:].any()
    assert anything.advance(states, tokens[:, 0]).tolist() == [0, 0]
    assert anything.replay(tokens[1]) == anything.start


def test_failures_find_their_exception_again() -> None:
    error = ValueError("why")
    text = failures.remember(error)
    assert failures.message(text) == "ValueError: why"
    assert failures.recall(text) is error
    assert failures.recall(text) is None
    assert failures.recall("[failure 1 in process 1] x") is None
    assert failures.recall("no label") is None
