"""A run as one page of HTML that needs nothing else: genealogy, weights, effective sample size, evidence.

The genealogy has a row per particle and a column per token. A line is a particle's way; where a group was resampled,
lines cross over to the rows that were overwritten. What none of the final particles descends from is pale.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from . import smc
from .errors import InputError
from .history import Drawn, Event, Resampled, Restarted

if TYPE_CHECKING:
    from .result import Result

# Points with a tooltip each; beyond that, only ends and resamplings have one.
_MOST_POINTS = 20_000

_COLUMN, _ROW, _LEFT, _TOP = 16, 18, 46, 24

_STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #1c1c1c; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } td, th { border-bottom: 1px solid #ddd; padding: .25rem .5rem; }
td, th { text-align: right; vertical-align: top; } td.text { text-align: left; white-space: pre-wrap; }
td.text { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
figure { margin: 0; overflow-x: auto; } figcaption { color: #555; } svg text { font: 11px system-ui, sans-serif; }
.way { stroke: #3366aa; fill: none; stroke-width: 1.4; } .pale { stroke: #cfd6e2; fill: none; }
.fork { stroke: #cc7722; fill: none; stroke-width: 1.2; }
.event { stroke: #cc7722; stroke-dasharray: 2 3; opacity: .6; }
.point { fill: #3366aa; } .pale-point { fill: #cfd6e2; } .stop { fill: #2b8a3e; } .forced { fill: #e67700; }
.length { fill: #868e96; } .dead { fill: #c92a2a; } .curve { stroke: #3366aa; fill: none; stroke-width: 1.4; }
.axis { stroke: #999; }
dl { display: grid; grid-template-columns: max-content auto; gap: .1rem 1rem; } dd { margin: 0; }
"""


@dataclass(frozen=True, slots=True)
class _Step:
    """The group after one step: log weights of all slots, their effective sample size, the log of their mean."""

    step: int
    ess: float
    log_mean: float


def page(result: Result) -> str:
    """The page of a result with a history.

    Raises:
        InputError: the result has none.
    """
    if result.history is None:
        raise InputError("the result has no history to show; generate with trace=True")
    events = result.history
    size = len(result.samples)
    steps = list(_steps(events, size))
    embedded = json.dumps(result.to_dict(), ensure_ascii=False).replace("</", "<\\/")
    body = [
        "<h1>tamis run</h1>",
        _summary(result),
        "<h2>Genealogy</h2>",
        _genealogy(events, size, result),
        "<h2>Effective sample size</h2>",
        _curve([(s.step, s.ess) for s in steps], [e.step for e in events if isinstance(e, Resampled)], 0.0, size),
        "<h2>Log of the mean weight</h2>",
        _curve([(s.step, s.log_mean) for s in steps if math.isfinite(s.log_mean)], []),
        "<h2>Samples</h2>",
        _samples(result),
        f'<script type="application/json" id="run">{embedded}</script>',
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>tamis run</title>'
        f"<style>{_STYLE}</style></head><body>\n" + "\n".join(body) + "\n</body></html>\n"
    )


def _steps(events: Sequence[Event], size: int) -> Iterator[_Step]:
    """The group after each step, before it is resampled.

    Steps of slots that are not kept in step are taken together by their number.
    """
    by_step: dict[int, list[Event]] = {}
    for event in events:
        if isinstance(event, Drawn):
            by_step.setdefault(event.step + 1, []).append(event)
        elif isinstance(event, Resampled):
            by_step.setdefault(event.step, []).append(event)
    weights = np.zeros(size)
    for step in sorted(by_step):
        resampled = None
        for event in by_step[step]:
            if isinstance(event, Resampled):
                resampled = event
            elif isinstance(event, Drawn):
                weights[event.slot] = -math.inf if event.log_weight is None else event.log_weight
        yield _Step(step, smc.effective_sample_size(weights), smc.log_mean_exp(weights))
        if resampled is not None:
            weights[:] = resampled.log_weight


def _number(value: float | None, digits: int = 2) -> str:
    if value is None or value == -math.inf:
        return "-∞"
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def _summary(result: Result) -> str:
    stats = result.stats
    rows = {
        "method": result.method,
        "particles": str(len(result.samples)),
        "log evidence": _number(result.log_evidence, 3),
        "effective sample size": _number(result.ess),
        "tokens drawn": str(stats.tokens),
        "checks per token": _number(stats.checks_per_token),
        "tokens with exact weights": str(stats.exact),
        "resamplings": f"{stats.resamplings} ({stats.forks} forks, {stats.revived} revived)",
        "failures of predicates": str(stats.failures),
        "seconds": _number(stats.seconds),
    }
    return "<dl>" + "".join(f"<dt>{name}</dt><dd>{html.escape(value)}</dd>" for name, value in rows.items()) + "</dl>"


def _samples(result: Result) -> str:
    head = "<tr><th>slot</th><th>weight</th><th>log weight</th><th>end</th><th>tokens</th><th>text</th></tr>"
    rows = []
    for slot, sample in sorted(enumerate(result.samples), key=lambda pair: -pair[1].weight):
        end = sample.finish_reason + (f": {sample.reason}" if sample.reason else "")
        cells = [str(slot), _number(sample.weight, 4), _number(sample.log_weight), end, str(len(sample.token_ids))]
        plain = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
        rows.append(f'<tr>{plain}<td class="text">{html.escape(sample.text)}</td></tr>')
    return f"<table>{head}{''.join(rows)}</table>"


