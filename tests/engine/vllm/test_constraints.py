"""Constraints between request and sampler: described, kept, bound once, forgotten."""

from __future__ import annotations

import gc
import json
import os
import weakref
from typing import Any

import msgspec
import numpy as np
import pytest
from tamis.engine import GenerationError, InputError, predicate
from tamis.engine.vllm import failures
from tamis.engine.vllm.constraints import REGISTRY, AnyToken, ConstraintStore, content_key, describe, release
from tamis.engine.vllm.options import GroupOptions
from tamis.engine.vllm.requests import sampling_params
from tamis.engine.vllm.vocabularies import text_of
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
    with pytest.raises(GenerationError, match="not registered, or not any more"):
        bind(some, description)
    release(description)


def test_registered_constraints_live_as_long_as_a_request_holds_them() -> None:
    before = len(REGISTRY)
    params = sampling_params(predicate(lambda text: True), particles=2)
    copy = params.clone()
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(copy.extra_args)) == copy.extra_args
    options = GroupOptions.from_wire(copy.extra_args["tamis"])
    del params, copy
    gc.collect()
    assert len(REGISTRY) == before + 1
    assert bind(store(), dict(options.constraint)).start == 0
    del options
    gc.collect()
    assert len(REGISTRY) == before


def test_names_cannot_be_guessed() -> None:
    first, second = describe(predicate(len)), describe(predicate(len))
    assert first["id"] != second["id"]
    assert len(first["id"]) == 32


def test_only_constraints_are_described() -> None:
    assert describe(None) == {"kind": "anything"}
    for bound in (AnyToken(4), Grammar("regex", "a").bind(VOCABULARY), predicate(len).bind(VOCABULARY)):
        with pytest.raises(InputError, match="bound to a vocabulary already"):
            describe(bound)
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


def test_kept_failures_pin_no_tensors() -> None:
    class Tensor:
        pass

    pinned = []

    def inner() -> None:
        tensor = Tensor()
        pinned.append(weakref.ref(tensor))
        raise ZeroDivisionError("deep")

    def middle() -> None:
        tensor = Tensor()
        pinned.append(weakref.ref(tensor))
        try:
            inner()
        except ZeroDivisionError as error:
            raise ValueError("outer") from error

    def step() -> str:
        tensor = Tensor()
        pinned.append(weakref.ref(tensor))
        try:
            middle()
        except ValueError as error:
            return failures.remember(error)
        return ""

    text = step()
    gc.collect()
    assert [reference() for reference in pinned] == [None] * 3
    error = failures.recall(text)
    assert error is not None
    assert "in middle" in error.__notes__[0]
    assert "in inner" in error.__cause__.__notes__[0]


def test_text_is_what_constraints_judge() -> None:
    vocabulary = Vocabulary([None, b" a", "é".encode()[:1], "é".encode()[1:]], [0])
    assert text_of(vocabulary, [1, 0, 2, 3]) == " aé"
    assert text_of(vocabulary, [2]) == "\ufffd"
