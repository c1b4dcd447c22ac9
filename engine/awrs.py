"""Adaptive weighted rejection sampling: one step of many particles, logits in, tokens and weight increments out.

The rule behind the estimator "auto" is fixed, so that one seed reproduces a run whatever is cached. Where the
constraint's masks are cheap (`BoundConstraint`), the mask settles the row, unless its most probable token holds at
least 98 % of it: then that token and one more are tested first, and if the first is allowed and holds 98 %, Murthy's
estimate from these two tests is the weight. Under all other constraints, "auto" is "murthy".
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from .constraint import BoundConstraint, masks_of
from .device import DeviceOrder
from .errors import TamisError
from .estimators import AUTO, MURTHY, Estimator
from .randomness import key_words
from .rows import HostOrder, Order, draw_lifted, look_up
from .target import Target
from .walk import (
    FREE,
    MASK_ANSWERS,
    MODEL,
    NEEDS_MASK,
    UNWEIGHED,
    WALKING,
    advance_walks,
    first_lengths,
    gather,
    scatter,
    test_ends,
)


class Draw(IntEnum):
    """Where a row's token comes from, and what it weighs."""

    WEIGHED = 0
    """From the row restricted to the allowed tokens; the weight estimates their mass (AWRS)."""
    UNWEIGHED = UNWEIGHED
    """The same token, weight 1: locally constrained decoding."""
    MODEL = MODEL
    """From the model's own row; weight 1, or dead if the token is not allowed."""
    FREE = FREE
    """From the model's own row; weight 1 whether the token is allowed or not, see `RowFlag.REFUSED`."""


class RowFlag(IntFlag):
    """What happened to a row, in `StepResult.flags`."""

    GREEDY = 1
    """Temperature 0: the log-weight increment is 0 and means nothing."""
    TRUNCATION_LIFTED = 2
    """Truncation left no allowed token, the untruncated row was used."""
    MASKED = 4
    """The constraint's mask was used."""
    DEAD = 8
    """No token was drawn: no allowed token has positive probability, or the model's own draw was not allowed."""
    EXACT = 16
    """The log-weight increment is exact."""
    REFUSED = 32
    """The token is not allowed (`Draw.FREE`)."""


class RowError(TamisError, ValueError):
    """A row of logits that is no distribution; `row` is its index in the batch."""

    def __init__(self, message: str, row: int) -> None:
        """Say what is wrong with row number `row`."""
        super().__init__(message)
        self.row = row


@dataclass(frozen=True, slots=True)
class RowRequest:
    """One particle at one step.

    state: the constraint's state before the token. seed, request, particle, step: the key of all randomness of
    this row; particles are below 2**32 - 1, steps below 2**32. forbidden: tokens that are not allowed whatever the
    constraint says.
    """

    constraint: BoundConstraint
    state: int
    target: Target
    estimator: Estimator
    seed: int
    request: int
    particle: int
    step: int
    draw: Draw = Draw.WEIGHED
    forbidden: tuple[int, ...] = ()


@dataclass(slots=True)
class StepResult:
    """The outcome of `sample_step` for R rows.

    tokens (R,) int32: the drawn token, or -1 where no token is allowed: the particle is dead.
    log_weights (R,) float64: natural-log weight increments, -inf for the dead; an unbiased estimate (in the linear
    domain) of the probability mass that the constraint allows.
    checks (R,) int32: tokens whose admissibility was asked for. flags (R,) uint8: see `RowFlag`.
    """

    tokens: NDArray[np.int32]
    log_weights: NDArray[np.float64]
    checks: NDArray[np.int32]
    flags: NDArray[np.uint8]

    @property
    def weights_defined(self) -> NDArray[np.bool_]:
        """False for the rows (R,) that were decoded greedily."""
        return np.asarray((self.flags & np.uint8(RowFlag.GREEDY)) == 0, dtype=np.bool_)


