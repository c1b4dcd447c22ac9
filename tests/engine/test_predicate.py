"""Python predicates: functions of text or bytes, incremental objects, intersections, errors, pickling."""

import os
import pickle
import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest
from tamis.engine.constraint import allowed_tokens
from tamis.engine.predicate import Conjunction, PredicateError, predicate
from toys import ListVocabulary

E_ACUTE = "é".encode()
TOKENS = [b"a", b"b", b"ab", E_ACUTE, E_ACUTE[:1], E_ACUTE[1:], b"\xff", None, b"", b"b" + E_ACUTE[:1], None]
SPECIAL, EMPTY, EOS = 7, 8, 10
VOCABULARY = ListVocabulary(TOKENS, [EOS])


def allowed(bound, state=0):
    """The allowed tokens by mask, after seeing that check and advance agree with it."""
    tokens = np.arange(len(TOKENS), dtype=np.int32)
    states = np.full(tokens.size, state)
    checked = bound.check(np.array([state]), tokens[None, :])[0]
    np.testing.assert_array_equal(bound.advance(states, tokens) >= 0, checked)
    masked = allowed_tokens(bound.mask(state), tokens.size)
    np.testing.assert_array_equal(masked, np.flatnonzero(checked))
    assert bound.is_complete(state) == bool(checked[EOS])
    return set(masked.tolist())


def at(bound, *tokens):
    state = bound.replay(np.array(tokens, dtype=np.int32))
    assert state >= 0
    return state


def starts_with_a(text):
    return not text or text.startswith("a")


def test_prefix_functions_see_the_text_so_far():
    bound = predicate(starts_with_a, lambda text: len(text) > 1).bind(VOCABULARY)
    assert allowed(bound) == {0, 2, 4}
    assert allowed(bound, at(bound, 0)) == {0, 1, 2, 3, 4, 9}
    assert allowed(bound, at(bound, 2)) == {0, 1, 2, 3, 4, 9, EOS}


def test_without_complete_the_check_judges_the_end_too():
    bound = predicate(lambda text: len(text) < 3).bind(VOCABULARY)
    assert allowed(bound, at(bound, 2)) == {4, EOS}
    assert bound.is_complete(0)


def test_unfinished_characters_are_held_back():
    seen = []

    def check(text):
        seen.append(text)
        return "é" not in text

    bound = predicate(check, lambda text: True).bind(VOCABULARY)
    inside = at(bound, 0, 4)
    assert seen == ["a"]
    # The tail may become é, which is refused, but it may not be judged before it is complete; nor may the text end.
    assert allowed(bound, inside) == set()
    assert seen[-1] == "aé"
    other = predicate(lambda text: text in "aéb", lambda text: True).bind(VOCABULARY)
    assert allowed(other, at(other, 0, 4)) == {5}
    assert allowed(other, at(other, 0, 4, 5)) == {1, 4, 9, EOS}


def test_bytes_predicates_see_every_byte():
    bound = predicate(lambda data: b"\xff" not in data, on="bytes").bind(VOCABULARY)
    assert allowed(bound, at(bound, 0, 4)) == {0, 1, 2, 3, 4, 5, 9, EOS}


def test_special_and_empty_tokens_are_never_text():
    bound = predicate(lambda text: True).bind(VOCABULARY)
    assert {SPECIAL, EMPTY}.isdisjoint(allowed(bound))
    outside = np.array([[-1, len(TOKENS)]], dtype=np.int32)
    assert not bound.check(np.array([0]), outside).any()


@dataclass(frozen=True)
class Depth:
    """Balanced a ... b, at most two deep."""

    depth: int = 0

    def advance(self, data):
        depth = self.depth
        for byte in data:
            depth += {97: 1, 98: -1}.get(byte, 9)
            if not 0 <= depth <= 2:
                return None
        return Depth(depth)

    def is_complete(self):
        return self.depth == 0


@pytest.mark.parametrize("source", [Depth(), Depth])
def test_incremental_objects_and_their_classes(source):
    bound = predicate(source).bind(VOCABULARY)
    assert allowed(bound) == {0, 2, EOS}
    assert allowed(bound, at(bound, 0, 0)) == {1}
    assert allowed(bound, at(bound, 0, 1)) == {0, 2, EOS}
    assert bound.replay(np.array([0, 0, 0], dtype=np.int32)) == -1


def test_states_are_shared_and_forks_independent():
    bound = predicate(lambda text: True).bind(VOCABULARY)
    left, right = at(bound, 0, 1), at(bound, 0, 1)
    assert left == right
    fork = bound.advance(np.array([left, left]), np.array([0, 2], dtype=np.int32))
    assert fork[0] != fork[1]
    assert at(bound, 0, 1, 0) == fork[0]


