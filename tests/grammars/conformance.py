"""The official JSON-Schema-Test-Suite, case by case, against a ratchet file: what passed may not fail again.

    python -m tests.grammars.conformance             # the table, and what differs from the ratchet file
    python -m tests.grammars.conformance --update    # write improvements (and new cases) into it
    python -m tests.grammars.conformance --suite FOLDER    # any copy of the suite, all drafts; the table alone

Required tests and most optional ones run with format="annotate", those about formats with format="assert"; all with
property_order="any" and the suite's remote documents as resources.  A schema that admits no value is refused with a
GrammarError of its own, and judged as an automaton that accepts nothing.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tamis.grammars import GrammarError, json_schema
from tamis.grammars._core import AutomatonLimitError

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
SUITE, REMOTES = DATA / "json_schema_test_suite.jsonl.gz", DATA / "json_schema_remotes.json.gz"
RATCHET = Path(__file__).with_name("json_schema_suite.txt")
UPDATE = "python -m tests.grammars.conformance --update"

DIALECTS = {
    "draft2020-12": "https://json-schema.org/draft/2020-12/schema",
    "draft2019-09": "https://json-schema.org/draft/2019-09/schema",
    "draft7": "http://json-schema.org/draft-07/schema#",
    "draft6": "http://json-schema.org/draft-06/schema#",
    "draft4": "http://json-schema.org/draft-04/schema#",
}
# Drafts 7 and older let an implementation assert contentEncoding and contentMediaType; to tamis, as in later drafts,
# they are annotations, so that what these tests call invalid is accepted by design.
ANNOTATIONS = {"optional/content.json"}
OUTCOMES = ("pass", "refused", "limit", "accepted", "rejected")


class Case(NamedTuple):
    """One test; `group` and `test` are the suite's descriptions, numbered where they repeat."""

    draft: str
    file: str
    group: str
    test: str

    @property
    def section(self) -> str:
        """ "required", or the optional file."""
        return self.file.removesuffix(".json") if self.file.startswith("optional/") else "required"


def outcomes(suite: Path | None = None) -> Iterator[tuple[Case, str]]:
    """Every case with its outcome: "pass", "refused" (GrammarError), "limit" (AutomatonLimitError), wrongly
    "accepted" or wrongly "rejected".  `suite` is a folder with the suite's `tests` and `remotes`."""
    seen = Counter[tuple[str, ...]]()
    for group, remotes in _shared_groups() if suite is None else _groups(suite):
        name = _numbered(seen, group["draft"], group["file"], group["description"])
        judge = _judge(group, remotes)
        for test in group["tests"]:
            case = Case(group["draft"], group["file"], name, "")
            case = case._replace(test=_numbered(seen, *case[:3], test["description"]))
            yield case, judge(test)


def _shared_groups() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    with gzip.open(REMOTES, "rt", encoding="utf-8") as file:
        remotes = json.load(file)
    with gzip.open(SUITE, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line), remotes


