"""Stop strings against their definition, and the texts that come out."""

import itertools
import random

import numpy as np
import pytest
from tamis.engine import InputError, predicate
from tamis.engine.stops import BoundStops, check_stops, cut, reader_of
from tamis.grammars import Vocabulary, choice, regex, special

PIECES = [b"a", b"b", b"c", b"ab", b"ba", b"bc", b"cab", "é".encode()[:1], "é".encode()[1:]]
EOS = len(PIECES)
VOCABULARY = Vocabulary([*PIECES, None], eos_ids=[EOS])


def ends_first(text, stops):
    """Where the stop string that ends first begins, None if there is none; of two that end together, the longer."""
    for end in range(len(text) + 1):
        for stop in sorted(stops, key=len, reverse=True):
            if text[:end].endswith(stop):
                return end - len(stop)
    return None


@pytest.mark.parametrize("seed", range(25))
def test_token_sequences_end_live_and_die_by_definition(seed):
    rng = random.Random(seed)
    letters = "abc"
    language = {"".join(rng.choices(letters, k=rng.randrange(0, 6))) for _ in range(rng.randrange(1, 9))}
    stops = ["".join(rng.choices(letters, k=rng.randrange(1, 4))) for _ in range(rng.randrange(1, 3))]
    grammar = choice(sorted(language))
    prefix = rng.choice([b"", b"", b"cb"])
    members, ends = {text.encode() for text in language}, [stop.encode() for stop in stops]
    plain = grammar.compile().bind(VOCABULARY)
    bounds = [
        BoundStops(reader_of(grammar), stops, VOCABULARY, prefix, plain),
        BoundStops(reader_of(grammar), stops, VOCABULARY, prefix),
        BoundStops(
            reader_of(predicate(lambda t: any(m.startswith(t) for m in language), lambda t: t in language)),
            stops,
            VOCABULARY,
            prefix,
        ),
    ]
    for bound in bounds:
        open_ = [((), bound.start)]
        for _ in range(5):
            longer = []
            for tokens, state in open_:
                mask = bound.mask(state)
                for token in range(len(PIECES)):
                    after = int(bound.advance(np.array([state]), np.array([token], dtype=np.int32))[0])
                    assert bool(mask[0] >> token & 1) == (after >= 0)
                    sequence = (*tokens, token)
                    written = b"".join(PIECES[t] for t in sequence)
                    if len(written) <= len(prefix):
                        assert (after >= 0) >= prefix.startswith(written)
                        expected = None
                    elif not written.startswith(prefix):
                        assert after == -1
                        continue
                    else:
                        expected = verdict_behind(sequence, prefix, members, ends)
                    if expected is not None:
                        assert (after == bound.ended) == (expected == "ended"), (sequence, expected)
                        if expected == "open":
                            assert after >= 0, sequence
                    if after >= 0 and after != bound.ended:
                        longer.append((sequence, after))
                whole = b"".join(PIECES[t] for t in tokens)
                complete = whole.startswith(prefix) and whole[len(prefix) :] in members
                complete = complete and ends_first(whole[len(prefix) :], ends) is None
                assert bound.is_complete(state) == complete
            open_ = longer[:400]


def verdict_behind(tokens, prefix, language, stops):
    """`verdict` of what stands behind the prefix."""
    text = b"".join(PIECES[token] for token in tokens)[len(prefix) :]
    found = ends_first(text, stops)
    if found is not None:
        return "ended" if text[:found] in language else "dead"
    return verdict_of(text, language, stops)


def verdict_of(text, language, stops):
    for member in language:
        if member.startswith(text) and ends_first(member, stops) is None:
            return "open"
        for stop in stops:
            if (member + stop).startswith(text) and ends_first(member + stop, stops) == len(member):
                return "open"
    return "dead"


def test_text_is_cut_at_the_stop_that_ends_first():
    assert cut("a b\n\nc\n", ["\n\n", "c"]) == "a b"
    assert cut("xaby", ["xab", "a"]) == "x"
    assert cut("xab", ["xab", "ab"]) == ""
    assert cut(b"free", [b"x"]) == b"free"


@pytest.mark.parametrize(
    ("stop", "said"),
    [(5, "must be a str or a list"), ([""], "not empty"), ([b"x"], "must be a str"), (["a\ud800"], "no Unicode")],
)
def test_bad_stop_strings_are_refused(stop, said):
    with pytest.raises(InputError, match=said):
        check_stops(stop)


def test_constraints_that_know_tokens_only_are_refused():
    class Custom:
        def bind(self, vocabulary):
            raise AssertionError

    with pytest.raises(InputError, match="a Custom cannot"):
        reader_of(Custom())
    with pytest.raises(InputError, match="special tokens"):
        reader_of(regex("a") + special("<end>"))


def test_every_bytewise_cut_leads_to_the_same_answers():
    grammar = regex("[a-c]{0,4}")
    bound = BoundStops(reader_of(grammar), ["bca"], VOCABULARY)
    for tokens in itertools.product(range(7), repeat=3):
        text = b"".join(PIECES[token] for token in tokens)
        single = bound.replay(np.array([PIECES.index(text[i : i + 1]) for i in range(len(text))], dtype=np.int32))
        found = ends_first(text, [b"bca"])
        if found is None:
            assert bound.replay(np.array(tokens, dtype=np.int32)) == single