class RowParameters:
    """The settings of R row requests as arrays; what the kernels read."""

    __slots__ = (
        "budgets",
        "constraints",
        "forbidden",
        "greedy",
        "groups",
        "inverse_temperature",
        "keys",
        "kinds",
        "min_p",
        "states",
        "tails",
        "top_k",
        "top_p",
        "truncates",
    )

    def __init__(self, rows: Sequence[RowRequest]) -> None:
        """Read the requests once, and number their distinct constraints."""
        targets = [row.target for row in rows]
        estimators = [row.estimator for row in rows]
        self.keys = np.array([key_words(r.seed, r.request, r.particle, r.step) for r in rows], dtype=np.uint64)
        self.states = np.array([row.state for row in rows], dtype=np.int64)
        self.greedy = np.array([target.greedy for target in targets], dtype=np.bool_)
        self.inverse_temperature = np.array([1 / (t.temperature or 1.0) for t in targets], dtype=np.float32)
        self.truncates = np.array([target.truncates for target in targets], dtype=np.bool_)
        self.top_k = np.array([target.top_k for target in targets], dtype=np.int64)
        self.top_p = np.array([target.top_p for target in targets], dtype=np.float64)
        self.min_p = np.array([target.min_p for target in targets], dtype=np.float64)
        self.kinds = np.array([_kind(row) for row in rows], dtype=np.int64)
        self.tails = np.array([estimator.tail for estimator in estimators], dtype=np.int64)
        self.budgets = np.array([estimator.budget for estimator in estimators], dtype=np.int64)
        self.forbidden = {
            index: np.array(row.forbidden, dtype=np.int32) for index, row in enumerate(rows) if row.forbidden
        }
        numbers: dict[int, int] = {}
        self.constraints: list[BoundConstraint] = []
        for row in rows:
            if id(row.constraint) not in numbers:
                numbers[id(row.constraint)] = len(numbers)
                self.constraints.append(row.constraint)
        self.groups = np.array([numbers[id(row.constraint)] for row in rows], dtype=np.int64)


def _kind(row: RowRequest) -> int:
    """How a row goes: the kinds of `estimators` and `walk`."""
    if row.draw is not Draw.WEIGHED:
        return int(row.draw)
    kind = row.estimator.kind
    if getattr(row.constraint, "allows_everything", False) and not row.forbidden:
        return UNWEIGHED
    return MURTHY if kind == AUTO and not getattr(row.constraint, "cheap_masks", False) else kind


def sample_step(
    logits: torch.Tensor, rows: Sequence[RowRequest], *, path: Literal["auto", "host", "device"] = "auto"
) -> StepResult:
    """Draw one token for each row, as its `draw` and its estimator say.

    logits (R, V): any floating dtype, any device; not modified. rows: R requests, one per row of logits.
    path: "host" draws from block sums on the CPU, "device" sorts by Gumbel keys where the logits are and fetches
    only the head of that order; "auto" takes the host path for logits in host memory. Both follow the same law, and
    one seed gives one result on each, but not the same one on both.
    Constraints may call this function from `check` and `mask`.
    Raises RowError for a row that holds NaN, +inf or nothing but -inf, and ValueError for shapes that do not match.
    """
    if logits.ndim != 2 or logits.shape[0] != len(rows) or not logits.is_floating_point():
        raise ValueError(
            f"logits must be a floating (rows, vocabulary) tensor with one row per request: "
            f"got shape {tuple(logits.shape)}, {logits.dtype}, for {len(rows)} requests"
        )
    if path not in ("auto", "host", "device"):
        raise ValueError(f"path must be 'auto', 'host' or 'device', got {path!r}")
    if not rows:
        return _empty_result()
    parameters = RowParameters(rows)
    order: Order
    if path == "device" or (path == "auto" and logits.device.type != "cpu"):
        order = DeviceOrder(logits.detach(), parameters)
    else:
        order = HostOrder(logits.detach().to("cpu", torch.float32).contiguous().numpy(), parameters)
    with closing(order):
        _refuse_bad_rows(order, rows)
        return _walk(order, parameters)