def test_nothing_follows_eos():
    bound = predicate(lambda text: True).bind(VOCABULARY)
    assert allowed(bound, at(bound, 0, EOS)) == set()


def test_answers_are_asked_once():
    calls = []
    bound = predicate(lambda text: calls.append(text) or True).bind(VOCABULARY)
    for _ in range(3):
        bound.check(np.array([0]), np.array([[0, 1]], dtype=np.int32))
    assert calls == ["a", "b"]


def test_conjunctions_flatten_and_ask_predicates_last():
    class Grammar:
        """Stands for a grammar: no predicate, bound to an automaton of its own."""

        def bind(self, vocabulary):
            return predicate(lambda text: len(text) <= 2).bind(vocabulary)

    seen = []
    slow = predicate(lambda text: seen.append(text) or text.startswith("a"), name="slow")
    grammar = Grammar()
    for constraint in (slow & grammar, grammar & slow, (slow & predicate(lambda text: True)) & grammar):
        assert isinstance(constraint, Conjunction)
        assert constraint.parts[0] is grammar
        bound = constraint.bind(VOCABULARY)
        assert allowed(bound, at(bound, 0)) == {0, 1, 3, 4, 9, EOS}
        assert all(len(text) <= 2 for text in seen)
    with pytest.raises(TypeError, match="a constraint must be"):
        slow & "a string"


def test_a_predicate_that_raises_is_named_with_its_prefix():
    def broken(text):
        return 1 / (len(text) - 2)

    bound = predicate(broken, name="broken one").bind(VOCABULARY)
    state = at(bound, 0)
    with pytest.raises(PredicateError, match=r"predicate 'broken one' raised ZeroDivisionError.*prefix 'ab'") as caught:
        bound.check(np.array([state]), np.array([[1]], dtype=np.int32))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_an_incremental_object_that_raises_is_named_with_its_prefix():
    class Broken(Depth):
        def advance(self, data):
            return Broken() if data == b"a" else 1 / 0

        def is_complete(self):
            raise KeyError("depth")

    bound = predicate(Broken(), name="broken").bind(VOCABULARY)
    state = at(bound, 0, 0)
    with pytest.raises(PredicateError, match=r"raised ZeroDivisionError.*prefix 'aab'"):
        bound.check(np.array([state]), np.array([[1]], dtype=np.int32))
    with pytest.raises(PredicateError, match=r"raised KeyError.*prefix 'aa'"):
        bound.is_complete(state)


def test_an_answer_without_a_truth_value_is_named_with_its_prefix():
    bound = predicate(lambda text: np.zeros(2), name="vague").bind(VOCABULARY)
    with pytest.raises(PredicateError, match=r"'vague' raised ValueError: The truth value.*prefix 'a'"):
        at(bound, 0)


def test_a_predicate_cannot_exit_but_can_be_interrupted():
    def leave(text):
        raise SystemExit if text == "a" else KeyboardInterrupt

    bound = predicate(leave, name="leave").bind(VOCABULARY)
    with pytest.raises(PredicateError, match=r"'leave' raised SystemExit.*prefix 'a'"):
        at(bound, 0)
    with pytest.raises(KeyboardInterrupt):
        at(bound, 1)


def test_what_advance_returns_is_checked():
    class Broken(Depth):
        def advance(self, data):
            return 5 if data == b"a" else Depth

    bound = predicate(Broken(), name="broken").bind(VOCABULARY)
    for token, prefix in ((0, "a"), (1, "b")):
        with pytest.raises(PredicateError, match=rf"'broken'.*advance returned.*neither None.*prefix '{prefix}'"):
            at(bound, token)


def test_an_object_that_changes_is_named_with_its_prefix():
    class Mutable:
        count = 0

        def advance(self, data):
            self.count += 1
            return self if self.count < 2 else None

        def is_complete(self):
            return True

    bound = predicate(Mutable(), name="mutable").bind(VOCABULARY)
    with pytest.raises(PredicateError, match=r"'mutable'.*differently.*immutable.*prefix 'a'"):
        at(bound, 0)


