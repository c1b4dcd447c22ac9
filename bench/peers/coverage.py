"""How many real schemas each engine takes, and how it judges their instances.

    python -m tamis.bench.peers.coverage

Every instance is fed as the tokens of its JSON text, then the end token.  It counts as accepted where its text with
Python's default separators or its compact text is, so that no engine is judged by its white space.  The exit status is
1 where tamis misses a target.  A run that was cut off goes on where it stopped.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track

from ...grammars import json_schema
from ..maskbench import DATA, Case, Instance, read_cases
from ..report import Report
from . import engines
from .journal import Journal
from .judging import Verdict, judge, sampled
from .protocol import Refused
from .tokens import single_bytes, smollm2
from .worker import Failure, Worker

FORMS = ("spaced", "compact")
_COMPARED_STATES = 2  # per text
_DECLARED, _ANY_ORDER = "tamis", "tamis, any order"


def make_job(name: str) -> Callable[..., Any]:
    """In the worker: one engine, and a function that compiles and judges."""
    tokens = single_bytes() if engines.adapter(name).compile_depends_on_vocabulary else smollm2()
    engine = engines.make(name, tokens)
    compiled: Any = None

    def job(action: str, subject: Any) -> Any:
        nonlocal compiled
        if action == "compile":
            try:
                compiled = engine.compile(subject)
            except Refused as error:
                return str(error) or "no reason given"
            except Exception as error:  # none that the engine announces
                return Failure("crash", f"{type(error).__name__}: {error}")
            return None
        return [
            {
                form: asdict(judge(engine, compiled, tokens, text, compare=_COMPARED_STATES, seed=text))
                for form, text in texts.items()
            }
            for texts in subject
        ]

    return job


def ask(worker: Worker, case: Case, limit_s: float) -> dict[str, Any]:
    """One engine on one case: {"outcome": compiled, refused, crash or time-out, "reason", "verdicts", "seconds"}."""
    before = worker.cpu_seconds
    reason = worker.ask("compile", json.dumps(case.schema), limit_s=limit_s)
    answer: dict[str, Any] = {"outcome": "compiled", "reason": reason, "verdicts": None}
    if isinstance(reason, Failure):
        answer |= {"outcome": reason.kind, "reason": f"while compiling: {reason.detail}"}
    elif reason is not None:
        answer["outcome"] = "refused"
    else:
        texts = [{form: i.text(compact=form == "compact") for form in FORMS} for i in case.instances]
        verdicts = worker.ask("judge", texts, limit_s=limit_s)
        if isinstance(verdicts, Failure):
            answer |= {"outcome": verdicts.kind, "reason": f"while reading instances: {verdicts.detail}"}
        else:
            answer["verdicts"] = verdicts
    answer["seconds"] = worker.cpu_seconds - before
    return answer


class Tally:
    """The answers of one engine, counted."""

    def __init__(self, cases: list[Case], answers: dict[str, dict[str, Any]]) -> None:
        """`answers` by the case's name; cases without one were not tried."""
        self.outcomes: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.refused: list[tuple[str, str]] = []
        self.wrong: dict[bool, list[tuple[Case, int]]] = {True: [], False: []}  # by whether the instance is valid
        self.accepted: set[tuple[str, int]] = set()  # valid instances
        self.disagreeing: list[str] = []
        for case in cases:
            if case.name not in answers:
                continue
            answer = answers[case.name]
            self.outcomes[answer["outcome"]] += 1
            if answer["outcome"] != "compiled":
                self.reasons[_general(answer["reason"])] += 1
                self.refused.append((case.name, answer["reason"]))
            for number, (instance, forms) in enumerate(zip(case.instances, answer["verdicts"] or (), strict=False)):
                self._count(case, number, instance, [Verdict(**forms[form]) for form in FORMS])

    def _count(self, case: Case, number: int, instance: Instance, verdicts: list[Verdict]) -> None:
        kind = "valid" if instance.valid else "invalid"
        accepted = any(verdict.accepted for verdict in verdicts)
        self.counts[kind] += 1
        self.counts[f"{kind} accepted"] += accepted
        self.counts["one form only"] += accepted and not all(verdict.accepted for verdict in verdicts)
        self.counts["errors"] += any(verdict.error for verdict in verdicts)
        self.counts["compared"] += sum(verdict.compared for verdict in verdicts)
        if accepted and instance.valid:
            self.accepted.add((case.name, number))
        if accepted is not instance.valid:
            self.wrong[instance.valid].append((case, number))
        if any(verdict.disagreements for verdict in verdicts):
            self.disagreeing.append(case.name)

    def row(self) -> list[object]:
        """The engine's row of the main table, behind its name."""
        tried = self.outcomes.total()
        counts = self.counts
        return [
            tried,
            _share(self.outcomes["compiled"], tried),
            *(self.outcomes[outcome] for outcome in ("refused", "crash", "time-out")),
            _share(counts["valid accepted"], counts["valid"]),
            counts["valid"] - counts["valid accepted"],
            counts["invalid accepted"],
            counts["invalid"] - counts["invalid accepted"],
            counts["one form only"],
            counts["errors"],
            f"{len(self.disagreeing)} of {counts['compared']:,}" if counts["compared"] else "-",
        ]


