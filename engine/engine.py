"""`Engine`: a model on vLLM, in this process, and `generate` for batches of prompts."""

from __future__ import annotations

import contextlib
import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypedDict, Unpack, overload

from .critic import Critic
from .errors import InputError, TamisError, shown
from .healing import take_back
from .models import DEFAULT_MODEL, resolve_model
from .progress import Progress, postponed_interrupt, reporting
from .prompts import Prompt, encode
from .result import Result
from .vllm.environment import engine_options, require_vllm, vllm_environment

# Special tokens by which models end a turn or a document.  Converted models often know only one of theirs.
_STOP_TOKENS = (
    *("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<|end|>", "<|eom_id|>"),
    *("<end_of_turn>", "</s>", "<eos>", "<|return|>"),
)


class GenerateOptions(TypedDict, total=False):
    """The keyword arguments of `Engine.generate`, which documents them."""

    method: str
    particles: int
    seed: int
    max_tokens: int
    temperature: float
    top_p: float
    top_k: int
    min_p: float
    ess_threshold: float | None
    resampling: str
    estimator: str | None
    tail_checks: int | None
    attempts: int | None
    at_max_tokens: str
    min_tokens: int
    ignore_eos: bool
    early_stop: float
    stop: str | Sequence[str] | None
    trace: bool
    critic: Critic | None
    eos: Sequence[int] | None
    heal: bool
    on_text: Callable[[int, str], None] | None
    progress: bool | Callable[[Progress], None]


