"""Requests to, and answers from, any vLLM engine that was started with `environment.engine_options()`.

    llm = vllm.LLM(folder, **engine_options())
    (output,) = llm.generate(prompt, sampling_params(grammar, particles=8))
    result = read_result(output, llm.get_tokenizer())

`read_result` is the only statement of texts and weights.  vLLM's own `output.outputs[0]` shows one particle, decoded by
the tokenizer: that of the token sequence with the largest weight, where `Result.text` adds up all token sequences of a
text.

The same `sampling_params` and `read_result` serve `AsyncLLM`; there grammars travel as their source, and Python
predicates are refused with an error, because they cannot leave their process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..completion import MOST_TOKENS
from ..critic import Critic
from ..errors import GenerationError, InputError, TamisError, shown
from ..result import Result, result_from_answer
from . import failures
from .compat import RequestOutput, RequestOutputKind, SamplingParams
from .constraints import describe, describe_critic
from .options import GROUP_KEY, GroupOptions, check_max_tokens, make_options
from .vocabularies import text_of, vocabulary_of


def sampling_params(
    grammar: Any = None,
    *,
    method: str = "awrs",
    particles: int = 1,
    seed: int = 0,
    request: int = 0,
    max_tokens: int = 256,
    temperature: float = 1.0,
    top_p: float = 1.0,
    top_k: int = 0,
    min_p: float = 0.0,
    ess_threshold: float | None = None,
    resampling: str = "systematic",
    estimator: str | None = None,
    tail_checks: int | None = None,
    attempts: int | None = None,
    at_max_tokens: str = "drop",
    min_tokens: int = 0,
    ignore_eos: bool = False,
    early_stop: float = 1.0,
    stop: str | Sequence[str] | None = None,
    trace: bool = False,
    critic: Critic | None = None,
    eos: Sequence[int] | None = None,
    prefix: bytes = b"",
) -> SamplingParams:
    """vLLM sampling parameters for one particle group; the arguments are those of `Engine.generate`.

    A predicate or critic is kept for as long as these parameters, or vLLM's copy of them, are.

    Args:
        request: tells apart requests with the same seed; equal (seed, request) give equal randomness.
        eos: token ids that end a string; by default those of the model's tokenizer and generation config.
        prefix: bytes that were taken back from the prompt (see `tamis.engine.healing`); texts are what follows them.

    Raises:
        InputError: names the argument.
    """
    options = make_options(
        constraint=describe(grammar),
        method=method,
        particles=particles,
        seed=seed,
        request=request,
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        min_p=min_p,
        estimator=estimator,
        tail_checks=tail_checks,
        ess_threshold=ess_threshold,
        resampling=resampling,
        attempts=attempts,
        complete_after=_complete_after(at_max_tokens, max_tokens),
        min_tokens=min_tokens,
        ignore_eos=ignore_eos,
        early_stop=early_stop,
        stop=stop,
        eos=eos,
        prefix=prefix.hex(),
        trace=trace,
        critic=describe_critic(critic),
    )
    return params_of(options, max_tokens)


def _complete_after(at_max_tokens: str, max_tokens: int) -> int | None:
    if at_max_tokens not in ("drop", "complete"):
        raise InputError(f"at_max_tokens must be 'drop' or 'complete', got {shown(at_max_tokens)}")
    return max_tokens if at_max_tokens == "complete" else None


def params_of(options: GroupOptions, max_tokens: int, *, detokenize: bool = True) -> SamplingParams:
    """Sampling parameters that carry `options`; vLLM itself only ever takes an argmax."""
    check_max_tokens(max_tokens)
    room = MOST_TOKENS if options.complete_after is not None else 0
    return SamplingParams(
        temperature=0.0,
        max_tokens=max_tokens + room,
        detokenize=detokenize,
        output_kind=RequestOutputKind.FINAL_ONLY,
        extra_args={GROUP_KEY: options.to_wire()},
    )


def read_result(output: RequestOutput, tokenizer: Any) -> Result:
    """The result of a finished request; texts are the bytes that the constraint judged.

    Args:
        output: what vLLM returned for it.
        tokenizer: the model's tokenizer; its vocabulary says what bytes the particles are made of.

    Raises:
        InputError: the tokenizer's tokens cannot be read as bytes.
        GenerationError: the request was aborted, or failed; in one process with the original exception as its cause.
        TamisError, GrammarError, AutomatonLimitError: the original exception itself, where it is one of these (a
            PredicateError, for instance) and happened in this process.
    """
    return read_answer(output, lambda tokens, eos, prefix: text_of(vocabulary_of(tokenizer, eos), tokens, prefix))


def read_answer(output: RequestOutput, decode: Callable[[Sequence[int], tuple[int, ...], bytes], str]) -> Result:
    """`read_result` with any function from token ids, the request's EOS ids and its prefix to text."""
    answer = (output.kv_transfer_params or {}).get(GROUP_KEY)
    if answer is None:
        reason = output.outputs[0].finish_reason if output.outputs else None
        raise GenerationError(
            f"request {output.request_id} ended without an answer (finish reason {reason}): it was aborted, or the "
            f"engine was started without tamis.engine.vllm.environment.engine_options()"
        )
    if "error" in answer:
        from ...grammars import AutomatonLimitError, GrammarError

        cause = failures.recall(answer["error"])
        if isinstance(cause, (TamisError, GrammarError, AutomatonLimitError)):
            raise cause
        raise GenerationError(failures.message(answer["error"])) from cause
    eos = tuple(answer["eos"])
    prefix = bytes.fromhex(answer["prefix"])
    return result_from_answer(answer, lambda tokens: decode(tokens, eos, prefix))
