"""Masks over a vocabulary so large that runs of characters, their tails and wide states come into play."""

import random

import numpy as np
import pytest
from tamis.grammars import Grammar, Vocabulary, json_schema, recursive, regex, text, within

SYLLABLES = [c + v for c in "bcdfgklmnprst" for v in "aeiou"]
ENDS = ['"', '",', '":', '"}', '"]', '", "', ",", "}", "\n", "\\n", "\\", " ", "  ", "é", "😀", "1", "-", '"x', '" "a"']


def vocabulary() -> Vocabulary:
    """6,000 tokens: every byte, words with and without a blank, blanks, digits, parts of characters, and tails."""
    generator = random.Random(0)
    texts = {bytes([byte]) for byte in range(256)}
    texts |= (
        {(b" " * n) for n in range(1, 20)} | {b"\n" + b" " * n for n in range(40)} | {b"\t" * n for n in range(1, 9)}
    )
    texts |= {str(n).encode() for n in range(1000)}
    texts |= {"é".encode() * n for n in range(1, 4)} | {b"a\xc3", b"\xa9b", b'"\xf0\x9f', b"\x98\x80"}
    texts |= {b"ba\xc3", "baê".encode(), "baê!".encode(), "daéba".encode(), " ba\u2003de".encode(), b"ba de"}
    texts |= {b"ba\\", b"badeb\\", b"\\d", b'a\\"'}
    words = ["".join(generator.choices(SYLLABLES, k=generator.randint(1, 4))) for _ in range(2600)]
    texts |= {word.encode() for word in words} | {f" {word}".encode() for word in words}
    texts |= {f"{generator.choice(words)}{generator.choice(ENDS)}".encode() for _ in range(200)}
    texts |= {f'{generator.choice(["", " ", ", ", ": "])}"{generator.choice(words)}'.encode() for _ in range(300)}
    return Vocabulary([*sorted(texts), None], [len(texts)])