class Engine:
    """A language model served by vLLM in this process, with AWRS and SMC inside.

    One engine per process and device is the normal case; it holds the model's weights and the KV cache until `close`.
    """

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        *,
        eos: Sequence[int] | None = None,
        quiet: bool = True,
        verify: bool = False,
        **vllm_options: Any,
    ) -> None:
        """Load a model.

        Args:
            model: a known id (see `models.known_models`) or a folder in Hugging Face format.
            eos: token ids that end a string.  By default those of tokenizer and generation config and the usual
                end-of-turn and end-of-document tokens that the tokenizer has.
            quiet: keep vLLM's log to errors, unless VLLM_LOGGING_LEVEL says otherwise.
            verify: check at every step that worker and scheduler agree on each particle's tokens (for tests).
            **vllm_options: any option of `vllm.LLM`, such as dtype, max_model_len, max_num_seqs or
                gpu_memory_utilization.

        Raises:
            ModelNotFoundError: neither a known id nor a model folder.
            InputError: an option that tamis sets itself, that vLLM does not know, or whose value it refuses.
            UnsupportedVllmError: vLLM is missing, or of a release that tamis does not know.
        """
        require_vllm()
        from .vllm.options import eos_ids

        ends = None if eos is None else eos_ids(eos)
        folder = resolve_model(model)
        self.model_path: Path = folder
        with vllm_environment(quiet=quiet):
            options = _merge(engine_options(verify=verify), {"use_tqdm_on_load": not quiet, **vllm_options})
            from .vllm import compat

            self._llm: Any = compat.load(str(folder), options)
        self._compat = compat
        self._engine: Any = self._llm.llm_engine
        core = compat.InProcessCore(self._engine.engine_core)
        self._scheduler: Any = core.scheduler
        # Also runs when the engine is dropped without `close`, and at the end of the process.
        self._finalizer = weakref.finalize(self, core.shut_down)
        self._lock = threading.Lock()
        # The thread that holds the lock.
        self._owner: int | None = None
        self._closed = False
        self._failure: BaseException | None = None
        self.eos: tuple[int, ...] = self._default_eos() if ends is None else ends

    # What the engine is ----------------------------------------------------------------------------------------------

    @property
    def llm(self) -> Any:
        """The `vllm.LLM` underneath; between calls of `generate` it serves requests without constraints as usual."""
        return self._llm

    @property
    def tokenizer(self) -> Any:
        """The model's tokenizer (Hugging Face), or None if vLLM was told to do without."""
        return self._engine.input_processor.tokenizer

    @property
    def vocabulary(self) -> Any:
        """The model's tokens as bytes, with this engine's EOS ids (`tamis.grammars.Vocabulary`)."""
        return self._vocabulary_with(self.eos)

    @property
    def vocabulary_size(self) -> int:
        """Number of logits in a row."""
        return int(self._engine.model_config.get_vocab_size())

    @property
    def max_model_len(self) -> int:
        """Longest sequence in tokens, prompt included."""
        return int(self._engine.model_config.max_model_len)

    @property
    def max_particles(self) -> int:
        """Most particles of one prompt: vLLM's max_num_seqs."""
        return int(self._engine.vllm_config.scheduler_config.max_num_seqs)

    # Generation ------------------------------------------------------------------------------------------------------

    @overload
    def generate(
        self,
        prompts: str | list[int] | list[dict[str, str]],
        grammar: Any = None,
        **options: Unpack[GenerateOptions],
    ) -> Result: ...

    @overload
    def generate(
        self,
        prompts: list[str] | list[list[int]] | list[list[dict[str, str]]] | list[Prompt],
        grammar: Any = None,
        **options: Unpack[GenerateOptions],
    ) -> list[Result]: ...

    def generate(
        self,
        prompts: Any,
        grammar: Any = None,
        *,
        method: str = "awrs",
        particles: int = 1,
        seed: int = 0,
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
        heal: bool = False,
        on_text: Callable[[int, str], None] | None = None,
        progress: bool | Callable[[Progress], None] = False,
    ) -> Result | list[Result]:
        """Sample weighted strings that the grammar accepts, from the model's own distribution restricted to them.

        Args:
            prompts: one prompt or a list of them.  A str goes in raw, a list of ints as token ids, a list of
                {"role", "content"} through the chat template.
            grammar: a `Grammar`, a `predicate(...)`, `grammar & predicate(...)`, None (anything), or one per prompt.
            method: "awrs" (the default), "smc_base", "rerank", "rejection", "lcd" or "base"; see `methods`.
            particles: N, weighted samples per prompt.
            seed: one seed reproduces a call, as far as the model's rows do (in bfloat16 they depend on the batch).
            max_tokens: most tokens per particle, EOS included; the end of the model's context may come earlier.
            temperature, top_p, top_k, min_p: define the target, row by row; temperature 0 is greedy, weights undefined.
            ess_threshold: resample when the effective sample size falls below this share of N; 0 never does.  By
                default 0.5, for "smc_base" 0.9; methods that never resample take none.
            resampling: "multinomial", "stratified", "systematic" or "residual".
            estimator: how "awrs" estimates weights: "auto" (the default), "exact", "murthy", "des_raj", "recursive",
                "paper" or "geometric"; see `estimators.Estimator`.
            tail_checks: most checks after the accepted token; more of them lower the variance.
            attempts: how often "rejection" draws a particle at most, by default 64.
            at_max_tokens: what becomes of a sample without an end after max_tokens tokens: "drop" cuts it, with the
                finish reason "length" and no weight; "complete" writes the shortest end that the grammar allows, with
                the finish reason "forced" and the weight that this has (see `completion`).
            min_tokens: strings have at least so many tokens before their end token; shorter ones are no part of the
                target.
            ignore_eos: draw no end token; every sample then has max_tokens tokens, the finish reason "length" and a
                weight, and the target is the model's distribution over the beginnings that the grammar allows.
            early_stop: a share of the weight in (0, 1): once complete particles hold it, the others are given up, with
                the finish reason "early". Biased, and off by default (1); `Statistics.unfinished` says how much it was.
            stop: strings that end a text, too, and are no part of it (see `stops`); grammars and predicates only.
            trace: keep the history of the run in `Result.history`, for `Result.to_html`.
            critic: a `critic(...)` or `preference(...)`, or a product of them: multiplies the target.
            eos: token ids that end a string, instead of the engine's.
            heal: take back the prompt's last token and let the model write its bytes again, in whatever tokens; texts
                are what follows them, weights those of the model after the shorter prompt (see `healing`).
            on_text: called with the prompt's position and a piece of text as soon as all samples are settled to have it
                next: what all particles of positive weight, finished ones included, have in common.  With one particle
                that is every token as it is drawn; with several, what is left to say where they end is in the
                result.  A group that dies contradicts what was streamed: look at `Result.status`.
            progress: True shows a bar; a function is called with a `Progress` after every step.

        Returns:
            A Result for one prompt, a list of them for a list of prompts.

        Raises:
            InputError: an argument cannot be used; nothing was generated.
            GrammarError, AutomatonLimitError: a grammar does not compile; nothing was generated.  Or, rarely, its
                automaton outgrew its memory while a request ran.
            GenerationError, PredicateError, CriticError: a request failed while it ran; the others of the call are
                given up.
            TamisError: the engine is closed or broken, `llm` has unfinished requests, or this was called from inside a
                predicate or progress function of this engine.
        """
        if self._closed:
            raise TamisError("this engine is closed")
        if self._failure is not None:
            raise TamisError("this engine failed in an earlier call; close it and build a new one") from self._failure
        self._refuse_from_inside("generate")
        from .vllm.call import prepared

        settings = {
            "method": method,
            "particles": particles,
            "seed": seed,
            "temperature": temperature,
            "top_p": top_p,
            "top_k": top_k,
            "min_p": min_p,
            "ess_threshold": ess_threshold,
            "resampling": resampling,
            "estimator": estimator,
            "tail_checks": tail_checks,
            "attempts": attempts,
            "min_tokens": min_tokens,
            "ignore_eos": ignore_eos,
            "early_stop": early_stop,
            "stop": stop,
            "trace": trace,
            "critic": critic,
        }
        ends = self._eos(eos)
        with prepared(
            prompts,
            grammar,
            max_tokens=max_tokens,
            eos=ends,
            heal=heal,
            progress=progress,
            at_max_tokens=at_max_tokens,
            on_text=on_text,
            **settings,
        ) as call:
            if particles > self.max_particles:
                raise InputError(
                    f"particles={particles} exceeds the engine's {self.max_particles} batch slots; build the engine "
                    f"with max_num_seqs={particles} or more"
                )
            encoded = [
                encode(prompt, position, self.tokenizer, self.vocabulary_size, self.max_model_len)
                for position, prompt in enumerate(call.prompts)
            ]
            if self.tokenizer is not None:
                # A tokenizer that cannot be read as bytes is found out before anything runs.
                self._vocabulary_with(ends)
            groups = call.groups
            if heal:
                taken = [take_back(ids, self._vocabulary_with(ends)) for ids in encoded]
                encoded = [healed.tokens for healed in taken]
                groups = [replace(group, prefix=healed.prefix) for group, healed in zip(groups, taken, strict=True)]
            results = self._run(encoded, groups, max_tokens, progress, on_text)
        return results[0] if call.single else results

    def _run(
        self,
        prompts: list[list[int]],
        requests: Sequence[Any],
        max_tokens: int,
        progress: bool | Callable[[Progress], None],
        on_text: Callable[[int, str], None] | None,
    ) -> list[Result]:
        from .vllm.requests import params_of, read_answer

        waiting: dict[str, int] = {}
        results: dict[int, Result] = {}
        positions = {f"tamis-{position}": position for position in range(len(prompts))}
        started = time.monotonic()
        with self._alone(), reporting(progress) as report, postponed_interrupt() as interrupted:
            tokens_before = self._scheduler.tokens_drawn
            try:
                for (name, position), prompt, options in zip(positions.items(), prompts, requests, strict=True):
                    params = params_of(options, max_tokens, detokenize=False)
                    waiting[self._engine.add_request(name, self._compat.tokens_input(prompt), params)] = position
                # Collected and told between steps: what a caller's function raises must not tear a step.
                settled: list[tuple[str, str]] = []
                if on_text is not None:
                    self._scheduler.listener = lambda name, text: settled.append((name, text))
                while waiting:
                    outputs = self._step()
                    while settled and on_text is not None:
                        name, text = settled.pop(0)
                        on_text(waiting[name], text)
                    for output in outputs:
                        if output.request_id not in positions:
                            raise TamisError(
                                f"request {output.request_id} entered engine.llm while generate was running"
                            )
                        if output.finished:
                            position = positions[output.request_id]
                            waiting = {id_: other for id_, other in waiting.items() if other != position}
                            results[position] = read_answer(output, self._decode)
                    if report is not None:
                        drawn = self._scheduler.tokens_drawn - tokens_before
                        report(Progress(len(results), len(prompts), drawn, time.monotonic() - started))
                    if interrupted():
                        raise KeyboardInterrupt
            finally:
                self._scheduler.listener = None
                self._clean_up(waiting)
        return [results[position] for position in range(len(prompts))]

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Have vLLM to ourselves: one call at a time, and no requests of others, whose outputs would get lost."""
        with self._lock:
            if self._closed:
                raise TamisError("this engine is closed")
            foreign = self._engine.get_num_unfinished_requests()
            if foreign:
                raise TamisError(
                    f"engine.llm has {foreign} unfinished requests of its own; finish or abort them before generate"
                )
            self._owner = threading.get_ident()
            try:
                yield
            finally:
                self._owner = None

    def _refuse_from_inside(self, method: str) -> None:
        """A predicate or a progress function of a running call would wait for that very call."""
        if self._owner == threading.get_ident():
            raise TamisError(
                f"{method} was called from inside a predicate or progress function that this engine's generate called; "
                f"use another engine there"
            )

    def _step(self) -> list[Any]:
        try:
            outputs: list[Any] = self._engine.step()
        except BaseException as error:
            # vLLM does not recover from a step that was torn in the middle.
            self._failure = error
            raise
        return outputs

    def _clean_up(self, waiting: Mapping[str, int]) -> None:
        """Leave nothing of a call behind, whether it ended well, failed, or was interrupted."""
        if self._failure is not None:
            return
        if waiting:
            self._engine.abort_request(list(waiting), internal=True)
        if self._scheduler.has_finished_requests():
            # One empty step, so that the worker forgets the last requests, too.
            self._step()

    # Text and tokens -------------------------------------------------------------------------------------------------

    def _decode(self, tokens: Sequence[int], eos: tuple[int, ...], prefix: bytes) -> str:
        """Text of token ids behind the prefix, special tokens left out; without a tokenizer the ids, with spaces."""
        if self.tokenizer is None:
            return " ".join(map(str, tokens))
        from .vllm.vocabularies import text_of

        return text_of(self._vocabulary_with(eos), tokens, prefix)

    def _vocabulary_with(self, eos: tuple[int, ...]) -> Any:
        from .vllm.vocabularies import vocabulary_of

        return vocabulary_of(self.tokenizer, eos, self.vocabulary_size)

    def _eos(self, eos: Sequence[int] | None) -> tuple[int, ...]:
        from .vllm.options import eos_ids

        ends = self.eos if eos is None else eos_ids(eos)
        if not ends:
            raise InputError("no EOS token is known for this model; pass eos=[token id, ...]")
        for token in ends:
            if not 0 <= token < self.vocabulary_size:
                raise InputError(f"eos holds {token!r}, which is no token id of the model's {self.vocabulary_size}")
        return tuple(sorted(set(ends)))

    def _default_eos(self) -> tuple[int, ...]:
        ids: set[int] = set()
        configured = self._engine.model_config.try_get_generation_config().get("eos_token_id")
        if configured is not None:
            ids.update([configured] if isinstance(configured, int) else configured)
        tokenizer = self.tokenizer
        if tokenizer is not None:
            if tokenizer.eos_token_id is not None:
                ids.add(tokenizer.eos_token_id)
            known = tokenizer.get_added_vocab()
            ids.update(known[name] for name in _STOP_TOKENS if name in known)
        return tuple(sorted(id_ for id_ in ids if 0 <= id_ < self.vocabulary_size))

    # End -------------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Free the model; the engine cannot be used afterwards.  Closing twice is fine.

        Raises:
            TamisError: called from inside a predicate or progress function of this engine.
        """
        if self._closed:
            return
        self._refuse_from_inside("close")
        self._closed = True
        self._finalizer()
        self._llm = self._engine = self._scheduler = None
        gc.collect()

    def __enter__(self) -> Self:
        """The engine itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()


def _merge(own: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """vLLM options out of ours and the caller's; ours may not be replaced, only added to."""
    merged = {"generation_config": "vllm", "disable_log_stats": True, "seed": 0, **own}
    for name, value in given.items():
        if name in ("scheduler_cls", "worker_cls"):
            raise InputError(f"{name} is set by tamis and cannot be replaced")
        if name in ("async_scheduling", "speculative_config") and value:
            raise InputError(f"{name}={value!r} cannot be combined with particle weights; drop it")
        if name == "logits_processors":
            # Others come first, so that what they do to the row is part of the target.
            if value is not None and not isinstance(value, (list, tuple)):
                raise InputError(f"{name} must be a list, got {shown(value)}")
            merged[name] = [*(value or ()), *own[name]]
        elif name == "additional_config":
            if value is not None and not isinstance(value, Mapping):
                raise InputError(f"{name} must be a dict, got {shown(value)}")
            merged[name] = {**(value or {}), **own.get(name, {})}
        else:
            merged[name] = value
    return merged