def _empty_result() -> StepResult:
    """The result for no rows."""
    return StepResult(np.empty(0, np.int32), np.empty(0, np.float64), np.empty(0, np.int32), np.empty(0, np.uint8))


def _refuse_bad_rows(order: Order, rows: Sequence[RowRequest]) -> None:
    """Raise RowError for the first row whose logits are no distribution."""
    bad = ~np.isfinite(order.candidates.totals)
    if not bad.any():
        return
    index = int(np.flatnonzero(bad)[0])
    request = rows[index]
    logits = order.host_row(index)
    if np.isnan(logits).any():
        problem = f"NaN at token {int(np.flatnonzero(np.isnan(logits))[0])}"
    elif np.isposinf(logits).any():
        problem = f"+inf at token {int(np.flatnonzero(np.isposinf(logits))[0])}"
    else:
        problem = "-inf for every token"
    raise RowError(
        f"logits row {index} (request {request.request}, particle {request.particle}, step {request.step}) "
        f"is no distribution: {problem}",
        index,
    )


def _walk(order: Order, parameters: RowParameters) -> StepResult:
    """Draw, test and weigh until every row is done."""
    p = parameters
    candidates = order.candidates
    count = p.states.size
    status = np.full(count, WALKING, dtype=np.int64)
    accepted = np.full(count, -1, dtype=np.int64)
    tested = np.zeros(count, dtype=np.int64)
    checks = np.zeros(count, dtype=np.int32)
    tokens = np.full(count, -1, dtype=np.int32)
    log_weights = np.full(count, -np.inf, dtype=np.float64)
    flags = np.where(p.greedy, np.uint8(RowFlag.GREEDY), np.uint8(0))
    lengths = first_lengths(p.kinds, p.tails, p.greedy, candidates.totals)
    ok = np.zeros((count, candidates.capacity), dtype=np.bool_)
    masks: dict[int, NDArray[np.uint32]] = {}
    everyone = np.arange(count, dtype=np.int64)
    _settle(order, everyone[lengths == 0], p, tokens, log_weights, flags)
    active = everyone[lengths > 0]
    while active.size:
        order.extend(active, lengths[active])
        if ok.shape[1] < candidates.capacity:
            wider = np.zeros((count, candidates.capacity), dtype=np.bool_)
            wider[:, : ok.shape[1]] = ok
            ok = wider
        ends = test_ends(
            active,
            lengths,
            p.kinds,
            p.greedy,
            p.keys,
            accepted,
            candidates.weights,
            candidates.before,
            candidates.length,
            candidates.exhausted,
        )
        _test(active, ends, tested, status, masks, candidates.tokens, ok, p)
        advance_walks(
            active,
            ends,
            p.kinds,
            p.tails,
            p.budgets,
            p.greedy,
            p.keys,
            candidates.weights,
            candidates.before,
            candidates.left,
            candidates.length,
            candidates.exhausted,
            ok,
            status,
            accepted,
            tested,
            checks,
            lengths,
            log_weights,
        )
        current = status[active]
        _settle(order, active[current == NEEDS_MASK], p, tokens, log_weights, flags)
        answered = active[current == MASK_ANSWERS]
        for row, mask in _masks(answered[[row not in masks for row in answered.tolist()]], p):
            masks[row] = mask
            flags[row] |= RowFlag.MASKED
        active = active[(current == WALKING) | (current == MASK_ANSWERS)]
    walked = np.flatnonzero((accepted >= 0) & (status != NEEDS_MASK))
    tokens[walked] = candidates.tokens[walked, accepted[walked]]
    flags[tokens < 0] |= np.uint8(RowFlag.DEAD)
    flags[(p.kinds == FREE) & ~ok[:, 0]] |= np.uint8(RowFlag.REFUSED)
    return StepResult(tokens, log_weights, checks, flags)


