"""Regular expressions of every kind: are they accepted, and do they agree with `re` and the regex package on texts?

    python -m tamis.bench.domains.patterns

Texts are found by random walks that the package guides itself (a prefix is kept while it calls it a partial match), by
random walks in the automaton, and by small changes to both. Where `re` compiles a pattern (and it holds no POSIX class,
which is none to `re`), its judgement counts, otherwise the package's; on how many texts the two differ is told.
"""

from __future__ import annotations

import contextlib
import csv
import random
import re
import signal
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import regex
import typer

from ... import grammars
from ...grammars import AutomatonLimitError, GrammarError
from ..report import Report

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "patterns_dev.csv"
ALPHABET = "abcABCxyz012-_ .,/:;()[]{}<>@#'\"+*?!$%&\\\n\tßéÉñµΩωжДא中あ한\u0301\u00a0\u2028٣Ⅳ½😀→∑ſK"
_POSIX = re.compile(r"\[:\^?[A-Za-z]+:\]")
# Seconds that one text may take.
PATIENCE = 1.0


@dataclass(slots=True)
class Judgement:
    """What became of one pattern."""

    pattern: str
    refused: str = ""
    members: int = 0
    near_misses: int = 0
    disagreements: list[str] = field(default_factory=list)
    unlike_package: int = 0
    dead_prefixes: list[str] = field(default_factory=list)
    undecided: int = 0