def test_an_incremental_object_may_walk_its_own_constraint():
    """As a judge that samples does: states are made while another one is."""
    inside, walks = [], []

    @dataclass(frozen=True)
    class Judge:
        text: bytes = b""

        def advance(self, data):
            if not inside:
                inside.append(True)
                walks.append(1)
                at(bound, 1, *walks)
                inside.clear()
            return Judge(self.text + data)

        def is_complete(self):
            return self.text.startswith(b"a")

    bound = predicate(Judge()).bind(VOCABULARY)
    assert bound.is_complete(at(bound, 0))
    assert bound.is_complete(at(bound, 0, 1))
    assert not bound.is_complete(at(bound, 1))
    assert not bound.is_complete(at(bound, 1, 0))


def test_predicates_are_named_after_their_functions():
    assert predicate(starts_with_a).name == "starts_with_a"
    assert predicate(Depth()).name == "Depth"


def test_predicates_can_be_pickled():
    source = pickle.loads(pickle.dumps(predicate(starts_with_a) & predicate(Depth())))
    assert allowed(source.bind(VOCABULARY)) == {0, 2, EOS}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((3,), "needs a callable"),
        ((Depth(), len), "leave `complete` out"),
        ((len, 3), "complete must be"),
    ],
)
def test_arguments_that_are_no_predicates(arguments, problem):
    with pytest.raises(TypeError, match=problem):
        predicate(*arguments)
    with pytest.raises(ValueError, match="'text' or 'bytes'"):
        predicate(len, on="tokens")


LETTERS = ListVocabulary([b"a", b"b", "é".encode(), b"ab", None], [4])
EVERYTHING = np.arange(5, dtype=np.int32)[None, :]


def answers_of(source):
    bound = source.bind(LETTERS)
    state = int(bound.advance(np.array([bound.start]), np.array([0], dtype=np.int32))[0])
    return bound, bound.check(np.array([bound.start, state]), np.repeat(EVERYTHING, 2, axis=0)).tolist()


def no_bb(text):
    return "bb" not in text and len(text) < 3


def even(text):
    return len(text) % 2 == 0


def test_batches_and_workers_answer_as_plain_functions_do():
    _, expected = answers_of(predicate(no_bb, even))
    asked = []
    batched = predicate(
        lambda texts: asked.append(list(texts)) or [no_bb(text) for text in texts],
        lambda texts: [even(text) for text in texts],
        batch=True,
    )
    _, found = answers_of(batched)
    assert found == expected
    # One call for the advance, one for all prefixes of the check; what is known is not asked again.
    assert asked == [["a"], ["b", "é", "ab", "aa", "aé", "aab"]]
    bound, found = answers_of(predicate(lambda text: no_bb(text), lambda text: even(text), workers=2, timeout=30))
    assert found == expected
    bound._pool.close()


def test_the_functions_of_a_batch_return_an_answer_each():
    bound = predicate(lambda texts: [True], batch=True).bind(LETTERS)
    with pytest.raises(PredicateError, match="returned 1 answers for 4 prefixes"):
        bound.check(np.array([0]), EVERYTHING)


def slow(text):
    if text == "b":
        time.sleep(60)
    if text == "é":
        raise ValueError("no accents")
    if text == "ab":
        os._exit(3)
    return True


@pytest.mark.parametrize(
    ("token", "said"),
    [(1, "gave no answer within 0.5 seconds"), (2, "raised ValueError: no accents"), (3, "ended its process")],
)
def test_a_call_that_fails_in_a_worker_kills_and_others_go_on(token, said):
    bound = predicate(slow, workers=2, timeout=0.5).bind(LETTERS)
    try:
        with pytest.raises(PredicateError, match=said) as caught:
            bound.check(np.array([0]), np.array([[0, token]], dtype=np.int32))
        assert caught.value.kills
        assert bound.check(np.array([0]), np.array([[0]], dtype=np.int32)).tolist() == [[True]]
        # The failure is remembered, and costs its time once.
        started = time.monotonic()
        with pytest.raises(PredicateError, match=said):
            bound.check(np.array([0]), np.array([[token]], dtype=np.int32))
        assert time.monotonic() - started < 0.4
    finally:
        bound._pool.close()


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"workers": -1}, ValueError, "workers must be"),
        ({"workers": 1, "batch": True}, ValueError, "leave batch or workers out"),
        ({"timeout": 1.0}, ValueError, "give workers"),
        ({"workers": 1, "timeout": 0}, ValueError, "timeout must be"),
        ({"on_error": "ignore"}, ValueError, "on_error must be"),
    ],
)
def test_bad_options_of_predicates_are_refused(options, error, said):
    with pytest.raises(error, match=said):
        predicate(no_bb, **options)


def test_what_cannot_travel_to_a_worker_is_refused_at_once():
    lock = threading.Lock()
    with pytest.raises(TypeError, match="must be picklable"):
        predicate(lambda text: lock.locked(), workers=1)
