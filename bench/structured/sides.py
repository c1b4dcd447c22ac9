"""Engines, each in a process of its own, asked in turn while the others wait."""

from __future__ import annotations

import multiprocessing
import os
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from time import perf_counter
from typing import Any

from ...engine import Engine
from ...engine.models import DEFAULT_MODEL, resolve_model
from ...engine.prompts import Prompt
from ...engine.vllm.environment import vllm_environment
from ...grammars import Grammar, json_schema, regex

Messages = list[dict[str, str]]


@dataclass(frozen=True)
class Job:
    """A batch: prompts (chats or texts) under one constraint, `kind` "json_schema" or "regex".

    Attributes:
        particles: of tamis, per prompt; other engines draw one text for each.
    """

    prompts: Sequence[Messages | str]
    kind: str
    source: Any
    max_tokens: int
    seed: int
    particles: int = 1


@dataclass(frozen=True)
class Drawn:
    """A text, whether it ended by itself, and the log of its unnormalised weight."""

    text: str
    complete: bool
    log_weight: float = 0.0


@dataclass(frozen=True)
class Batch:
    """What a job came to: the texts of every prompt, all tokens, wall-clock seconds."""

    drawn: list[list[Drawn]]
    tokens: int
    seconds: float


class Side:
    """`make(*arguments)` in another process, which answers jobs."""

    def __init__(self, name: str, make: Callable[..., Callable[[Job], Batch]], *arguments: Any) -> None:
        self.name = name
        context = multiprocessing.get_context("spawn")
        self._pipe, far = context.Pipe()
        self._process = context.Process(target=_serve, args=(far, make, arguments), daemon=True)
        self._process.start()
        far.close()
        self._answer()

    def run(self, job: Job) -> Batch:
        """Run a job, and wait for it."""
        self._pipe.send(job)
        batch: Batch = self._answer()
        return batch

    def _answer(self) -> Any:
        try:
            found = self._pipe.recv()
        except EOFError as error:
            raise RuntimeError(f"the process of {self.name} ended with status {self._process.exitcode}") from error
        if isinstance(found, str):
            raise RuntimeError(f"{self.name} failed:\n{found}")
        return found

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join(timeout=30)
        if self._process.is_alive():
            self._process.kill()


# GiB of keys and values on a CPU: enough for the jobs, and three engines fit beside each other.
_KV_GIB = "1"


def _serve(pipe: Connection, make: Callable[..., Callable[[Job], Batch]], arguments: tuple[Any, ...]) -> None:
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", _KV_GIB)
    try:
        run = make(*arguments)
        pipe.send(None)
        while True:
            pipe.send(run(pipe.recv()))
    except EOFError:  # closed from the other side
        pass
    except Exception:
        pipe.send(traceback.format_exc())


def tamis_side(options: dict[str, Any]) -> Callable[[Job], Batch]:
    """tamis with its defaults."""
    engine = Engine(**options)
    grammars: dict[str, Grammar] = {}

    def run(job: Job) -> Batch:
        key = f"{job.kind} {job.source}"
        if key not in grammars:
            grammars[key] = json_schema(job.source) if job.kind == "json_schema" else regex(job.source)
        begin = perf_counter()
        prompts: list[Prompt] = list(job.prompts)
        results = engine.generate(
            prompts,
            [grammars[key]] * len(prompts),
            particles=job.particles,
            seed=job.seed,
            max_tokens=job.max_tokens,
        )
        seconds = perf_counter() - begin
        drawn = [[Drawn(s.text, s.accepted, s.log_weight) for s in result.samples] for result in results]
        tokens = sum(len(sample.token_ids) for result in results for sample in result.samples)
        return Batch(drawn, tokens, seconds)

    return run


def vllm_side(backend: str, options: dict[str, Any]) -> Callable[[Job], Batch]:
    """vLLM with its defaults and a backend for structured outputs, in one process as tamis is."""
    with vllm_environment():
        from vllm import LLM, SamplingParams
        from vllm.sampling_params import StructuredOutputsParams

        llm = LLM(
            str(resolve_model(DEFAULT_MODEL)),
            structured_outputs_config={"backend": backend},
            use_tqdm_on_load=False,
            **options,
        )

    def run(job: Job) -> Batch:
        constraint = StructuredOutputsParams(**{"json" if job.kind == "json_schema" else "regex": job.source})
        parameters = [
            SamplingParams(
                temperature=1.0,
                max_tokens=job.max_tokens,
                seed=job.seed * 10_000 + number,
                structured_outputs=constraint,
            )
            for number in range(len(job.prompts))
        ]
        call = llm.generate if isinstance(job.prompts[0], str) else llm.chat
        begin = perf_counter()
        outputs = call(list(job.prompts), parameters, use_tqdm=False)
        seconds = perf_counter() - begin
        first = [output.outputs[0] for output in outputs]
        return Batch(
            [[Drawn(one.text, one.finish_reason == "stop")] for one in first],
            sum(len(one.token_ids) for one in first),
            seconds,
        )

    return run