class Oracle:
    """`re` where it compiles the pattern, otherwise the regex package."""

    def __init__(self, pattern: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._package: Any = regex.compile(pattern)
            try:
                self._re = None if _POSIX.search(pattern) else re.compile(pattern)
            except re.error:
                self._re = None

    def matches(self, text: str) -> bool | None:
        """None where it takes too long."""
        if self._re is None:
            return self.matches_in_package(text)
        with _at_most(PATIENCE):
            return self._re.fullmatch(text) is not None
        return None

    def matches_in_package(self, text: str) -> bool | None:
        """None where it takes too long."""
        try:
            return self._package.fullmatch(text, timeout=PATIENCE) is not None
        except (TimeoutError, MemoryError):
            return None

    def may_go_on(self, text: str) -> bool:
        try:
            return self._package.fullmatch(text, partial=True, timeout=PATIENCE) is not None
        except (TimeoutError, MemoryError):
            return False


@contextlib.contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Leaves the block after so long; `re` looks for signals as it matches."""

    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except TimeoutError:
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def guided_texts(oracle: Oracle, letters: str, random_: random.Random, walks: int) -> Iterator[str]:
    """Members found by asking the package alone which prefixes can go on."""
    for _ in range(walks):
        text = ""
        longest = random_.choice((3, 8, 20, 40))
        while len(text) < longest:
            if random_.random() < 0.5 and oracle.matches(text):
                break
            tried = random_.sample(letters, len(letters))
            following = next((c for c in tried if oracle.may_go_on(text + c)), None)
            if following is None:
                break
            text += following
        yield text


def automaton_texts(automaton: Any, letters: str, random_: random.Random, walks: int) -> Iterator[str]:
    """Members found by walking through the automaton, characters of the pattern preferred."""
    for _ in range(walks):
        state, text = automaton.start, ""
        for _ in range(random_.choice((3, 8, 20, 40))):
            if automaton.is_complete(state) and random_.random() < 0.4:
                break
            for letter in random_.sample(letters, len(letters)):
                following = automaton.advance(state, letter.encode())
                if following is not None:
                    state, text = following, text + letter
                    break
            else:
                break
        yield text


def changed(text: str, letters: str, random_: random.Random) -> str:
    """The text with one small change."""
    at = random_.randrange(len(text) + 1)
    kind = random_.randrange(5)
    if kind == 0:
        return text[:at] + random_.choice(letters) + text[at:]
    if kind == 1:
        return text[:at] + text[at + 1 :]
    if kind == 2:
        return text[:at] + random_.choice(letters) + text[at + 1 :]
    if kind == 3:
        return text[:at] + text[at : at + 1].swapcase() + text[at + 1 :]
    return text + text[:at]


def judge(pattern: str, seed: int = 0, walks: int = 25) -> Judgement:
    """Compare one pattern, which the package compiles, with the package."""
    result = Judgement(pattern)
    random_ = random.Random(f"{seed} {pattern}")
    oracle = Oracle(pattern)
    letters = "".join(sorted({*ALPHABET, *(c for c in pattern if not "\ud800" <= c <= "\udfff")}))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # sets that may have been meant otherwise
            automaton: Any = grammars.regex(pattern).compile()
    except GrammarError as error:
        if "accepts no string" not in error.message:
            result.refused = error.message
            return result
        automaton = None
    texts = ["", *guided_texts(oracle, letters, random_, walks)]
    if automaton is not None:
        texts += automaton_texts(automaton, letters, random_, walks)
    texts += [changed(random_.choice(texts), letters, random_) for _ in range(4 * walks)]
    for text in dict.fromkeys(texts):
        wanted = oracle.matches(text)
        try:
            accepted = automaton is not None and bool(automaton.accepts(text.encode()))
        except AutomatonLimitError:
            result.undecided += 1
            continue
        if wanted is None:
            result.undecided += 1
            continue
        if wanted:
            result.members += 1
        else:
            result.near_misses += 1
        if accepted != wanted:
            result.disagreements.append(text)
        result.unlike_package += oracle.matches_in_package(text) not in (wanted, None)
        if wanted and accepted and not _prefixes_live(automaton, text):
            result.dead_prefixes.append(text)
    return result


def _prefixes_live(automaton: Any, text: str) -> bool:
    state: int | None = automaton.start
    for byte in text.encode():
        state = automaton.advance(state, bytes([byte]))
        if state is None:
            return False
    return True


def read_patterns(data: Path) -> tuple[list[str], int]:
    """(patterns that the package compiles, number of all)."""
    with data.open(newline="") as lines:
        rows = [row[0] for row in csv.reader(lines) if row][1:]
    compiled = []
    for pattern in rows:
        try:
            regex.compile(pattern)
        except regex.error:
            continue
        compiled.append(pattern)
    return compiled, len(rows)


def main(
    data: Annotated[Path, typer.Option(help="A CSV file, one regular expression a row, with a head line.")] = DATA,
    seed: Annotated[int, typer.Option(help="Chooses the texts.")] = 0,
    walks: Annotated[int, typer.Option(help="Random walks of each kind per pattern.")] = 25,
    details: Annotated[bool, typer.Option(help="One row per pattern.")] = False,
) -> None:
    """Judge every pattern and print the table; exit status 1 if one is refused or disagrees."""
    if not data.exists():
        raise typer.BadParameter(f"{data} does not exist; name the file with --data")
    patterns, total = read_patterns(data)
    results = [judge(pattern, seed, walks) for pattern in patterns]
    command = f"python -m tamis.bench.domains.patterns --walks {walks} --seed {seed}"
    report = Report("patterns", "Regular expressions against re and the regex package", command, ["what", "count"])
    report.add("patterns", total)
    report.add("compiled by the regex package", len(patterns))
    report.add("accepted here", sum(not r.refused for r in results))
    report.add("patterns that agree on every text", sum(not r.refused and not r.disagreements for r in results))
    report.add("members judged", sum(r.members for r in results))
    report.add("near-misses judged", sum(r.near_misses for r in results))
    report.add("texts judged differently", sum(len(r.disagreements) for r in results))
    report.add(
        "texts that `re`, which counts, and the package judge differently", sum(r.unlike_package for r in results)
    )
    report.add("members with a refused prefix", sum(len(r.dead_prefixes) for r in results))
    report.add("texts that took too long, there or here", sum(r.undecided for r in results))
    report.show()
    report.save()
    for r in results:
        if details:
            print(r.members, r.near_misses, len(r.disagreements), r.unlike_package, r.undecided, r.pattern, sep="\t")
        for trouble in ([r.refused] if r.refused else []) + r.disagreements + r.dead_prefixes:
            print(f"TROUBLE {r.pattern!r}: {trouble!r}")
    raise typer.Exit(1 if any(r.refused or r.disagreements or r.dead_prefixes for r in results) else 0)


if __name__ == "__main__":
    typer.run(main)
