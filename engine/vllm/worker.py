"""vLLM's worker, which here also hands the processor's records to the scheduler."""

from __future__ import annotations

from typing import Any

from ..errors import UnsupportedVllmError
from .channel import ATTRIBUTE
from .compat import PlatformWorker, SchedulerOutput
from .processor import AwrsProcessor


class ParticleWorker(PlatformWorker):  # type: ignore[misc]
    """The platform's own worker plus one attribute on what `sample_tokens` returns."""

    def execute_model(self, scheduler_output: SchedulerOutput) -> Any:
        """One forward pass."""
        if self.use_v2_model_runner:
            left = scheduler_output.finished_req_ids | (scheduler_output.preempted_req_ids or set())
            self._processor().forget(left)
        return super().execute_model(scheduler_output)

    def sample_tokens(self, grammar_output: Any) -> Any:
        processor = self._processor()
        if not self.use_v2_model_runner:
            # Whose tokens the V1 runner throws away, as their prompts go on; V2 tells the processor itself.
            discarded = self.model_runner.discard_request_mask.np[: self.model_runner.input_batch.num_reqs]
            processor.pass_over(discarded.nonzero()[0].tolist())
        output = super().sample_tokens(grammar_output)
        records = processor.take_records()
        # Without records the output may be a constant that all steps share.
        if output is not None and records:
            # The V2 runner wraps the output until the device has copied the tokens.
            setattr(getattr(output, "model_runner_output", output), ATTRIBUTE, records)
        return output

    def _processor(self) -> AwrsProcessor:
        runner = self.model_runner
        v2 = self.use_v2_model_runner
        for processor in (
            runner.sampler.logits_processors if v2 else runner.input_batch.logitsprocs.non_argmax_invariant
        ):
            if isinstance(processor, AwrsProcessor):
                return processor
        raise UnsupportedVllmError(
            "the AWRS logits processor is not loaded in this worker; build the engine with the options of "
            "tamis.engine.vllm.environment.engine_options()"
        )