def main(
    schemas: Annotated[int, typer.Option(help="How many schemas, drawn at random; 0 for all.")] = 0,
    seed: Annotated[int, typer.Option(help="Draws the schemas, and their order.")] = 0,
    limit: Annotated[float, typer.Option(help="CPU seconds an engine may take for a schema, or its instances.")] = 10,
    budget: Annotated[float, typer.Option(help="CPU seconds one engine may take in all; the rest is not tried.")] = 120,
    data: Annotated[Path, typer.Option(help="MaskBench as JSON lines: {name, schema, tests}.")] = DATA,
    save: Annotated[bool, typer.Option(help="Write docs/results/coverage.md.")] = True,
) -> None:
    """Compile, feed every instance, and print what each engine takes, accepts and rejects."""
    cases = sampled(read_cases(data), schemas, seed)
    names = [name for name in engines.NAMES if engines.is_installed(name)]
    options = {"schemas": schemas, "seed": seed, "limit": limit, "budget": budget, "data": str(data), "names": names}
    journal = Journal("coverage", options)
    spent: defaultdict[str, float] = defaultdict(float)
    answers: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in names}
    with ExitStack() as stack:
        # A process each: those that run over are started again without the others.
        workers = {name: stack.enter_context(Worker(make_job, name)) for name in names}
        for case in track(cases, description="schemas", console=Console(stderr=True)):
            for name, worker in workers.items():
                key = f"{name}: {case.name}"
                if key not in journal:
                    if spent[name] > budget:
                        continue
                    journal.add(key, ask(worker, case, limit))
                answers[name][case.name] = journal[key]
                spent[name] += journal[key]["seconds"]
    tallies = {name: Tally(cases, answers[name]) for name in names}
    arguments = f"--schemas {schemas} --seed {seed} --limit {limit:g} --budget {budget:g}"
    command = f"python -m tamis.bench.peers.coverage {arguments}"
    report = _report(command, len(cases), sum(len(case.instances) for case in cases), tallies)
    report.show()
    if save:
        report.save()
    journal.finish()
    raise typer.Exit(0 if all(met for _, _, _, met in targets(tallies)) else 1)


def targets(tallies: dict[str, Tally]) -> list[tuple[str, str, str, bool]]:
    """(what, reached, target, whether it is met) of tamis."""
    rows = []
    for name, tally in tallies.items():
        if name not in (_DECLARED, _ANY_ORDER):
            continue
        counts, tried = tally.counts, tally.outcomes.total()
        taken = tally.outcomes["compiled"] / max(tried, 1)
        rows.append((f"{name}: schemas that compile", f"{taken:.2%}", ">= 98 %", taken >= 0.98))
        rejected = len(tally.wrong[True]) / max(counts["valid"], 1)
        what = "valid instances rejected"
        if name == _DECLARED:
            reordered = len(_in_another_order(tallies))
            what += f" ({rejected:.2%}), but for {reordered} in another order than declared"
            rejected -= reordered / max(counts["valid"], 1)
        rows.append((f"{name}: {what}", f"{rejected:.2%}", "<= 0.3 %", rejected <= 0.003))
        numbers = [
            ("invalid instances accepted", counts["invalid accepted"]),
            ("crashes and time-outs", tally.outcomes["crash"] + tally.outcomes["time-out"]),
            ("texts that ended in an error", counts["errors"]),
            ("texts where mask, check and step disagree", len(tally.disagreeing)),
        ]
        rows += [(f"{name}: {what}", str(number), "0", number == 0) for what, number in numbers]
    return rows