VOCABULARY = vocabulary()
ALL = np.arange(VOCABULARY.size, dtype=np.int32)[None]
EITHER = {  # neither says what the other reads, down to any depth
    "oneOf": [
        {"required": ["ba"], "properties": {"ba": {"$ref": "#/definitions/e"}}},
        {"required": ["cu"], "properties": {"cu": {"type": "array", "items": {"$ref": "#/definitions/e"}}}},
    ]
}
OPEN = {"properties": {"ba": {"type": "string"}, "bade": {"enum": ["x", "bo"]}, "cu": {"maxLength": 4}}}
CASES: list[tuple[Grammar, bytes]] = [
    (json_schema({}), b'{"ba": [1, "cu", true], "": {"x": null}}'),
    (json_schema({"type": "object"} | OPEN), b'{\n  "bade": "bo", "ba": "bo da", "other": 12.5}'),
    (json_schema({"type": "object", "additionalProperties": False} | OPEN), b'{"ba": "", "cu": "abcd"}'),
    (json_schema({"type": "object", "required": ["ba"]} | OPEN, whitespace="any"), b'{    "ba"   :\t\t"x"   }'),
    (
        json_schema({"type": "array", "items": {"type": "string", "minLength": 3, "maxLength": 9}}),
        b'["abcdef", "bababababa"',
    ),
    (json_schema({"not": {"enum": ["ba", "bade", 7]}}), b'"badeba"'),
    (json_schema({"type": "array", "uniqueItems": True, "items": {"type": "string"}}), b'["ba", "b"'),
    (json_schema({"type": "object", "required": ["bade"]} | OPEN, property_order="any"), b'{"x": 1, "bade": "bo", "ba'),
    (regex(r"[a-z ]{3,200}"), b"ba de ri  lo"),
    (regex(r"(?s).{0,20}"), "ba\n dé".encode()),
    (regex(r"\w+(,? \w+)*\n?"), b"ba de, 123 ri\n"),
    (regex(r"(?!bade)[a-z]+"), b"badobo"),
    (regex(r"[a-f]{1,8}-\d{3,}"), b"bad-12345"),
    (regex(r"[a-z]*\?|pq!") & regex(r"[a-z]*!"), b"pq!"),  # each lets in what both together refuse
    (regex("[a-z0-9é]*;|baê!"), b"ba"),  # a character that leaves a run begins as one that does not
    (regex(r"\S+(\s+\S+)*"), "ba de\u2003c".encode()),
    (json_schema({"type": "string", "pattern": r"^(\S+\s+){0,3}\S+$", "maxLength": 20}), b'"ba de ri"'),
    (json_schema({"type": "string", "pattern": "^[a-z]", "minLength": 5, "maxLength": 12}), b'"bade ri co'),
    (
        json_schema({"definitions": {"e": {"type": ["object", "string"], **EITHER}}, "$ref": "#/definitions/e"}),
        b'{\n  "ba":\n    {"cu": [ "x",\n  {"ba": "de"}]}, "other": "',
    ),
    (json_schema({"anyOf": [{"format": "uri"}, {"minLength": 3}], "type": "string"}), b'"ba://de'),
    (regex(r"\S{3,9}") & regex(r'\d*"[^"]*'), b"25538389"),  # a run ends in time for what must follow
    (regex("[a-z]{3,9}") + recursive(lambda inside: regex("[a-z]+-?") | text("(") + inside + text(")")), b"badeba"),
    (regex("[a-z]{3,9}") - regex("ba") + recursive(lambda inside: regex("[a-z]+") | "(" + inside), b"badeba"),
    (regex("[a-z]{0,4}") & recursive(lambda inside: regex("[a-z]* ") | "(" + inside), b"bad"),  # nothing is in both
    (  # nor here, but to find that out takes too long
        regex(r"-([^a]*,)+\d{3,9}é") & (regex(r'([^a]*\s+[ \t]+){0,3}"[a-m]*[bde]+') - regex('[^"]{0,63}')),
        b"-",
    ),
    (regex("[a-z]*") - (regex("[a-z]{4,}") - regex("h")), b"bade"),  # what is taken out has something taken out
    (json_schema({"type": "string", "maxLength": 5, "format": "uri"}), b'"ba:de'),  # escapes behind the last character
    (json_schema({"type": ["string", "number"]}) | regex(r'"\\d'), b'"'),  # begins like an escape, and is none
    (((regex("[a-l]*") - regex("[a-z]{4,}")) | "d") & recursive(lambda inside: regex("[a-l]*") | "(" + inside), b"ba"),
    (recursive(lambda inside: regex("[b-m]+") + inside + regex("[a-z]{0,5}") | "a"), b"bba"),  # ends, and begins anew
    (within(json_schema({"type": "array", "uniqueItems": True, "items": {"type": "string"}}), tokens=9), b'["ba", "de'),
    (within(regex("[a-z ]{0,30}"), tokens=9) + "!", b"ba de ri"),
    (regex("-") | (regex("[a-z]*!") & regex("[a-z]*[!?]")), b"ba"),  # what stands beside a run ends with it
]


@pytest.mark.parametrize(("grammar", "text"), CASES)
def test_masks_say_what_checks_say(grammar: Grammar, text: bytes) -> None:
    bound = grammar.bind(VOCABULARY)
    automaton = grammar.compile()
    for length in range(len(text) + 1):
        state = automaton.advance(automaton.start, text[:length])
        if state is None:
            break
        bits = np.unpackbits(bound.mask(state).view(np.uint8), bitorder="little")[: VOCABULARY.size].astype(bool)
        allowed = bound.check(np.array([state]), ALL)[0]
        # Advancing makes states that checking does not need, and comes to the same.
        states = bound.advance(np.full(VOCABULARY.size, state), ALL[0])
        wrong = np.flatnonzero((bits != allowed) | (allowed != (states >= 0)))
        assert [VOCABULARY.token_bytes(int(token)) for token in wrong] == [], text[:length]


def test_checks_in_keys_make_no_states() -> None:
    schema = {"type": "object", "minProperties": 3}
    automaton = json_schema(schema).compile()
    bound = automaton.bind(VOCABULARY)
    inside = np.array([automaton.advance(automaton.start, b'{"a": "x", "')])
    before = automaton.statistics()["states"]
    assert bound.check(inside, ALL).sum() > 500
    assert automaton.statistics()["states"] - before < 1000


@pytest.mark.parametrize(("grammar", "text"), CASES)
def test_masks_need_no_state_for_every_token(grammar: Grammar, text: bytes) -> None:
    automaton = grammar.compile(memory_limit=1 << 29)  # of its own
    bound = automaton.bind(VOCABULARY)
    before = automaton.memory_bytes
    masks = [
        bound.mask(state)
        for n in range(len(text))
        if (state := automaton.advance(automaton.start, text[:n])) is not None
    ]
    assert automaton.memory_bytes - before < (len(masks) + 4) << 20
