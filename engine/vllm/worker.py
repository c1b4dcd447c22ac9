"""vLLM's worker, which here also hands the processor's records to the scheduler."""

from __future__ import annotations

from typing import Any

from ..errors import UnsupportedVllmError
from .channel import ATTRIBUTE
from .compat import PlatformWorker
from .processor import AwrsProcessor


class ParticleWorker(PlatformWorker):  # type: ignore[misc]
    """The platform's own worker plus one attribute on what `sample_tokens` returns."""

    def sample_tokens(self, grammar_output: Any) -> Any:
        output = super().sample_tokens(grammar_output)
        records = self._processor().take_records()
        # Without records the output may be a constant that all steps share.
        if output is not None and records:
            setattr(output, ATTRIBUTE, records)
        return output

    def _processor(self) -> AwrsProcessor:
        for processor in self.model_runner.input_batch.logitsprocs.non_argmax_invariant:
            if isinstance(processor, AwrsProcessor):
                return processor
        raise UnsupportedVllmError(
            "the AWRS logits processor is not loaded in this worker; build the engine with the options of "
            "tamis.engine.vllm.environment.engine_options()"
        )