def _test(
    active: NDArray[np.int64],
    ends: NDArray[np.int64],
    tested: NDArray[np.int64],
    status: NDArray[np.int64],
    masks: dict[int, NDArray[np.uint32]],
    tokens: NDArray[np.int32],
    ok: NDArray[np.bool_],
    parameters: RowParameters,
) -> None:
    """Test the candidates of the active rows up to `ends`: one call per distinct constraint, or a look into masks."""
    for row, end in zip(active.tolist(), ends.tolist(), strict=True) if masks else ():
        if status[row] == MASK_ANSWERS:
            part = slice(int(tested[row]), end)
            look_up(masks[row], tokens[row, part], ok[row, part])
    asking = (ends > tested[active]) & (status[active] == WALKING)
    for number, constraint in enumerate(parameters.constraints):
        chosen = asking & (parameters.groups[active] == number) if len(parameters.constraints) > 1 else asking
        group = active[chosen]
        if group.size:
            questions = gather(group, tested, ends[chosen], tokens)
            answers = np.asarray(constraint.check(parameters.states[group], questions), dtype=np.bool_)
            for row in parameters.forbidden.keys() & set(group.tolist()) if parameters.forbidden else ():
                answers[group == row] &= ~np.isin(questions[group == row], parameters.forbidden[row])
            scatter(group, tested, ends[chosen], answers, ok)


def _masks(rows: NDArray[np.int64], parameters: RowParameters) -> Iterator[tuple[int, NDArray[np.uint32]]]:
    """The rows with their constraints' masks: one call per distinct constraint."""
    for number in np.unique(parameters.groups[rows]).tolist():
        group = rows[parameters.groups[rows] == number]
        yield from zip(group.tolist(), _masks_of(group, number, parameters), strict=True)


def _masks_of(group: NDArray[np.int64], number: int, parameters: RowParameters) -> NDArray[np.uint32]:
    """The masks (S, W) of rows (S,) with constraint `number`, without what is forbidden."""
    masks = masks_of(parameters.constraints[number], parameters.states[group])
    if not parameters.forbidden:
        return masks
    masks = masks.copy()
    for row in parameters.forbidden.keys() & set(group.tolist()):
        mask = masks[int(np.flatnonzero(group == row)[0])]
        for token in parameters.forbidden[row].tolist():
            if token >> 5 < mask.size:
                mask[token >> 5] &= ~np.uint32(1 << (token & 31))
    return masks


def _settle(
    order: Order,
    rows: NDArray[np.int64],
    p: RowParameters,
    tokens: NDArray[np.int32],
    log_weights: NDArray[np.float64],
    flags: NDArray[np.uint8],
) -> None:
    """Tokens, exact weights and flags of `rows` by their masks."""
    for number in np.unique(p.groups[rows]).tolist():
        group = rows[p.groups[rows] == number]
        masks = _masks_of(group, number, p)
        tokens[group], allowed = order.settle(group, masks)
        with np.errstate(divide="ignore"):
            log_weights[group] = np.where(
                p.greedy[group], 0.0, np.log(allowed) - np.log(order.candidates.totals[group])
            )
        flags[group] |= np.uint8(RowFlag.MASKED)
        flags[group[~p.greedy[group] & (p.kinds[group] != UNWEIGHED)]] |= np.uint8(RowFlag.EXACT)
        for position in np.flatnonzero(tokens[group] < 0).tolist():
            row = int(group[position])
            if p.greedy[row]:
                continue
            tokens[row], log_weights[row] = draw_lifted(
                order.host_row(row),
                masks[position],
                p.inverse_temperature[row],
                p.keys[row],
                int(order.candidates.length[row]),
            )
            if tokens[row] >= 0 and p.truncates[row]:
                flags[row] |= np.uint8(RowFlag.TRUNCATION_LIFTED)
    unweighed = rows[(p.kinds[rows] == UNWEIGHED) & (tokens[rows] >= 0)]
    log_weights[unweighed] = 0.0
    log_weights[rows[tokens[rows] < 0]] = -np.inf
