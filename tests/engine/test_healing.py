"""Token healing: what is taken back, and exact posteriors behind a prefix under every kind of constraint."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable

import numpy as np
import pytest
from tamis.engine.constraint import BoundConstraint
from tamis.engine.errors import InputError
from tamis.engine.healing import Healed, check_heals, take_back
from tamis.engine.predicate import predicate
from tamis.engine.reference import reference_smc
from tamis.engine.vllm.constraints import AnyTokenBehind
from tamis.grammars import Vocabulary, regex
from toys import table_model

TOKENS = [b"a", b"b", b"ab", b"ba", b"aab", None]
EOS = 5
VOCABULARY = Vocabulary(TOKENS, [EOS])
MAX_TOKENS = 4
PROMPT = (1, 0)  # what is left of a prompt: the rows depend on its last two tokens
MODEL = table_model(len(TOKENS), seed=4)
PATTERN = "a?(ba?){1,3}"


def after_prompt(prefix: tuple[int, ...]) -> np.ndarray:
    return MODEL((*PROMPT, *prefix))


def exact(prefix: bytes, accepts: Callable[[bytes], bool]) -> dict[tuple[int, ...], float]:
    """The mass of every token sequence that writes the prefix and then an accepted text, by going through all."""
    masses = {}
    for length in range(MAX_TOKENS):
        for tokens in itertools.product(range(EOS), repeat=length):
            written = b"".join(TOKENS[token] or b"" for token in tokens)
            if not written.startswith(prefix) or not accepts(written[len(prefix) :]):
                continue
            mass = 1.0
            for position, token in enumerate((*tokens, EOS)):
                row = np.exp(np.asarray(after_prompt(tokens[:position]), dtype=np.float64))
                mass *= float(row[token] / row.sum())
            masses[(*tokens, EOS)] = mass
    return masses


class Even:
    """An even number of letters, as an incremental predicate."""

    def __init__(self, odd: bool = False) -> None:
        self.odd = odd

    def advance(self, piece: bytes) -> Even:
        return Even(self.odd ^ (len(piece) % 2 == 1))

    def is_complete(self) -> bool:
        return not self.odd


GRAMMAR = regex(PATTERN)
NO_AA = predicate(lambda text: "aa" not in text)
IN_BYTES = predicate(lambda text: b"bb" not in text, lambda text: len(text) < 4, on="bytes")
CONSTRAINTS: dict[str, tuple[Callable[[bytes], BoundConstraint], Callable[[bytes], bool]]] = {
    "grammar": (lambda p: GRAMMAR.bind(VOCABULARY, p), lambda s: re.fullmatch(PATTERN.encode(), s) is not None),
    "function": (lambda p: NO_AA.bind(VOCABULARY, p), lambda s: b"aa" not in s),
    "bytes": (lambda p: IN_BYTES.bind(VOCABULARY, p), lambda s: b"bb" not in s and len(s) < 4),
    "incremental": (lambda p: predicate(Even()).bind(VOCABULARY, p), lambda s: len(s) % 2 == 0),
    "conjunction": (
        lambda p: (GRAMMAR & NO_AA & predicate(Even)).bind(VOCABULARY, p),
        lambda s: re.fullmatch(PATTERN.encode(), s) is not None and b"aa" not in s and len(s) % 2 == 0,
    ),
    "anything": (lambda p: AnyTokenBehind(VOCABULARY, len(TOKENS), p), lambda s: True),
}


@pytest.mark.parametrize("prefix", [b"a", b"ab", b"aab"])
@pytest.mark.parametrize("name", CONSTRAINTS)
def test_posterior_behind_a_prefix(name: str, prefix: bytes) -> None:
    """Masses and evidence against enumeration, with resampling: each within 5 standard errors."""
    bind, accepts = CONSTRAINTS[name]
    masses = exact(prefix, accepts)
    constraint = bind(prefix)
    runs, particles = 400, 6
    found = np.zeros((runs, len(masses)))
    columns = {tokens: column for column, tokens in enumerate(masses)}
    for run in range(runs):
        result = reference_smc(
            after_prompt,
            constraint,
            particles,
            eos_ids=[EOS],
            max_tokens=MAX_TOKENS,
            seed=7,
            request=run,
            ess_threshold=0.7,
        )
        for particle in result.particles:
            if particle.status == "stop":
                found[run, columns[particle.tokens]] += math.exp(particle.log_weight) / particles
    expected = np.array(list(masses.values()))
    total = found.sum(axis=1)
    assert abs(total.mean() - expected.sum()) <= 5 * total.std() / math.sqrt(runs) + 1e-6 * expected.sum()
    common = expected / expected.sum() * runs * particles > 100
    errors = found.std(axis=0) / math.sqrt(runs)
    assert (np.abs(found.mean(axis=0) - expected) <= 5 * errors + 1e-6 * expected)[common].all()


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_masks_checks_and_replays_agree_behind_a_prefix(name: str) -> None:
    constraint = CONSTRAINTS[name][0](b"aab")
    every = np.arange(len(TOKENS), dtype=np.int32)
    states = {(): constraint.start}
    for _ in range(3):
        following = {}
        for tokens, state in states.items():
            mask = constraint.mask(state)[0]
            allowed = constraint.check(np.array([state]), every[None, :])[0]
            after = constraint.advance(np.full(len(TOKENS), state, dtype=np.int64), every)
            assert [bool(mask >> token & 1) for token in range(len(TOKENS))] == allowed.tolist()
            assert (after >= 0).tolist() == allowed.tolist()
            assert constraint.is_complete(state) == bool(allowed[EOS])
            assert not constraint.check(np.array([state]), np.array([[-1]], dtype=np.int32)).any()
            for token in np.flatnonzero(allowed[:EOS]).tolist():
                longer = (*tokens, token)
                assert constraint.replay(np.array(longer, dtype=np.int32)) == int(after[token])
                following[longer] = int(after[token])
        states = following
    assert constraint.replay(np.array([1], dtype=np.int32)) == -1


def test_what_is_taken_back() -> None:
    assert take_back([0, 1, 2], VOCABULARY) == Healed([0, 1], b"ab")
    assert take_back([2], VOCABULARY) == Healed([2], b"")  # nothing would be left
    assert take_back([0, EOS], VOCABULARY) == Healed([0, EOS], b"")  # no text
    assert take_back([0, 99], VOCABULARY) == Healed([0, 99], b"")  # a logit without a token


def test_constraints_without_prefixes_are_refused() -> None:
    class Own:
        def bind(self, vocabulary: object) -> None:
            raise AssertionError

    for constraint in (None, GRAMMAR, NO_AA, GRAMMAR & NO_AA):
        check_heals(constraint)
    with pytest.raises(InputError, match="bind of Own takes none"):
        check_heals(Own())
    with pytest.raises(InputError, match="bind of Own takes none"):
        check_heals(GRAMMAR & NO_AA & Own())  # type: ignore[operator]
