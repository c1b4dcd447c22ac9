"""A process of bounded time and memory to try hostile cases in.

    python -m tests.grammars.hostile.run            # every case, one line each
    python -m tests.grammars.hostile.run NAME ...   # these

A case must end in a GrammarError or in a grammar whose answers are right, within its time and `BYTES`; a text may also
end in an AutomatonLimitError. Anything else is a finding: another exception, a crash, a hang.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tamis.grammars import GrammarError
from tamis.grammars._core import AutomatonLimitError

from . import notation_cases, regex_cases, schema_cases  # noqa: F401  (they register their cases)
from .cases import CASES, Case

BYTES = 2 << 30
ROOT = Path(__file__).resolve().parents[3]


class Outcome(NamedTuple):
    """`finding` is empty where the case ended as it must; `words` says how it ended."""

    finding: str
    words: str
    seconds: float


def attempt(tried: Case) -> Outcome:
    """Run one case in this process."""
    begin = time.perf_counter()

    def ended(finding: str, words: str) -> Outcome:
        return Outcome(finding, words, time.perf_counter() - begin)

    try:
        automaton = tried.make().compile()
    except GrammarError as error:
        return ended("", f"refused: {str(error)[:120]!r}")
    except BaseException as error:
        return ended(f"{type(error).__name__}: {str(error)[:200]}", "")
    limits = 0
    for text, expected in tried.texts:
        data = text if isinstance(text, bytes) else text.encode()
        try:
            accepted = automaton.accepts(data)
        except AutomatonLimitError:
            limits += 1
            continue
        except BaseException as error:
            return ended(f"{type(error).__name__}: {str(error)[:200]}", "")
        if expected is not None and accepted is not expected:
            return ended(f"{'accepts' if accepted else 'rejects'} {data[:60]!r}", "")
    return ended("", f"{len(tried.texts)} texts" + (f", {limits} past a limit" if limits else ""))


def child(names: list[str]) -> None:
    """Run cases under a memory limit, a line of JSON each."""
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + BYTES, used + BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name in names:
        print(json.dumps(attempt(CASES[name])), flush=True)


def run(names: list[str]) -> Iterator[tuple[str, Outcome]]:
    """Run cases in child processes; one that a case kills, or that hangs, is followed by another for the rest."""
    waiting = list(names)
    while waiting:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.grammars.hostile.run", "--child", *waiting],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        hangs = False
        try:
            out, err = process.communicate(timeout=60 + sum(CASES[name].seconds for name in waiting))
        except subprocess.TimeoutExpired:
            hangs = True
            process.kill()
            out, err = process.communicate()
        for line in out.splitlines():
            name, outcome = waiting.pop(0), Outcome(*json.loads(line))
            if outcome.seconds > CASES[name].seconds and not outcome.finding:
                outcome = outcome._replace(finding=f"took {outcome.seconds:.1f} s")
            yield name, outcome
        if process.returncode or hangs:
            how = "hangs" if hangs else f"ends the process with {process.returncode}: {err[-300:]}"
            name = waiting.pop(0)
            yield name, Outcome(how, "", CASES[name].seconds)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2:])
        sys.exit()
    findings = 0
    for chosen in sys.argv[1:] or CASES:
        for name, outcome in run([chosen]):
            findings += bool(outcome.finding)
            words = outcome.finding or outcome.words
            print(f"{'FINDING' if outcome.finding else 'ok':8}{outcome.seconds:6.2f} s  {name}: {words}", flush=True)
    print(f"{findings} findings")
    sys.exit(bool(findings))
