"""SMC in vLLM's scheduler: one request per group comes in, N particle requests run, one answer goes out.

Particles are requests that only this scheduler knows.  To fork one, the request of the dying slot is finished and a
new one starts whose prompt is the group's prompt plus the ancestor's tokens; the prefix cache makes that cheap.
(Rewriting a request's tokens in place would be wrong: the worker keeps the old ones.)

A group is admitted whole: it needs a batch slot for each particle and keeps all of them to its end, since a finished
particle may be resampled into a live one.  All requests therefore wait in a queue of this class, and vLLM's own
scheduler is handed only what fits.  Waiting is fair: requests overtake a group that does not fit yet for a bounded
number of steps only.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from ..critic import Critic
from ..errors import GenerationError, InputError, UnsupportedVllmError
from . import failures
from .answers import answer, emit, refusal
from .channel import ATTRIBUTE, TokenRecord
from .compat import (
    EngineCoreOutput,
    EngineCoreOutputs,
    ModelRunnerOutput,
    PauseState,
    Request,
    RequestQueue,
    RequestStatus,
    Scheduler,
    SchedulerOutput,
    cached_tokenizer_from_config,
    check_configuration,
    create_request_queue,
    verifies,
)
from .constraints import REGISTRY, content_key
from .group import ParticleGroup
from .options import GROUP_KEY, PARTICLE_KEY, GroupOptions
from .vocabularies import bytes_of, vocabulary_of

# Scheduler steps for which later requests may overtake one that does not fit.
_PATIENCE = 64

# Waiting requests looked at per step.
_WINDOW = 256

# Tokens per particle for which a group must find free KV blocks at admission.  Asking for max_tokens would leave most
# of the cache idle, as most strings are short; when it runs out, vLLM preempts.
_HEADROOM = 64

# Far enough ahead that vLLM passes a running request over until it is reset.
_NEVER = 1 << 62


@dataclass(slots=True)
class _Running:
    """A group in flight: the client's request, the bookkeeping, and what the first token reported about the prompt."""

    leader: Request
    group: ParticleGroup
    constraint_key: str
    spawned: int = 0
    streamed: int = 0
    events: Any = None
    prefill_stats: Any = None


