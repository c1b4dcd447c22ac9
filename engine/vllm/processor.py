"""AWRS as a logits processor of vLLM: it draws the token itself and leaves vLLM's sampler nothing to choose.

All particles of a step are drawn by one call of `sample_step`.  Requests run at vLLM temperature 0, so vLLM's sampler
takes the argmax of each row; one entry of the row is raised far above all others, which is all the argmax needs.  The
weights leave through `take_records` (see `worker`).
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
from ..errors import GenerationError, InputError
from ..estimators import Estimator
from ..methods import METHODS
from ..stops import BoundStops
from . import failures
from .channel import TokenRecord
from .compat import (
    BatchUpdate,
    LogitsProcessor,
    MoveDirectionality,
    SamplingParams,
    VllmConfig,
    VLLMValidationError,
    cached_tokenizer_from_config,
    check_configuration,
)
from .constraints import ConstraintStore, check_compiles
from .options import GROUP_KEY, PARTICLE_KEY, GroupOptions
from .vocabularies import vocabulary_of

# Above any logit and finite: penalties of neighbouring requests multiply whole batches, and 0 * inf would be NaN.
_FORCED = 3.0e38

_EXACT = Estimator("exact")

_MOST_SPELLINGS = 8

# Settings of SamplingParams that would bend the target behind the sampler's back, or that nothing would apply: name,
# the value that means "off", and what to do instead.
_REFUSED: tuple[tuple[str, tuple[Any, ...], str], ...] = (
    ("n", (1,), "use particles"),
    ("structured_outputs", (None,), "pass a grammar to tamis"),
    ("stop", (None, []), 'pass it in extra_args["tamis"]'),
    ("stop_token_ids", (None, []), "pass them as eos"),
    ("ignore_eos", (False,), 'pass it in extra_args["tamis"]'),
    ("min_tokens", (0,), 'pass it in extra_args["tamis"]'),
    ("bad_words", (None, []), "use a predicate"),
    ("allowed_token_ids", (None,), "use a grammar"),
    ("logit_bias", (None, {}), "drop it"),
    ("presence_penalty", (0.0,), "drop it"),
    ("frequency_penalty", (0.0,), "drop it"),
    ("repetition_penalty", (1.0,), "drop it"),
    ("logprobs", (None,), "read the particles' log weights"),
    ("prompt_logprobs", (None,), "drop it"),
    ("logprob_token_ids", (None,), "drop it"),
    ("thinking_token_budget", (None,), "drop it"),
    ("repetition_detection", (None,), "drop it"),
    ("trace_decode_token_ids", (None,), "drop it"),
    ("seed", (None,), 'pass it in extra_args["tamis"]'),
)


@dataclass(slots=True)
class _Row:
    """One particle in vLLM's batch.

    `prefix` are the tokens it inherited when it was forked (vLLM sees them as prompt), `output` is vLLM's own growing
    list.
    """

    key: str
    options: GroupOptions
    particle: int
    prefix: list[int]
    output: list[int]
    eos: tuple[int, ...]
    constraint: BoundConstraint | None = None
    state: int = -1
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


class AwrsProcessor(LogitsProcessor):  # type: ignore[misc]
    """Draws the next token of every request that belongs to a particle group; leaves other requests alone."""

    @classmethod
    def validate_params(cls, sampling_params: SamplingParams) -> None:
        """Refuse what would bend or break a particle group, where the request enters vLLM.

        Raises:
            VLLMValidationError: names the setting; HTTP servers answer 400.
        """
        extra = sampling_params.extra_args or {}
        try:
            if PARTICLE_KEY in extra:
                raise InputError(f"extra_args[{PARTICLE_KEY!r}] is for tamis itself; drop it")
            if GROUP_KEY not in extra:
                return
            options = GroupOptions.from_wire(extra[GROUP_KEY])
            _refuse_conflicts(sampling_params)
            check_compiles(options.constraint, options.stop)
        except Exception as error:  # whatever a request's values do, the request is at fault and the server goes on
            raise VLLMValidationError(str(error)) from error

    def __init__(self, vllm_config: VllmConfig, device: torch.device, is_pin_memory: bool) -> None:
        """Called by vLLM in the worker."""
        check_configuration(vllm_config)
        self._model_config = vllm_config.model_config
        self._size = vllm_config.model_config.get_vocab_size()
        self._verify = bool(_tamis_config(vllm_config).get("verify", False))
        self._rows: dict[int, _Row] = {}
        self._records: dict[str, TokenRecord] = {}
        self._store = ConstraintStore(self._vocabulary, self._size)
        self._spellings: OrderedDict[tuple[int, ...], Spelling] = OrderedDict()

    def is_argmax_invariant(self) -> bool:
        """Never: it decides the argmax."""
        return False

    def take_records(self) -> dict[str, TokenRecord]:
        """The records of the last step by request id; the next call starts empty."""
        records, self._records = self._records, {}
        return records

    def update_state(self, batch_update: BatchUpdate | None) -> None:
        """Follow vLLM's batch: requests removed, added, moved, in this order."""
        if batch_update is None:
            return
        rows = self._rows
        for index in batch_update.removed:
            rows.pop(index, None)
        for index, params, prompt, output in batch_update.added:
            rows.pop(index, None)
            particle = (params.extra_args or {}).get(PARTICLE_KEY)
            if particle is not None:
                rows[index] = self._enter(params.extra_args[GROUP_KEY], particle, prompt or [], output)
        for source, target, direction in batch_update.moved:
            moving = rows.pop(source, None)
            displaced = rows.pop(target, None)
            if moving is not None:
                rows[target] = moving
            if direction == MoveDirectionality.SWAP and displaced is not None:
                rows[source] = displaced

    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        """Draw for every particle in the batch and force the drawn token; logits (batch, vocabulary) change in
        place."""
        if not self._rows:
            return logits
        indices = sorted(self._rows)
        rows = [self._rows[index] for index in indices]
        self._advance([row for row in rows if not row.failed])
        # Most batches hold particles only, in order: then no row needs to be copied.
        whole = len(indices) == logits.shape[0]
        self._draw(rows, logits if whole else logits[torch.tensor(indices, device=logits.device)])
        forced = []
        for row in rows:
            record = self._records[row.key]
            # A dead particle ends itself: vLLM finishes it at EOS, the scheduler knows better from the record.
            forced.append(record.token if record.token >= 0 else row.eos[0])
        failed = [index for index, row in zip(indices, rows, strict=True) if row.failed]
        if failed:
            logits[torch.tensor(failed, device=logits.device)] = 0.0
        where = torch.tensor(indices, device=logits.device)
        logits[where, torch.tensor(forced, device=logits.device)] = _FORCED
        return logits

    def _enter(self, wire: dict[str, Any], particle: dict[str, Any], prompt: list[int], output: list[int]) -> _Row:
        """A particle enters the batch: for the first time, as a fork, or back from a pause."""
        options = GroupOptions.from_wire(wire)
        row = _Row(
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
            if len(whole) > tokens.size:
                self._force(row, len(whole) - tokens.size)
            if row.state < 0 and row.draw is not Draw.FREE:
                raise GenerationError(f"the constraint rejects tokens it accepted before: {tokens.tolist()}")
        except Exception as error:  # whatever a constraint does, only its own request may fail
            row.fail(error)
        return row

    def _advance(self, rows: list[_Row]) -> None:
        """Bring constraint states up to the tokens vLLM has accepted, one batched call per constraint."""
        while True:
            behind: defaultdict[int, list[_Row]] = defaultdict(list)
            for row in rows:
                if row.consumed < row.length and not row.failed:
                    behind[id(row.constraint)].append(row)
            if not behind:
                return
            for group in behind.values():
                self._advance_one(group)

    def _advance_one(self, rows: list[_Row]) -> None:
        constraint = rows[0].constraint
        assert constraint is not None
        states = np.array([row.state for row in rows], dtype=np.int64)
        tokens = np.array([row.token(row.consumed) for row in rows], dtype=np.int32)
        try:
            after = constraint.advance(states, tokens)
        except Exception as error:  # see _enter
            if len(rows) == 1:
                rows[0].fail(error)
            else:
                for row in rows:
                    self._advance_one([row])
            return
        for row, state in zip(rows, after, strict=True):
            row.state = int(state)
            row.consumed += 1
            if row.state < 0 and row.draw is not Draw.FREE:
                row.error = failures.remember(
                    GenerationError("the constraint rejects a token that it accepted when asked")
                )

    def _draw(self, rows: list[_Row], logits: torch.Tensor) -> None:
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

    def _force(self, row: _Row, written: int = 0) -> None:
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

    def _draw_rows(self, rows: list[_Row], logits: torch.Tensor) -> None:
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


def _ends(row: _Row, token: int) -> bool:
    """Whether a drawn token that is no end token ends the string."""
    if not row.options.stop or row.forced or token < 0 or token in row.eos:
        return False
    assert row.constraint is not None
    state = np.array([row.state], dtype=np.int64)
    return bool(row.constraint.advance(state, np.array([token], dtype=np.int32))[0] == BoundStops.ended)


def _refuse_conflicts(params: SamplingParams) -> None:
    if params.temperature != 0:
        raise InputError(
            f'a request with extra_args["tamis"] must have SamplingParams.temperature 0, got {params.temperature}; the '
            f'temperature that defines the target goes into extra_args["tamis"]'
        )
    for name, off, remedy in _REFUSED:
        value = getattr(params, name, off[0])
        if not any(value == setting for setting in off):
            raise InputError(f"SamplingParams.{name}={value!r} cannot be combined with tamis; {remedy}")


def _tamis_config(config: VllmConfig) -> dict[str, Any]:
    additional = config.additional_config
    return dict(additional.get("tamis", {})) if isinstance(additional, dict) else {}
