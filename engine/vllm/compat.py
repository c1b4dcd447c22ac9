"""Every import of a vLLM internal, behind a check of vLLM's version and configuration that fails closed.

These interfaces are not public and change between minor releases.  A release that nobody has looked at is refused
rather than tried: a scheduler that half fits would return wrong weights without a sign of it.
"""

# ruff: noqa: E402  (the version is checked before anything that may have moved is imported)

from __future__ import annotations

import dataclasses
import difflib
import gc
import inspect
from typing import Any, ClassVar

from ..errors import InputError, UnsupportedVllmError
from .environment import PROCESSOR, SCHEDULER, WORKER, require_vllm

require_vllm()

from pydantic import ValidationError
from vllm import LLM, SamplingParams, envs
from vllm.config import VllmConfig
from vllm.engine.arg_utils import EngineArgs
from vllm.exceptions import VLLMValidationError
from vllm.inputs.engine import tokens_input
from vllm.outputs import RequestOutput
from vllm.platforms import current_platform
from vllm.sampling_params import RequestOutputKind
from vllm.tokenizers.registry import cached_tokenizer_from_config
from vllm.v1.core.sched.interface import PauseState
from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.core.sched.request_queue import RequestQueue, create_request_queue
from vllm.v1.core.sched.scheduler import Scheduler
from vllm.v1.engine import EngineCoreOutput, EngineCoreOutputs, FinishReason
from vllm.v1.outputs import ModelRunnerOutput
from vllm.v1.request import Request, RequestStatus
from vllm.v1.sample.logits_processor.interface import BatchUpdate, LogitsProcessor, MoveDirectionality
from vllm.v1.worker.gpu.sample.logits_processor.interface import LogitsContext
from vllm.v1.worker.gpu.sample.logits_processor.interface import LogitsProcessor as LogitsProcessorV2

if current_platform.is_cpu():
    from vllm.v1.worker.cpu_worker import CPUWorker as PlatformWorker
else:
    from vllm.v1.worker.gpu_worker import Worker as PlatformWorker

__all__ = [
    "BatchUpdate",
    "EngineCoreOutput",
    "EngineCoreOutputs",
    "FinishReason",
    "InProcessCore",
    "LogitsContext",
    "LogitsProcessor",
    "LogitsProcessorV2",
    "ModelRunnerOutput",
    "MoveDirectionality",
    "PauseState",
    "PlatformWorker",
    "Request",
    "RequestOutput",
    "RequestOutputKind",
    "RequestQueue",
    "RequestStatus",
    "SamplingParams",
    "Scheduler",
    "SchedulerOutput",
    "VLLMValidationError",
    "VllmConfig",
    "cached_tokenizer_from_config",
    "check_configuration",
    "create_request_queue",
    "current_platform",
    "load",
    "tokens_input",
    "verifies",
]


def load(model: str, options: dict[str, Any]) -> LLM:
    """`vllm.LLM`, with options that it cannot use refused by name.

    Raises:
        InputError: an option that vLLM does not know, or a value that its configuration refuses.
    """
    known = {field.name for field in dataclasses.fields(EngineArgs)} | set(inspect.signature(LLM).parameters)
    for name in options:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise InputError(f"vLLM has no option {name!r}{hint}")
    try:
        return LLM(model=model, **options)
    except ValidationError as error:
        said = (f"{'.'.join(map(str, item['loc']))}: {item['msg']}".removeprefix(": ") for item in error.errors())
        raise InputError(f"vLLM refuses these options: {'; '.join(said)}") from error


def check_configuration(config: VllmConfig) -> None:
    """Refuse a vLLM configuration under which weights would be lost or wrong.

    Raises:
        UnsupportedVllmError: names every setting in the way and its remedy.
    """
    problems = []
    if config.scheduler_config.async_scheduling:
        problems.append("async_scheduling is on; pass async_scheduling=False")
    if config.speculative_config is not None:
        problems.append("speculative decoding is on; drop speculative_config")
    if config.parallel_config.pipeline_parallel_size > 1:
        problems.append("pipeline parallelism is on; pass pipeline_parallel_size=1")
    if config.parallel_config.data_parallel_size > 1:
        problems.append("data parallelism is on; run one engine per replica")
    if config.use_v2_model_runner and envs.VLLM_USE_V2_MODEL_RUNNER is not True:
        problems.append("vLLM chose the V2 model runner; set VLLM_USE_V2_MODEL_RUNNER=0, or 1 to use it knowingly")
    if config.parallel_config.prefill_context_parallel_size > 1:
        problems.append("prefill context parallelism is on; pass prefill_context_parallel_size=1")
    if config.parallel_config.enable_batch_sharded_sampling:
        problems.append("batch-sharded sampling is on; pass enable_batch_sharded_sampling=False")
    if config.watermark_config is not None:
        problems.append("watermarking is on; drop watermark_config")
    if config.kv_transfer_config is not None:
        problems.append("a KV connector is configured; drop kv_transfer_config")
    for what, wanted, found in (
        ("logits_processors", PROCESSOR, [_name(item, ":") for item in config.model_config.logits_processors or ()]),
        ("scheduler_cls", SCHEDULER, [_name(config.scheduler_config.scheduler_cls, ".")]),
        ("worker_cls", WORKER, [_name(config.parallel_config.worker_cls, ".")]),
    ):
        if wanted not in found:
            problems.append(f"{what} lacks {wanted!r}")
    if problems:
        raise UnsupportedVllmError(
            "vLLM is not configured for tamis: "
            + "; ".join(problems)
            + ". tamis.engine.vllm.environment.engine_options() returns all the options needed."
        )


def verifies(config: VllmConfig) -> bool:
    """Whether worker and scheduler compare their tokens (`environment.engine_options`)."""
    additional = config.additional_config
    return bool(additional.get("tamis", {}).get("verify", False)) if isinstance(additional, dict) else False


class InProcessCore:
    """Hold of vLLM's in-process core that lets several of them come and go in one process.

    vLLM's own shutdown tears down the process-wide groups of torch.distributed, and with them every other engine of the
    process; here only the last one to go does that.
    """

    _alive: ClassVar[set[int]] = set()

    def __init__(self, client: Any) -> None:
        """Take over from the finalizer of `LLM.llm_engine.engine_core`."""
        client._finalizer.detach()
        self._core = client.engine_core
        self._alive.add(id(self))

    @property
    def scheduler(self) -> Any:
        """The core's scheduler."""
        return self._core.scheduler

    def shut_down(self) -> None:
        """Free the model and the KV cache; a second time it does nothing."""
        if self._core is None:
            return
        core, self._core = self._core, None
        self._alive.discard(id(self))
        if self._alive:
            core.structured_output_manager.clear_backend()
            core.model_executor.shutdown()
            core.scheduler.shutdown()
            gc.unfreeze()
        else:
            core.shutdown()


def _name(item: Any, separator: str) -> str:
    if isinstance(item, type):
        return f"{item.__module__}{separator}{item.__qualname__}"
    return str(item)
