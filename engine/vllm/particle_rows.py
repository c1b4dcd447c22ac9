"""The particles in vLLM's batch: their constraint states, and the drawing of their tokens.

All particles of a step are drawn by one call of `sample_step`.  What a particle's constraint does wrong ends that
particle or its request; the others go on.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..awrs import Draw, RowRequest, sample_step
from ..completion import Forced, Spelling, completion_of
from ..constraint import BoundConstraint
from ..errors import GenerationError
from ..estimators import Estimator
from ..methods import METHODS
from ..stops import BoundStops
from . import failures
from .channel import TokenRecord
from .compat import SamplingParams, VllmConfig, cached_tokenizer_from_config, verifies
from .constraints import ConstraintStore
from .options import GROUP_KEY, PARTICLE_KEY, GroupOptions
from .vocabularies import vocabulary_of

_EXACT = Estimator("exact")

_MOST_SPELLINGS = 8


@dataclass(slots=True)
class ParticleRow:
    """One particle in vLLM's batch.

    `prefix` are the tokens it inherited when it was forked (vLLM sees them as prompt), `output` the growing list of
    those drawn since.  `stops` says where a text ends that need not follow the constraint (method "base" with stop
    strings), and `stops_state` how far it has come; else the constraint says so.
    """

    key: str
    options: GroupOptions
    particle: int
    prefix: list[int]
    output: list[int]
    eos: tuple[int, ...]
    constraint: BoundConstraint | None = None
    state: int = -1
    stops: BoundConstraint | None = None
    stops_state: int = -1
    consumed: int = 0
    forced: bool = False
    error: str | None = None
    reason: str | None = None

    @property
    def draw(self) -> Draw:
        return Draw[METHODS[self.options.method].draw]

    @property
    def failed(self) -> bool:
        return self.error is not None or self.reason is not None

    def fail(self, error: Exception) -> None:
        """Lose the particle, or the whole request, as the error says."""
        if getattr(error, "kills", False):
            self.reason = str(error)
        else:
            self.error = failures.remember(error)

    @property
    def length(self) -> int:
        return len(self.prefix) + len(self.output)

    def token(self, position: int) -> int:
        inherited = len(self.prefix)
        return self.prefix[position] if position < inherited else self.output[position - inherited]


def is_particle(params: SamplingParams | None) -> bool:
    """Whether a request is one of the scheduler's, for a particle."""
    return params is not None and PARTICLE_KEY in (params.extra_args or {})