def _groups(suite: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The groups of the drafts that are known here, each with the remotes of its draft."""
    for draft in DIALECTS:
        others = {path.name for path in suite.glob("remotes/draft*")} - {draft}
        remotes = {
            f"http://localhost:1234/{name}": json.loads(path.read_text(encoding="utf-8"))
            for path in sorted(suite.glob("remotes/**/*.json"))
            if (name := path.relative_to(suite / "remotes").as_posix()).partition("/")[0] not in others
        }
        tests = suite / "tests" / draft
        for path in sorted(tests.glob("**/*.json")):
            for group in json.loads(path.read_text(encoding="utf-8")):
                yield {**group, "draft": draft, "file": path.relative_to(tests).as_posix()}, remotes


def _numbered(seen: Counter[tuple[str, ...]], *key: str) -> str:
    seen[key] += 1
    text = " ".join(key[-1].split())
    return text if seen[key] == 1 else f"{text} #{seen[key]}"


def _judge(group: dict[str, Any], remotes: dict[str, Any]) -> Any:
    """The function from a test of the group to its outcome."""
    schema = group["schema"]
    if isinstance(schema, dict) and "$schema" not in schema:
        schema = {"$schema": DIALECTS[group["draft"]], **schema}
    formats = group["file"].startswith("optional/format")
    try:
        automaton = json_schema(
            schema, property_order="any", resources=remotes, format="assert" if formats else "annotate"
        ).compile()
    except GrammarError as error:
        if "no value" not in error.message and "accepts no string" not in error.message:
            return lambda test: "refused"
        automaton = None

    def outcome(test: dict[str, Any]) -> str:
        try:
            accepted = automaton is not None and automaton.accepts(json.dumps(test["data"]).encode())
        except AutomatonLimitError:
            return "limit"
        return "pass" if accepted is test["valid"] else "accepted" if accepted else "rejected"

    return outcome


def read_ratchet() -> dict[Case, str]:
    """The ratchet file: a line per file, group and test, the latter with its outcome, indented by tabs."""
    known, draft, file, group = {}, "", "", ""
    for line in RATCHET.read_text(encoding="utf-8").splitlines():
        if line.startswith("\t\t"):
            outcome, _, test = line[2:].partition(" ")
            known[Case(draft, file, group, test)] = outcome
        elif line.startswith("\t"):
            group = line[1:]
        elif not line.startswith("#"):
            draft, _, file = line.partition(" ")
    return known


def write_ratchet(known: dict[Case, str]) -> None:
    lines = [f"# What each test of the JSON-Schema-Test-Suite came to; {UPDATE}"]
    last = Case("", "", "", "")
    for case in sorted(known):
        if case[:2] != last[:2]:
            lines.append(f"{case.draft} {case.file}")
        if case[:3] != last[:3]:
            lines.append(f"\t{case.group}")
        lines.append(f"\t\t{known[case]} {case.test}")
        last = case
    RATCHET.write_text("\n".join(lines) + "\n", encoding="utf-8")


class Comparison(NamedTuple):
    """Cases by what they mean against the ratchet file; `absolute` are wrong acceptances, known or not."""

    improved: list[Case]
    failed_again: list[Case]
    unknown: list[Case]
    absolute: list[Case]

    @classmethod
    def of(cls, found: dict[Case, str], known: dict[Case, str]) -> Comparison:
        return cls(
            improved=[
                case for case, outcome in found.items() if outcome == "pass" and known.get(case) not in ("pass", None)
            ],
            failed_again=[case for case, outcome in found.items() if outcome != "pass" and known.get(case) == "pass"],
            unknown=[case for case in found if case not in known],
            absolute=[
                case for case, outcome in found.items() if outcome == "accepted" and case.file not in ANNOTATIONS
            ],
        )


def print_table(found: dict[Case, str]) -> None:
    rows: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for case, outcome in found.items():
        rows[case.draft, case.section][outcome] += 1
    print(f"{'':52}{'tests':>8}{'pass':>8}{'refused':>9}{'limit':>7}{'wrongly accepted':>18}{'rejected':>10}")
    for (draft, section), counts in sorted(rows.items(), key=lambda row: (row[0][0], row[0][1] != "required", row[0])):
        cells = "".join(
            f"{counts[outcome] or '':>{width}}" for outcome, width in zip(OUTCOMES, (8, 9, 7, 18, 10), strict=True)
        )
        print(f"{f'{draft} {section}':52}{counts.total():>8}{cells}")


def main() -> int:
    parser = argparse.ArgumentParser(description="The JSON-Schema-Test-Suite against the ratchet file.")
    parser.add_argument("--update", action="store_true", help="write improvements and new cases into the ratchet file")
    parser.add_argument("--suite", type=Path, help="a folder with the suite's tests and remotes: print its table only")
    arguments = parser.parse_args()
    if arguments.suite is not None:
        found = dict(outcomes(arguments.suite))
        print_table(found)
        return 0 if found else 1
    if not SUITE.exists():
        print(f"the test suite is not at {SUITE}")
        return 1
    found = dict(outcomes())
    known = read_ratchet() if RATCHET.exists() else {}
    difference = Comparison.of(found, known)
    print_table(found)
    for words, cases in (
        ("passed before, fails now", difference.failed_again),
        ("wrongly accepted", difference.absolute),
        ("passes now", difference.improved),
    ):
        for case in cases:
            print(f"{words}: {': '.join(case)}: {found[case]}")
    if arguments.update:
        # Cases that this copy of the suite lacks keep their lines, and what failed again keeps its "pass".
        kept = dict.fromkeys(difference.failed_again, "pass")
        write_ratchet({**known, **found, **kept})
        print(f"{RATCHET.name}: {len(difference.improved)} improved, {len(difference.unknown)} new")
    elif difference.improved or difference.unknown:
        print(f"{len(difference.improved)} improved, {len(difference.unknown)} new: {UPDATE}")
    return 1 if difference.failed_again or difference.absolute else 0


if __name__ == "__main__":
    sys.exit(main())