def _in_another_order(tallies: dict[str, Tally]) -> set[tuple[str, int]]:
    """Valid instances that tamis rejects for the order of their properties alone."""
    rejected = {(case.name, number) for case, number in tallies[_DECLARED].wrong[True]}
    return rejected & tallies[_ANY_ORDER].accepted if _ANY_ORDER in tallies else set()


def _report(command: str, schemas: int, instances: int, tallies: dict[str, Tally]) -> Report:
    columns = ["engine", "schemas", "compiled", "refused", "crashed", "timed out", "valid accepted", "valid rejected"]
    columns += ["invalid accepted", "invalid rejected", "in one form only", "errors", "mask, check, step disagree"]
    title = f"Coverage of MaskBench: {schemas:,} schemas, {instances:,} instances"
    report = Report("coverage", title, command, columns)
    for name, tally in tallies.items():
        report.add(engines.version(name), *tally.row())
    report.note(
        "Texts are JSON with Python's default separators and compact JSON, both in UTF-8 without escapes; an instance "
        "is accepted where one of the two is (*in one form only*: where just one is). All engines keep their own "
        "default white space, which admits both. Texts are cut into SmolLM2's tokens; for xgrammar and outlines-core, "
        "whose time to compile grows with the vocabulary, into single bytes, since what an engine accepts does not "
        "depend on it. Instances are counted for compiled schemas only. *Errors* are texts for which the engine raised "
        "an exception. *Disagree*: texts in which, at two random places, a token's mask bit, its check and a step with "
        "a fork did not say the same, of so many tokens compared."
    )
    report.note("; ".join(f"{name}: {engines.adapter(name).settings}" for name in tallies) + ".")
    report.section("Targets", ["what", "reached", "target", "met"])
    for what, reached, target, met in targets(tallies):
        report.add(what, reached, target, "yes" if met else "NO")
    for name, tally in tallies.items():
        if tally.reasons:
            report.section(f"{name}: why schemas were not taken", ["count", "reason"])
            for reason, count in tally.reasons.most_common(12):
                report.add(count, reason)
    for name in (name for name in tallies if name in (_DECLARED, _ANY_ORDER)):
        _offenders(report, name, tallies)
    return report


def _offenders(report: Report, name: str, tallies: dict[str, Tally]) -> None:
    """Every schema and instance that keeps tamis from its targets, by name."""
    tally = tallies[name]
    report.section(f"{name}: every schema not taken", ["schema", "reason"])
    for schema, reason in tally.refused:
        report.add(f"`{schema}`", _line(reason))
    reordered = _in_another_order(tallies) if name == _DECLARED else set()
    report.section(f"{name}: every instance judged wrongly", ["schema", "instance", "MaskBench says", "where it ended"])
    order = "any" if name == _ANY_ORDER else "declared"
    for is_valid, wrong in tally.wrong.items():
        for case, number in wrong:
            where = _death(case, number, order) if is_valid else "accepted to the end"
            if (case.name, number) in reordered:
                where = f"another order than declared; {where}"
            report.add(f"`{case.name}`", number, "valid" if is_valid else "invalid", where)
    if tally.disagreeing:
        report.note(f"Mask, check and step disagree in: {', '.join(sorted(set(tally.disagreeing)))}.")


def _death(case: Case, number: int, order: Any) -> str:
    """The text up to the byte that tamis does not let in."""
    automaton = json_schema(case.schema, property_order=order).compile()
    text = case.instances[number].text().encode()
    state = automaton.start
    for place in range(len(text)):
        following = automaton.advance(state, text[place : place + 1])
        if following is None:
            before, after = (part.decode(errors="replace") for part in (text[:place][-50:], text[place:][:20]))
            return f"at byte {place}: `{before}` | `{after}`"
        state = following
    return "rejected at its end"


def _general(reason: str) -> str:
    """The reason without what belongs to one schema."""
    line = re.sub(r"^\[[\d:]+\] \S+: ", "", _line(reason))
    return re.sub(r'"[^"]*"|`[^`]*`|\'[^\']*\'|\d{2,}', "…", line)[:100]


def _line(reason: str) -> str:
    return reason.strip().splitlines()[0][:200]


def _share(part: int, whole: int) -> str:
    return f"{part} ({part / whole:.1%})" if whole else "-"


if __name__ == "__main__":
    typer.run(main)
