"""The one output with which a group answers, in vLLM's own terms."""

from __future__ import annotations

from typing import Any

from .compat import EngineCoreOutput, EngineCoreOutputs, FinishReason, Request, RequestStatus
from .group import FORCED, STOP, ParticleGroup
from .options import GROUP_KEY


def answer(leader: Request, group: ParticleGroup, events: Any, prefill_stats: Any) -> EngineCoreOutput:
    """The output of a group that is through: the best particle's tokens, and all particles in `kv_transfer_params`.

    A group whose particles all died has no tokens and is "aborted": "stop" or "length" would claim a string.
    """
    best = group.leader() if group.error is None else None
    if group.error is not None:
        reason, leader.status = FinishReason.ERROR, RequestStatus.FINISHED_ERROR
    elif best is None:
        reason, leader.status = FinishReason.ABORT, RequestStatus.FINISHED_ABORTED
    elif best.status in (STOP, FORCED):
        reason, leader.status = FinishReason.STOP, RequestStatus.FINISHED_STOPPED
    else:
        reason, leader.status = FinishReason.LENGTH, RequestStatus.FINISHED_LENGTH_CAPPED
    return EngineCoreOutput(
        request_id=leader.request_id,
        new_token_ids=[] if best is None else list(best.tokens),
        finish_reason=reason,
        events=events,
        prefill_stats=prefill_stats,
        trace_headers=leader.trace_headers,
        kv_transfer_params={GROUP_KEY: group.answer()},
    )


def refusal(leader: Request, why: str) -> EngineCoreOutput:
    """The output of a group that never ran."""
    leader.status = RequestStatus.FINISHED_ERROR
    return EngineCoreOutput(
        request_id=leader.request_id,
        new_token_ids=[],
        finish_reason=FinishReason.ERROR,
        kv_transfer_params={GROUP_KEY: {"error": why}},
    )


def emit(outputs: dict[int, EngineCoreOutputs], leader: Request, output: EngineCoreOutput) -> None:
    """Add an output to those of the leader's client."""
    outputs.setdefault(leader.client_index, EngineCoreOutputs()).outputs.append(output)
