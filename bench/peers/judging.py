"""One instance under one compiled schema: accepted or not, token by token, and whether mask, check and step agree."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .protocol import Engine, Matcher
from .tokens import Tokens

_ALLOWED, _ANY = 8, 24  # tokens compared at one state: out of the mask, and out of the whole vocabulary


@dataclass
class Verdict:
    """What an engine said of a text.  `error` is what it raised instead of answering."""

    accepted: bool = False
    error: str | None = None
    compared: int = 0  # (state, token) pairs where mask, check and step were compared
    disagreements: int = 0


def judge(engine: Engine, compiled: Any, tokens: Tokens, text: str, *, compare: int, seed: str) -> Verdict:
    """Feed a text and then the end token; compare mask, check and step at `compare` places on the way."""
    verdict = Verdict()
    generator = random.Random(seed)
    ids = [*tokens.encode(text), tokens.eos]
    places = set(generator.sample(range(len(ids)), min(compare, len(ids))))
    try:
        matcher = engine.matcher(compiled)
        for place, token in enumerate(ids):
            if place in places:
                _compare(engine, matcher, token, len(tokens.texts), generator, verdict)
            if place + 1 == len(ids) and not matcher.is_complete():
                return verdict
            if not matcher.advance(token):
                return verdict
        verdict.accepted = True
    except Exception as error:  # whatever an engine may raise
        verdict.error = f"{type(error).__name__}: {error}"
    return verdict


def _compare(
    engine: Engine, matcher: Matcher, token: int, size: int, generator: random.Random, verdict: Verdict
) -> None:
    matcher.fill_mask()
    mask = np.unpackbits(engine.mask.view(np.uint8), bitorder="little")[:size]
    allowed = np.flatnonzero(mask).tolist()
    candidates = [token, *generator.sample(allowed, min(_ALLOWED, len(allowed))), *generator.sample(range(size), _ANY)]
    checked = matcher.check(engine.batch(candidates))
    verdict.compared += len(candidates)
    for candidate, may_follow in zip(candidates, checked, strict=True):
        fork = matcher.fork()
        steps = bool(may_follow) if fork is None else fork.advance(candidate)
        verdict.disagreements += not (bool(mask[candidate]) == bool(may_follow) == steps)


def sampled(sequence: Sequence[Any], count: int, seed: int) -> list[Any]:
    """`count` of them in random order; all for 0."""
    return random.Random(seed).sample(sequence, min(count, len(sequence)) if count else len(sequence))
