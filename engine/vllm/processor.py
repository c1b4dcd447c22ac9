"""AWRS as a logits processor of vLLM: it draws the token itself and leaves vLLM's sampler nothing to choose.

Requests run at vLLM temperature 0, so vLLM's sampler takes the argmax of each row; one entry of the row is raised far
above all others, which is all the argmax needs.  The weights leave through `take_records` (see `worker`).

One class serves both of vLLM's model runners.  V1 tells it which request moves to which row of the batch and shares the
growing lists of output tokens; V2 tells it which request sits in which slot, and at every step which slots make the
batch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import torch

from ..errors import InputError, UnsupportedVllmError
from .channel import TokenRecord
from .compat import (
    BatchUpdate,
    LogitsContext,
    LogitsProcessor,
    LogitsProcessorV2,
    MoveDirectionality,
    SamplingParams,
    VllmConfig,
    VLLMValidationError,
    check_configuration,
)
from .constraints import check_compiles
from .options import GROUP_KEY, PARTICLE_KEY, GroupOptions
from .particle_rows import ParticleRow, ParticleRows, is_particle

# Above any logit and finite: penalties of neighbouring requests multiply whole batches, and 0 * inf would be NaN.
_FORCED = 3.0e38

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
    ("prompt_logprob_token_ids", (None,), "drop it"),
    ("logprob_token_ids", (None,), "drop it"),
    ("thinking_token_budget", (None,), "drop it"),
    ("repetition_detection", (None,), "drop it"),
    ("trace_decode_token_ids", (None,), "drop it"),
    ("seed", (None,), 'pass it in extra_args["tamis"]'),
)


class AwrsProcessor(LogitsProcessor, LogitsProcessorV2):  # type: ignore[misc]
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

    def __init__(self, vllm_config: VllmConfig, runner: Any, is_pin_memory: bool = False) -> None:
        """Called by vLLM in the worker.

        runner: the device (V1), or the state of the requests (V2).
        """
        check_configuration(vllm_config)
        self._particles = ParticleRows(vllm_config)
        self._rows: dict[int, ParticleRow] = {}
        self._requests = runner
        self._entering: dict[int, SamplingParams] = {}
        self._occupants: dict[int, str] = {}
        self._half_read: frozenset[int] = frozenset()

    def take_records(self) -> dict[str, TokenRecord]:
        """The records of the last step by request id; the next call starts empty."""
        return self._particles.take_records()

    def apply(self, logits: torch.Tensor, context: LogitsContext | None = None) -> torch.Tensor:
        """Draw for every particle in the batch and force the drawn token; logits (batch, vocabulary) change in
        place.

        context: where the rows' requests sit (V2 only).
        """
        if context is None:
            placed = sorted(item for item in self._rows.items() if item[0] not in self._half_read)
        else:
            placed = self._scheduled(context, logits.shape[0])
        if not placed:
            return logits
        rows = [row for _, row in placed]
        where = torch.tensor([index for index, _ in placed], device=logits.device)
        # Most batches hold particles only, in order: then no row needs to be copied.
        whole = len(placed) == logits.shape[0]
        tokens = self._particles.draw(rows, logits if whole else logits[where])
        failed = [index for index, row in placed if row.failed]
        if failed:
            logits[torch.tensor(failed, device=logits.device)] = 0.0
        logits[where, torch.tensor(tokens, device=logits.device)] = _FORCED
        if context is not None:
            for row, token in zip(rows, tokens, strict=True):
                row.output.append(token)
        return logits

    # The V1 model runner -------------------------------------------------------------------------------------------

    def is_argmax_invariant(self) -> bool:
        """Never: it decides the argmax."""
        return False

    def update_state(self, batch_update: BatchUpdate | None) -> None:
        """Follow vLLM's batch: requests removed, added, moved, in this order."""
        if batch_update is None:
            return
        rows = self._rows
        for index in batch_update.removed:
            rows.pop(index, None)
        for index, params, prompt, output in batch_update.added:
            rows.pop(index, None)
            if is_particle(params):
                rows[index] = self._particles.enter(params, prompt or [], output)
        for source, target, direction in batch_update.moved:
            moving = rows.pop(source, None)
            displaced = rows.pop(target, None)
            if moving is not None:
                rows[target] = moving
            if direction == MoveDirectionality.SWAP and displaced is not None:
                rows[source] = displaced

    def pass_over(self, indices: Iterable[int]) -> None:
        """In the next `apply`, leave alone these rows, whose prompts are read in part; their tokens are thrown
        away."""
        self._half_read = frozenset(indices)

    # The V2 model runner -------------------------------------------------------------------------------------------

    def add_request(self, slot: int, sampling_params: SamplingParams) -> bool:
        """A request takes a slot; whether its rows are ours."""
        self._leave(slot)
        if not is_particle(sampling_params):
            return False
        # Its tokens are on their way to the runner's state; they are read before its first draw.
        self._entering[slot] = sampling_params
        self._occupants[slot] = sampling_params.extra_args[PARTICLE_KEY]["request_id"]
        return True

    def forget(self, request_ids: Collection[str]) -> None:
        """Let go of requests that left the batch, ours or not; the runner does not say so itself."""
        for slot in [slot for slot, id_ in self._occupants.items() if id_ in request_ids]:
            self._leave(slot)

    def _leave(self, slot: int) -> None:
        self._rows.pop(slot, None)
        self._entering.pop(slot, None)
        self._occupants.pop(slot, None)

    def _scheduled(self, context: LogitsContext, logits_rows: int) -> list[tuple[int, ParticleRow]]:
        """The particles in this batch that are to draw a token, with their row numbers."""
        if logits_rows != len(context.idx_mapping_np):
            raise UnsupportedVllmError(
                f"{logits_rows} rows of logits for {len(context.idx_mapping_np)} requests: models that draw several "
                f"tokens per step cannot be used with tamis"
            )
        placed = []
        lengths = context.seq_lens_upper_bound_np
        for index, slot in enumerate(context.idx_mapping_np.tolist()):
            # While a prompt is read in chunks, the runner throws away what is sampled.
            if lengths[index] < self._requests.prefill_len.np[slot]:
                continue
            params = self._entering.pop(slot, None)
            if params is not None:
                length = int(self._requests.prefill_len.np[slot])
                tokens = self._requests.all_token_ids.gpu[slot, :length].tolist()
                self._rows[slot] = self._particles.enter(params, tokens, [])
            if slot in self._rows:
                placed.append((index, self._rows[slot]))
        return placed


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