class ParticleScheduler(Scheduler):  # type: ignore[misc]
    """vLLM's scheduler with particle groups."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Called by vLLM; refuses configurations under which weights would be wrong."""
        super().__init__(*args, **kwargs)
        check_configuration(self.vllm_config)
        self._verify = verifies(self.vllm_config)
        self.verified_rows = 0
        self.groups: dict[str, _Running] = {}
        self.pending: RequestQueue = create_request_queue(self.policy)
        self._particle_of: dict[str, tuple[_Running, int]] = {}
        self._parked: dict[str, Request] = {}
        self._options: dict[str, GroupOptions] = {}
        self._blocked_since: dict[str, int] = {}
        self._slots = min(self.max_num_running_reqs, self.max_num_active_reqs)
        self._reserved = 0
        self._rejected: list[tuple[Request, str]] = []
        self.tokens_drawn = 0
        # Told the request and the text when some has settled, for groups that stream.
        self.listener: Callable[[str, str], None] | None = None

    # Requests coming in and going out --------------------------------------------------------------------------------

    def add_request(self, request: Request) -> None:
        """Queue a request; a streaming session goes its own way, vLLM resumes it by id."""
        if request.resumable or request.request_id in self.requests:
            super().add_request(request)
            return
        options = _options_of(request)
        problem = None if options is None else self._problem(request, options)
        if problem is not None:
            self._rejected.append((request, problem))
            return
        if options is not None:
            self._options[request.request_id] = options
        self.pending.add_request(request)

    def _problem(self, request: Request, options: GroupOptions) -> str | None:
        """Why a group can never run here, if so; answered with the next step's outputs."""
        if options.particles > self._slots:
            return f"particles={options.particles} exceeds max_num_seqs={self._slots} of the engine"
        if request.prompt_token_ids is None or request.mm_features:
            return "particle groups need a prompt of tokens only; embeddings and images cannot be forked"
        eos = options.eos or _model_eos(request)
        if not eos:
            return "the model's configuration names no EOS token; pass eos"
        size = self.vllm_config.model_config.get_vocab_size()
        if max(eos) >= size:
            return f"eos holds {max(eos)}, but the model's vocabulary ends at {size - 1}"
        try:
            _critic_of(options)
            if options.stream or options.critic is not None:
                self._vocabulary(eos)
        except (GenerationError, InputError) as error:
            return str(error)
        return None

    def finish_requests(self, request_ids: str | Iterable[str] | None, finished_status: RequestStatus) -> list[Request]:
        """End requests from outside (abort, error): a group with all its particles, or a request that still waits."""
        if request_ids is None:
            ids = [*self.groups, *(request.request_id for request in self.pending), *self.requests]
        else:
            ids = [request_ids] if isinstance(request_ids, str) else list(request_ids)
        # vLLM may name a particle (an internal error of one request); then its group fails.
        leaders = {self._particle_of[id_][0].leader.request_id if id_ in self._particle_of else id_ for id_ in ids}
        waiting = [request for request in self.pending if request.request_id in leaders]
        waiting_ids = {request.request_id for request in waiting}
        finished: list[Request] = []
        if waiting:
            self.pending.remove_requests(waiting)
        for request in waiting:
            self._forget(request)
            request.status = finished_status
            finished.append(request)
        self._rejected = [(request, why) for request, why in self._rejected if request.request_id not in leaders]
        for id_ in leaders & set(self.groups):
            running = self.groups[id_]
            self._dissolve(running)
            running.leader.status = finished_status
            finished.append(running.leader)
        others = leaders - waiting_ids - {request.request_id for request in finished}
        finished.extend(super().finish_requests(others, finished_status))
        return finished

    def get_request_counts(self) -> tuple[int, int]:
        """Numbers of running and waiting requests, as vLLM counts them."""
        running, waiting = super().get_request_counts()
        return running, waiting + len(self.pending) + len(self._parked) + len(self._rejected)

    # One step --------------------------------------------------------------------------------------------------------

    def schedule(self, throttle_prefills: bool = False) -> SchedulerOutput:
        """Admit what fits, hold back particles that are ahead of their group, then let vLLM schedule."""
        if self.pending and self.pause_state == PauseState.UNPAUSED:
            self._admit()
        self._hold()
        output = super().schedule(throttle_prefills)
        if self._particle_of and output.total_num_scheduled_tokens == 0 and self.pause_state == PauseState.UNPAUSED:
            self._make_room()
        return output

    def update_from_output(
        self, scheduler_output: SchedulerOutput, model_runner_output: ModelRunnerOutput
    ) -> dict[int, EngineCoreOutputs]:
        """Take the particles' tokens out of the stream, weigh, resample, and answer for groups that are through."""
        records: dict[str, TokenRecord] = getattr(model_runner_output, ATTRIBUTE, {})
        outputs: dict[int, EngineCoreOutputs] = super().update_from_output(scheduler_output, model_runner_output)
        touched: dict[str, _Running] = {}
        for client in outputs.values():
            if any(output.request_id in self._particle_of for output in client.outputs):
                client.outputs = [output for output in client.outputs if not self._take(output, records, touched)]
        for id_, running in touched.items():
            if id_ in self.groups:
                self._settle(running, outputs)
        for request, why in self._rejected:
            emit(outputs, request, refusal(request, why))
        self._rejected.clear()
        return outputs

    # Admission -------------------------------------------------------------------------------------------------------

    def _admit(self) -> None:
        """Hand waiting requests to vLLM as far as batch slots and KV blocks reach, fairly."""
        ordinary = len(self.requests) - len(self._particle_of)
        slots = self._slots - self._reserved - ordinary
        blocks = self.kv_cache_manager.block_pool.get_num_free_blocks() - self._promised_blocks()
        admitted: list[tuple[Request, GroupOptions | None]] = []
        alone = not self.groups
        for request in islice(self.pending, _WINDOW):
            if slots <= 0:
                break
            options = self._options.get(request.request_id)
            particles = 1 if options is None else options.particles
            needed = 0 if options is None else self._blocks_for(request, particles)
            if particles <= slots and (needed <= blocks or alone):
                admitted.append((request, options))
                alone = alone and options is None
                slots -= particles
                blocks -= needed
                continue
            since = self._blocked_since.setdefault(request.request_id, self.current_step)
            if self.current_step - since >= _PATIENCE:
                break
        if admitted:
            self.pending.remove_requests([request for request, _ in admitted])
        for request, options in admitted:
            self._forget(request)
            if options is None:
                super().add_request(request)
            else:
                self._start(request, options)

    def _forget(self, request: Request) -> None:
        """Drop what is kept about a request while it waits."""
        self._options.pop(request.request_id, None)
        self._blocked_since.pop(request.request_id, None)

    def _blocks_for(self, request: Request, particles: int) -> int:
        """KV blocks a group should find free: its prompt once, some headroom per particle."""
        prompt: int = -(-request.num_prompt_tokens // self.block_size)
        headroom: int = -(-min(request.max_tokens, _HEADROOM) // self.block_size) + 1
        shared = self.kv_cache_manager.enable_caching
        return (prompt if shared else prompt * particles) + headroom * particles

    def _promised_blocks(self) -> int:
        """Blocks that requests already handed to vLLM, but not yet scheduled, will take."""
        return sum(-(-request.num_tokens // self.block_size) + 1 for request in self.waiting)

    def _start(self, leader: Request, options: GroupOptions) -> None:
        eos = options.eos or _model_eos(leader)
        vocabulary = self._vocabulary(eos) if options.stream or options.critic is not None else None
        group = ParticleGroup(options, eos, _critic_of(options), partial(bytes_of, vocabulary))
        running = _Running(leader, group, content_key(options.constraint))
        self.groups[leader.request_id] = running
        self._reserved += options.particles
        for index in range(options.particles):
            self._spawn(running, index)

    def _spawn(self, running: _Running, index: int, *, first: bool = False) -> None:
        """Start a request for one particle, from its present tokens; `first` puts it ahead of all that wait."""
        leader, group = running.leader, running.group
        particle = group.particles[index]
        running.spawned += 1
        id_ = f"{leader.request_id}#{running.spawned}"
        params = copy.copy(leader.sampling_params)
        params.stop_token_ids = list(group.eos)
        params._eos_token_id = None
        params.min_tokens = 0
        params.extra_args = {
            GROUP_KEY: leader.sampling_params.extra_args[GROUP_KEY],
            PARTICLE_KEY: {
                "request_id": id_,
                "number": group.number(index),
                "prompt_length": leader.num_prompt_tokens,
                "eos": list(group.eos),
                "constraint_key": running.constraint_key,
            },
        }
        request = Request(
            request_id=id_,
            prompt_token_ids=[*leader.prompt_token_ids, *particle.tokens],
            sampling_params=params,
            pooling_params=None,
            client_index=leader.client_index,
            arrival_time=leader.arrival_time,
            lora_request=leader.lora_request,
            cache_salt=leader.cache_salt,
            priority=leader.priority,
            trace_headers=leader.trace_headers,
            block_hasher=leader._block_hasher,
        )
        request.max_tokens = leader.max_tokens - len(particle.tokens)
        particle.request_id = id_
        self._particle_of[id_] = (running, index)
        super().add_request(request)
        if first:
            self.waiting.remove_requests([request])
            self.waiting.prepend_request(request)

    # Keeping a group in step -----------------------------------------------------------------------------------------

    def _hold(self) -> None:
        """Keep vLLM from scheduling particles that are ahead of their group, let go those that no longer are.

        Running ones are passed over by a field vLLM itself uses for that; waiting ones (preempted, then) are taken
        out of the queue, so that their group's laggards get the blocks first.
        """
        held = {}
        for running in self.groups.values():
            for particle in running.group.ahead():
                if particle.request_id is not None:
                    held[particle.request_id] = particle
        for id_ in [id_ for id_ in self._parked if id_ not in held]:
            self.waiting.prepend_request(self._parked.pop(id_))
        for id_ in self._particle_of:
            request = self.requests[id_]
            request.next_decode_eligible_step = _NEVER if id_ in held else 0
        for id_ in held:
            request = self.requests[id_]
            if request.status != RequestStatus.RUNNING and id_ not in self._parked:
                self.waiting.remove_requests([request])
                self._parked[id_] = request

    def _make_room(self) -> None:
        """Nothing could run although particles wait: preempt one that is held back, so that a laggard gets its
        blocks."""
        for request in reversed(self.running):
            if request.next_decode_eligible_step == _NEVER:
                self.running.remove(request)
                self._preempt_request(request, time.monotonic())
                return

    def _take(self, output: EngineCoreOutput, records: dict[str, TokenRecord], touched: dict[str, _Running]) -> bool:
        """Whether an output belongs to a particle; if so its token is booked."""
        found = self._particle_of.get(output.request_id)
        if found is None:
            return False
        running, index = found
        group = running.group
        touched[running.leader.request_id] = running
        if running.prefill_stats is None:
            running.events, running.prefill_stats = output.events, output.prefill_stats
        finished = output.finish_reason is not None
        if output.new_token_ids:
            record = records.get(output.request_id)
            if record is None:
                raise UnsupportedVllmError(
                    f"the worker sent no weight for particle {output.request_id}; is worker_cls loaded?"
                )
            self._check(output, record, group.particles[index].tokens, group.eos)
            self.tokens_drawn += 1
            group.receive(index, record, finished)
            if record.ends and not finished:
                self._retire(output.request_id)
                finished = True
        elif finished:
            group.error = group.error or f"vLLM ended a particle with finish reason {output.finish_reason}"
        if finished:
            self._particle_of.pop(output.request_id, None)
            group.particles[index].request_id = None
        return True

    def _check(self, output: EngineCoreOutput, record: TokenRecord, tokens: list[int], eos: tuple[int, ...]) -> None:
        """vLLM must have emitted what AWRS drew and, if verification is on, worker and scheduler agree on the past."""
        expected = record.token if record.token >= 0 else eos[0]
        if output.new_token_ids != [expected]:
            raise UnsupportedVllmError(
                f"vLLM emitted {output.new_token_ids} where AWRS drew {expected}; something changes logits after tamis"
            )
        if self._verify and record.tokens is not None:
            self.verified_rows += 1
            if record.tokens != tuple(tokens):
                raise UnsupportedVllmError(
                    f"particle {output.request_id}: the worker has {record.tokens}, the scheduler {tuple(tokens)}"
                )

    def _settle(self, running: _Running, outputs: dict[int, EngineCoreOutputs]) -> None:
        """Resample a group that is in step, and answer for it if none of its particles runs any more."""
        group = running.group
        self._criticise(group)
        if group.options.stream and group.error is None and self.listener is not None:
            settled = group.settled()
            if len(settled) > running.streamed:
                self.listener(running.leader.request_id, settled[running.streamed :].decode("utf-8", "replace"))
                running.streamed = len(settled)
        if group.error is None:
            for slot in group.restarts():
                self._spawn(running, slot)
            for fork in group.resample():
                self._retire(group.particles[fork.slot].request_id)
                group.particles[fork.slot].request_id = None
                if group.particles[fork.slot].status is None:
                    self._spawn(running, fork.slot, first=True)
            group.stop_early()
            if group.live:
                return
        self._dissolve(running)
        emit(outputs, running.leader, answer(running.leader, group, running.events, running.prefill_stats))

    def _criticise(self, group: ParticleGroup) -> None:
        """Have the group's critic weigh what was drawn, and end the particles that it rules out."""
        if group.critic is None or group.error is not None:
            return
        try:
            group.criticise()
        except Exception as error:  # whatever a critic does, only its own request may fail
            group.error = failures.remember(error)
        for particle in group.particles:
            if particle.status is not None:
                self._retire(particle.request_id)
                particle.request_id = None

    def _vocabulary(self, eos: tuple[int, ...]) -> Any:
        config = self.vllm_config.model_config
        return vocabulary_of(cached_tokenizer_from_config(config), eos, config.get_vocab_size())

    def _retire(self, request_id: str | None) -> None:
        """End a particle's request."""
        if request_id is not None and self._particle_of.pop(request_id, None) is not None:
            self._parked.pop(request_id, None)
            super().finish_requests(request_id, RequestStatus.FINISHED_ABORTED)

    def _dissolve(self, running: _Running) -> None:
        """Drop a group and whatever of it still runs."""
        del self.groups[running.leader.request_id]
        self._reserved -= len(running.group.particles)
        for particle in running.group.particles:
            self._retire(particle.request_id)
            particle.request_id = None
        if self.finished_req_ids_dict is not None:
            self.finished_req_ids_dict[running.leader.client_index].add(running.leader.request_id)


def _options_of(request: Request) -> GroupOptions | None:
    params = request.sampling_params
    wire = (params.extra_args or {}).get(GROUP_KEY) if params is not None else None
    return None if wire is None else GroupOptions.from_wire(wire)


def _critic_of(options: GroupOptions) -> Critic | None:
    """The critic of a group.  Raises GenerationError if it is out of reach."""
    if options.critic is None:
        return None
    found: Critic = REGISTRY.get(options.critic["id"], options.critic["process"]).constraint
    return found


def _model_eos(leader: Request) -> tuple[int, ...]:
    """The EOS ids that vLLM's front end took from tokenizer and generation config."""
    params = leader.sampling_params
    ids = set(params.stop_token_ids or ())
    if params.eos_token_id is not None:
        ids.add(params.eos_token_id)
    return tuple(sorted(ids))
