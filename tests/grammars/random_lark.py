"""Random Lark grammars, their texts, and what lark itself says of them."""

from __future__ import annotations

import itertools
import random
import signal
from typing import Any

from lark import Lark
from tamis.grammars import Automaton

ATOMS = ["a", "b", "c", "[ab]", "[^a]", ".", r"\w", r"\W", r"\n", r"[bc\n]"]
ANCHORS = [r"\b", r"\B", "^", "$", r"\A", r"\Z", "(?m:^)", "(?m:$)"]
QUANTIFIERS = ["*", "+", "?", "*?", "+?", "??", "{2}", "{0,2}", "{1,2}?"]
POSSESSIVE = ["*+", "++", "?+", "{1,2}+"]
STRINGS = ['"a"', '"b"', '"ab"', '"ba"', '"c"', '"a"i', '"aa"', '"bb"', '"é"', '" "', r'"c\n"']
IGNORED = ['" "', "/ +/", '"a"', "/a(?=b)/", r"/\n/", "A", "/b|c/"]
REFERENCES = [
    "(?P<q>a|b)c(?P=q)",
    "(?P<q>[ab]+)c(?P=q)",
    "(?P<r>a)?b(?(r)c|a)",
    "(?P<z>[abc])(?:(?!(?P=z)).)*(?P=z)",
    "(?i:(?P<i>[ab])c(?P=i))",
]
ALPHABET = "abc \né😀"


def pattern(rng: random.Random, depth: int) -> str:
    """A regular expression with look-around, anchors, atomic groups and repetitions of what may be empty."""
    kind = rng.random()
    if depth == 0 or kind < 0.3:
        return rng.choice(ATOMS)
    inner = pattern(rng, depth - 1)
    if kind < 0.5:
        return inner + pattern(rng, depth - 1)
    if kind < 0.62:
        return f"(?:{inner}|{pattern(rng, depth - 1)}{'|' if rng.random() < 0.15 else ''})"
    if kind < 0.85:
        return f"(?:{inner}){rng.choice(QUANTIFIERS + POSSESSIVE if rng.random() < 0.3 else QUANTIFIERS)}"
    if kind < 0.89:
        return rng.choice(ANCHORS)
    if kind < 0.92:
        return f"(?{rng.choice('=!')}{inner})"
    if kind < 0.96:
        width = rng.randint(1, 2)
        behind = "|".join("".join(rng.choices(ATOMS, k=width)) for _ in range(rng.randint(1, 2)))
        anchor = rng.choice([*ANCHORS, "(?=ab)", "(?!bc)"]) if rng.random() < 0.2 else ""
        return f"(?<{rng.choice('=!')}{anchor}(?:{behind}){anchor})"
    return f"(?>{inner})" if kind < 0.98 else f"(?i:{inner})"


def grammar(rng: random.Random) -> str:
    """Two rules over up to four terminals and some strings, with priorities, flags and ignored terminals."""
    names = "ABCD"[: rng.randint(2, 4)]
    symbols = ["x", *names, *rng.sample(STRINGS, 3)]

    def body() -> str:
        def term() -> str:
            symbol = "start" if rng.random() < 0.05 else rng.choice(symbols)
            return symbol + rng.choice(["", "", "", "?", "*", "+", "~2", "~1..2"])

        def expansion() -> str:
            made = " ".join(term() for _ in range(rng.randint(0 if rng.random() < 0.1 else 1, 3)))
            return f"[{made}]" if made and rng.random() < 0.1 else made

        return " | ".join(expansion() for _ in range(rng.randint(1, 3)))

    lines = [f"start: {body()}", f"x: {body()}"]
    for name in names:
        regexp = rng.choice(REFERENCES) if rng.random() < 0.05 else pattern(rng, rng.randint(1, 4))
        definition = f"/{regexp}/{rng.choice(['', '', '', 'i', 's', 'm'])}"
        if rng.random() < 0.2:
            definition = rng.choice(STRINGS)
        elif rng.random() < 0.1:
            definition = f"{rng.choice(STRINGS)} | {definition}"
        lines.append(f"{name}{rng.choice(['', '', '', '.2', '.-1'])}: {definition}")
    if rng.random() < 0.4:
        lines.append(f"%ignore {rng.choice(IGNORED)}")
    return "\n".join(lines)


def texts(rng: random.Random, count: int) -> list[str]:
    """All short texts over a, b and c, and `count` longer ones over the whole alphabet."""
    short = ["".join(letters) for length in range(4) for letters in itertools.product("abc", repeat=length)]
    return short + ["".join(rng.choices(ALPHABET, k=rng.randint(1, 9))) for _ in range(count)]


class _Late(BaseException):
    pass


def accepted_by_lark(parser: Lark, text: str, seconds: float = 0) -> bool | None:
    """Whether lark parses a text; None where `re` takes longer than that (only in the main thread, and only if asked).

    Some of lark's errors come as whatever they happen to break.
    """

    def late(*_: Any) -> None:
        raise _Late

    if seconds:
        signal.signal(signal.SIGALRM, late)
        signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        parser.parse(text)
    except _Late:
        return None
    except Exception:
        return False
    finally:
        if seconds:
            signal.setitimer(signal.ITIMER_REAL, 0)
    return True


def judged(automaton: Automaton, text: str) -> tuple[bool, bool]:
    """(whether the text may be continued or is complete, whether it is complete), byte by byte."""
    state: int | None = automaton.start
    for byte in text.encode():
        assert state is not None
        state = automaton.advance(state, bytes([byte]))
        if state is None:
            return False, False
    return True, automaton.is_complete(state)