def _genealogy(events: Sequence[Event], size: int, result: Result) -> str:
    """Rows of particles, columns of tokens."""
    columns = max((e.step + 1 for e in events if isinstance(e, Drawn)), default=0)
    width, height = _LEFT + _COLUMN * (columns + 2), _TOP + _ROW * size + 10
    surviving = _surviving(events, size)
    points = sum(isinstance(event, Drawn) for event in events) <= _MOST_POINTS

    def x(step: int) -> int:
        return _LEFT + _COLUMN * step

    def y(slot: int) -> int:
        return _TOP + _ROW * slot

    under, lines, marks = [], [], []
    for number, event in enumerate(events):
        if isinstance(event, Restarted):
            continue
        if isinstance(event, Resampled):
            under.append(f'<path class="event" d="M{x(event.step)} {_TOP - 12}V{height - 6}"/>')
            for slot, ancestor in enumerate(event.ancestors):
                if slot != ancestor:
                    start, end = x(event.step), x(event.step) + _COLUMN // 2
                    path = f"M{start} {y(ancestor)}C{end} {y(ancestor)} {start} {y(slot)} {end} {y(slot)}"
                    lines.append(f'<path class="fork" d="{path}"><title>{ancestor} → {slot}</title></path>')
            continue
        kind = "way" if number in surviving else "pale"
        lines.append(f'<path class="{kind}" d="M{x(event.step)} {y(event.slot)}H{x(event.step + 1)}"/>')
        if event.status is not None or points:
            name = event.status or ("point" if number in surviving else "pale-point")
            radius = 4 if event.status is not None else 2
            marks.append(
                f'<circle class="{name}" cx="{x(event.step + 1)}" cy="{y(event.slot)}" r="{radius}">'
                f"<title>{html.escape(_tooltip(event))}</title></circle>"
            )
    labels = [
        f'<text x="4" y="{y(slot) + 4}">{slot}: {_number(sample.weight)}</text>'
        for slot, sample in enumerate(result.samples)
    ]
    ticks = [f'<text x="{x(step)}" y="{_TOP - 12}">{step}</text>' for step in range(0, columns + 1, 10)]
    return (
        f'<figure><svg width="{width}" height="{height}" role="img" aria-label="genealogy of the particles">'
        + "".join((*under, *lines, *marks, *labels, *ticks))
        + "</svg><figcaption>A row per particle with its final weight, a column per token; a point says its token and "
        "weight. Green: complete, orange: completed by force, grey: cut, red: dead. Orange lines: resampling. Pale: "
        "nobody at the end descends from it.</figcaption></figure>"
    )


def _tooltip(event: Drawn) -> str:
    parts = [f"particle {event.slot}, token {event.step + 1}: {event.text!r}"]
    parts.append(f"log weight {_number(event.log_weight)} ({_number(event.increment)})")
    parts.append("exact" if event.exact else f"{event.checks} checks")
    if event.status is not None:
        parts.append(event.status + (f": {event.reason}" if event.reason else ""))
    return "\n".join(parts)


def _surviving(events: Sequence[Event], size: int) -> set[int]:
    """The numbers of the draws that are among the tokens of some particle at the end."""
    needed = set(range(size))
    found = set()
    for number in range(len(events) - 1, -1, -1):
        event = events[number]
        if isinstance(event, Resampled):
            needed = {event.ancestors[slot] for slot in needed}
        elif isinstance(event, Restarted):
            needed.discard(event.slot)
        elif event.slot in needed:
            found.add(number)
    return found


def _curve(
    points: Sequence[tuple[float, float]], events: Sequence[int], low: float | None = None, high: float | None = None
) -> str:
    """A curve over steps, with a vertical line per event."""
    if not points:
        return "<p>Nothing to draw.</p>"
    width, height, left, bottom = 760, 160, 52, 20
    last = max(step for step, _ in points)
    low = min(value for _, value in points) if low is None else low
    high = max(value for _, value in points) if high is None else high
    span = (high - low) or 1.0

    def x(step: float) -> float:
        return left + (width - left - 8) * step / max(last, 1)

    def y(value: float) -> float:
        return 8 + (height - bottom - 8) * (1 - (value - low) / span)

    marks = [f'<path class="event" d="M{x(step):.1f} 8V{height - bottom}"/>' for step in events]
    line = " ".join(f"{x(step):.1f},{y(value):.1f}" for step, value in points)
    return (
        f'<figure><svg width="{width}" height="{height}">{"".join(marks)}'
        f'<path class="axis" d="M{left} 8V{height - bottom}H{width - 8}" fill="none"/>'
        f'<polyline class="curve" points="{line}"/>'
        f'<text x="2" y="16">{high:.3g}</text><text x="2" y="{height - bottom}">{low:.3g}</text>'
        f'<text x="{width - 8}" y="{height - 4}" text-anchor="end">{last} tokens</text></svg></figure>'
    )