class ParticleRows:
    """Draws the tokens of rows and keeps the records of what was drawn."""

    def __init__(self, vllm_config: VllmConfig) -> None:
        """Nothing in the batch yet."""
        self._model_config = vllm_config.model_config
        self._size = vllm_config.model_config.get_vocab_size()
        self._verify = verifies(vllm_config)
        self._records: dict[str, TokenRecord] = {}
        self._store = ConstraintStore(self._vocabulary, self._size)
        self._spellings: OrderedDict[tuple[int, ...], Spelling] = OrderedDict()

    def take_records(self) -> dict[str, TokenRecord]:
        """The records of the last step by request id; the next call starts empty."""
        records, self._records = self._records, {}
        return records

    def enter(self, params: SamplingParams, prompt: list[int], output: list[int]) -> ParticleRow:
        """A particle enters the batch: for the first time, as a fork, or back from a pause.

        params: of its request, see `is_particle`. prompt: the request's. output: the tokens drawn since, a list that
        whoever keeps the row appends to after every draw.
        """
        extra = params.extra_args or {}
        options, particle = GroupOptions.from_wire(extra[GROUP_KEY]), extra[PARTICLE_KEY]
        row = ParticleRow(
            key=particle["request_id"],
            options=options,
            particle=particle["number"],
            prefix=prompt[particle["prompt_length"] :],
            output=output,
            eos=tuple(particle["eos"]),
        )
        try:
            row.constraint = self._store.bind(
                options.constraint, particle["constraint_key"], row.eos, options.prefix, options.stop
            )
            row.consumed = row.length
            whole = row.prefix + list(output)
            tokens = np.array(whole[: options.complete_after], dtype=np.int32)
            row.state = int(row.constraint.replay(tokens)) if tokens.size else int(row.constraint.start)
            if row.draw is Draw.FREE and options.stop:
                row.stops = self._store.bind({"kind": "anything"}, "", row.eos, options.prefix, options.stop)
                row.stops_state = int(row.stops.replay(tokens)) if tokens.size else int(row.stops.start)
            if len(whole) > tokens.size:
                self._force(row, len(whole) - tokens.size)
            if row.state < 0 and row.draw is not Draw.FREE:
                raise GenerationError(f"the constraint rejects tokens it accepted before: {tokens.tolist()}")
        except Exception as error:  # whatever a constraint does, only its own request may fail
            row.fail(error)
        return row

    def draw(self, rows: list[ParticleRow], logits: torch.Tensor) -> list[int]:
        """Draw for rows (R,) from logits (R, V), which stay as they are; the token that vLLM is to emit for each."""
        self._advance([row for row in rows if not row.failed])
        self._draw(rows, logits)
        # A dead particle ends itself: vLLM finishes it at EOS, the scheduler knows better from the record.
        drawn = [self._records[row.key].token for row in rows]
        return [token if token >= 0 else row.eos[0] for token, row in zip(drawn, rows, strict=True)]

    def _advance(self, rows: list[ParticleRow]) -> None:
        """Bring constraint states up to the tokens vLLM has accepted, one batched call per constraint."""
        while True:
            behind: defaultdict[int, list[ParticleRow]] = defaultdict(list)
            for row in rows:
                if row.consumed < row.length and not row.failed:
                    behind[id(row.constraint)].append(row)
            if not behind:
                return
            for group in behind.values():
                self._advance_one(group)

    def _advance_one(self, rows: list[ParticleRow]) -> None:
        constraint = rows[0].constraint
        assert constraint is not None
        states = np.array([row.state for row in rows], dtype=np.int64)
        tokens = np.array([row.token(row.consumed) for row in rows], dtype=np.int32)
        try:
            after = constraint.advance(states, tokens)
        except Exception as error:  # see enter
            if len(rows) == 1:
                rows[0].fail(error)
            else:
                for row in rows:
                    self._advance_one([row])
            return
        for row, state in zip(rows, after, strict=True):
            if row.stops is not None:
                row.stops_state = _after(row.stops, row.stops_state, row.token(row.consumed))
            row.state = int(state)
            row.consumed += 1
            if row.state < 0 and row.draw is not Draw.FREE:
                row.error = failures.remember(
                    GenerationError("the constraint rejects a token that it accepted when asked")
                )

    def _draw(self, rows: list[ParticleRow], logits: torch.Tensor) -> None:
        """Draw one token per row and keep the records."""
        alive = [position for position, row in enumerate(rows) if not row.failed]
        if alive:
            some = rows if len(alive) == len(rows) else [rows[position] for position in alive]
            part = logits if some is rows else logits[torch.tensor(alive, device=logits.device)]
            try:
                self._draw_rows(some, part)
            except Exception as error:
                if len(some) == 1:
                    some[0].fail(error)
                else:
                    # One request's constraint must not take the others down: find it row by row.
                    for position, row in enumerate(some):
                        self._draw([row], part[position : position + 1])
        for row in rows:
            if row.failed:
                self._records[row.key] = TokenRecord(
                    -1, float("-inf"), 0, 0, row.error, reason=row.reason, failed=row.reason is not None
                )

    def _force(self, row: ParticleRow, written: int = 0) -> None:
        """From here on the tokens are those of the shortest completion, of which some may be written already."""
        assert row.constraint is not None
        if row.eos not in self._spellings:
            # Which tokens are text depends on which end one.
            self._spellings[row.eos] = Spelling(self._vocabulary(row.eos))
            while len(self._spellings) > _MOST_SPELLINGS:
                self._spellings.popitem(last=False)
        tokens = completion_of(row.constraint, row.state, self._spellings[row.eos], row.eos)
        # Without a completion nothing is allowed any more.
        row.constraint, row.state, row.forced = Forced(tokens or (), self._size), written, True

    def _draw_rows(self, rows: list[ParticleRow], logits: torch.Tensor) -> None:
        requests = []
        for row in rows:
            options = row.options
            if row.length == options.complete_after and not row.forced:
                self._force(row)
            assert row.constraint is not None
            requests.append(
                RowRequest(
                    constraint=row.constraint,
                    state=row.state,
                    target=options.target,
                    estimator=_EXACT if row.forced else options.estimator,
                    seed=options.seed,
                    request=options.request,
                    particle=row.particle,
                    step=row.length,
                    draw=Draw.WEIGHED if row.forced and row.draw is Draw.MODEL else row.draw,
                    forbidden=row.eos if options.ignore_eos or row.length < options.min_tokens else (),
                )
            )
        result = sample_step(logits, requests)
        tokens, weights = result.tokens.tolist(), result.log_weights.tolist()
        checks, flags = result.checks.tolist(), result.flags.tolist()
        for position, row in enumerate(rows):
            self._records[row.key] = TokenRecord(
                tokens[position],
                weights[position],
                checks[position],
                flags[position],
                ends=_ends(row, tokens[position]),
                reason="no completion is known" if row.forced and tokens[position] < 0 else None,
                tokens=(*row.prefix, *row.output) if self._verify else None,
            )

    def _vocabulary(self, eos: tuple[int, ...]) -> Any:
        """The model's vocabulary with these EOS ids."""
        return vocabulary_of(cached_tokenizer_from_config(self._model_config), eos, self._size)


def _ends(row: ParticleRow, token: int) -> bool:
    """Whether a drawn token that is no end token ends the string."""
    if not row.options.stop or row.forced or token < 0 or token in row.eos:
        return False
    if row.stops is not None:
        return _after(row.stops, row.stops_state, token) == BoundStops.ended
    assert row.constraint is not None
    return _after(row.constraint, row.state, token) == BoundStops.ended


def _after(constraint: BoundConstraint, state: int, token: int) -> int:
    """The state after one token, -1 where it is rejected."""
    return int(constraint.advance(np.array([state], dtype=np.int64), np.array([token], dtype=np.int32))[0])
