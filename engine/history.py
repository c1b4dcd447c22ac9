"""What happened in a run, event by event: who drew what, who was resampled from whom, who died and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Drawn:
    """One token of one particle, or its death.

    Attributes:
        slot: the particle's place in the group.
        step: tokens that it had before.
        token_id, text: what was drawn; None and "" if no token was.
        increment: what the token added to the log weight; None for -inf.
        log_weight: the log weight afterwards, a critic's share included; None for -inf.
        checks: tokens whose admissibility was asked for.
        exact: whether the increment is exact.
        status: how the particle ended with this token, None if it goes on.
        reason: why it is dead, where that is not plain.
    """

    slot: int
    step: int
    token_id: int | None
    text: str
    increment: float | None
    log_weight: float | None
    checks: int
    exact: bool
    status: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Resampled:
    """Slot i went on from ancestors[i] after `step` tokens, when the effective sample size was `ess`; every weight is
    `log_weight` since."""

    step: int
    ancestors: tuple[int, ...]
    ess: float
    log_weight: float


@dataclass(frozen=True, slots=True)
class Restarted:
    """A particle was drawn again from the start (method "rejection")."""

    slot: int


Event = Drawn | Resampled | Restarted

_KINDS: dict[str, type[Drawn] | type[Resampled] | type[Restarted]] = {
    "drawn": Drawn,
    "resampled": Resampled,
    "restarted": Restarted,
}


def to_dict(event: Event) -> dict[str, Any]:
    """An event as plain values."""
    values = {"event": type(event).__name__.lower(), **asdict(event)}
    if isinstance(event, Resampled):
        values["ancestors"] = list(event.ancestors)
    return values


def from_dict(values: Mapping[str, Any]) -> Event:
    """The event of `to_dict`.  Raises KeyError and TypeError for anything else."""
    rest = {name: value for name, value in values.items() if name != "event"}
    if "ancestors" in rest:
        rest["ancestors"] = tuple(rest["ancestors"])
    return _KINDS[values["event"]](**rest)


def with_texts(events: Sequence[Mapping[str, Any]], decode: Callable[[Sequence[int]], str]) -> tuple[Event, ...]:
    """The events of a scheduler's answer, with the text of each token."""
    texts: dict[int, str] = {}

    def text_of(token: int | None) -> str:
        if token is None:
            return ""
        if token not in texts:
            texts[token] = decode([token])
        return texts[token]

    return tuple(
        from_dict({**event, "text": text_of(event["token_id"])} if event["event"] == "drawn" else event)
        for event in events
    )
