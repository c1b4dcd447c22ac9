"""Whatever cannot be used is refused before a single token is drawn, with a message that names it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from tamis.bench.exactness.llamas import PROMPT
from tamis.engine import Engine, InputError, ModelNotFoundError, PredicateError, TamisError, critic, predicate
from tamis.engine.vllm.compat import SamplingParams, VLLMValidationError, tokens_input
from tamis.engine.vllm.options import GroupOptions
from tamis.engine.vllm.processor import AwrsProcessor
from tamis.engine.vllm.requests import sampling_params
from tamis.grammars import Grammar, GrammarError, regex, special

NAN = float("nan")


@pytest.mark.parametrize(
    ("prompts", "options", "said"),
    [
        ("", {}, "prompt 0 is empty"),
        ([], {}, "prompt is empty"),
        ([PROMPT, []], {}, "prompt 1 is empty"),
        ([[1, 2, 99]], {}, "token id 99"),
        ([[1, 2, -1]], {}, "token id -1"),
        ([[1] * 128], {}, "128 tokens.*context of 128"),
        (7, {}, "got 7"),
        ([3.5], {}, "prompt 0 must be"),
        ([{"role": "user", "content": "a"}], {}, "no chat template"),
        (PROMPT, {"particles": 0}, "particles must be at least 1"),
        (PROMPT, {"particles": 2.0}, "particles must be an integer"),
        (PROMPT, {"particles": 129}, "129 exceeds the engine's 128"),
        (PROMPT, {"temperature": NAN}, "temperature"),
        (PROMPT, {"temperature": -1.0}, "temperature"),
        (PROMPT, {"temperature": "hot"}, "temperature"),
        (PROMPT, {"top_p": 0.0}, "top_p"),
        (PROMPT, {"top_p": NAN}, "top_p"),
        (PROMPT, {"top_k": -1}, "top_k"),
        (PROMPT, {"min_p": 2.0}, "min_p"),
        (PROMPT, {"max_tokens": 0}, "max_tokens"),
        (PROMPT, {"max_tokens": 1.5}, "max_tokens"),
        (PROMPT, {"seed": "x"}, "seed"),
        (PROMPT, {"ess_threshold": 1.5}, "ess_threshold"),
        (PROMPT, {"ess_threshold": NAN}, "ess_threshold"),
        (PROMPT, {"resampling": "roulette"}, "roulette.*systematic"),
        (PROMPT, {"estimator": "guess"}, "guess.*des_raj"),
        (PROMPT, {"tail_checks": 0}, "tail_checks"),
        (PROMPT, {"stop": 5}, "stop must be a str or a list"),
        (PROMPT, {"stop": ["a", ""]}, "a stop string must be a str that is not empty"),
        (PROMPT, {"stop": "a", "min_tokens": 2}, "cannot be combined with min_tokens"),
        (PROMPT, {"stop": "a", "grammar": regex("a") + special("<x>")}, "stop strings cannot be combined with special"),
        (PROMPT, {"min_tokens": -1}, "min_tokens must be at least 0"),
        (PROMPT, {"ignore_eos": 1}, "ignore_eos must be True or False"),
        (PROMPT, {"ignore_eos": True, "min_tokens": 3}, "drop min_tokens"),
        (PROMPT, {"early_stop": 0}, "early_stop must be a number in \\(0, 1\\]"),
        (PROMPT, {"early_stop": 0.5, "method": "lcd"}, "early_stop looks at weights"),
        (PROMPT, {"early_stop": 0.5, "ignore_eos": True}, "early_stop looks at weights"),
        (PROMPT, {"early_stop": 0.5, "temperature": 0}, "drop early_stop"),
        (PROMPT, {"at_max_tokens": "cut"}, "at_max_tokens must be 'drop' or 'complete', got 'cut'"),
        (PROMPT, {"at_max_tokens": "complete", "method": "base"}, "cannot be completed by force under method='base'"),
        (PROMPT, {"at_max_tokens": "complete", "max_tokens": 4, "min_tokens": 5}, "min_tokens=5 exceeds max_tokens=4"),
        (PROMPT, {"critic": len}, "a critic must be made by critic"),
        (PROMPT, {"critic": critic(len), "method": "lcd"}, "'lcd' weighs nothing"),
        (PROMPT, {"critic": critic(len), "temperature": 0}, "at temperature 0 nothing is weighed"),
        (PROMPT, {"trace": "yes"}, "trace must be True or False"),
        (PROMPT, {"method": "best"}, "unknown method 'best'; known are awrs, smc_base"),
        (PROMPT, {"method": ["lcd"]}, "unknown method"),
        (PROMPT, {"method": "lcd", "estimator": "exact"}, "'lcd' weighs nothing by checks; drop estimator"),
        (PROMPT, {"method": "base", "tail_checks": 3}, "'base' weighs nothing by checks; drop tail_checks"),
        (PROMPT, {"method": "rerank", "ess_threshold": 0.5}, "'rerank' never resamples; drop ess_threshold"),
        (PROMPT, {"attempts": 3}, "'awrs' draws every particle once; drop attempts"),
        (PROMPT, {"method": "rejection", "attempts": 0}, "attempts must be at least 1"),
        (PROMPT, {"method": "rejection", "particles": 100, "attempts": 1 << 30}, "below 2..32"),
        (PROMPT, {"method": "smc_base", "temperature": 0}, "at temperature 0 there is nothing to draw"),
        (PROMPT, {"eos": [99]}, "eos holds 99"),
        (PROMPT, {"eos": []}, "no EOS"),
        (PROMPT, {"eos": 5}, "eos must be a list"),
        (PROMPT, {"progress": 3}, "progress"),
        ([b"abc"], {}, "prompt 0 must be"),
        (b"abc", {}, "a prompt must be"),
        (bytearray(b"abc"), {}, "a prompt must be"),
        (memoryview(b"abc"), {}, "a prompt must be"),
        ([PROMPT, [1 << 400]], {}, "prompt 1 holds token id an integer of"),
        (["a", "b\ud800"], {}, "prompt 1 is no Unicode text.*character 1"),
        ([{"role": "user", "content": "b\ud800"}], {}, "'content' of message 0 of prompt 0 is no Unicode"),
        ([{"role": "user", "content": 5}], {}, "'content' of message 0 of prompt 0 must be a str"),
        ([{"role": None, "content": "a"}], {}, "'role' of message 0"),
        ([{"role": "user"}], {}, "has no 'content'"),
        ([{"role": "user", "content": "a", "name": "b"}], {}, "an entry 'name'"),
        (PROMPT, {"eos": b"\0"}, "eos must be a list"),
        (PROMPT, {"eos": {0: 1}}, "eos must be a list"),
        (PROMPT, {"eos": [1 << 400]}, "eos must fit"),
        (PROMPT, {"temperature": 10**400}, "temperature"),
        (PROMPT, {"top_p": 10**400}, "top_p"),
        (PROMPT, {"min_p": 10**400}, "min_p"),
        (PROMPT, {"top_k": 1 << 70}, "top_k must fit"),
        (PROMPT, {"top_k": -(1 << 400)}, "top_k must be at least"),
        (PROMPT, {"tail_checks": 1 << 70}, "tail_checks must fit"),
        (PROMPT, {"estimator": ["des_raj"]}, "estimator must be one of"),
        (PROMPT, {"grammar": Grammar}, "the class Grammar"),
        (PROMPT, {"progress": "yes"}, "progress"),
        (PROMPT, {"grammar": "[a-z]+"}, "grammar must be.*got str"),
        ([PROMPT, PROMPT], {"grammar": [None]}, "1 grammars for 2 prompts"),
    ],
    ids=lambda value: None if isinstance(value, str) and len(value) > 30 else repr(value)[:40],
)
def test_refused(engine: Engine, prompts: Any, options: dict[str, Any], said: str) -> None:
    drawn = engine._scheduler.tokens_drawn
    with pytest.raises(InputError, match=said):
        engine.generate(prompts, **options)
    assert engine._scheduler.tokens_drawn == drawn
    assert not engine._engine.has_unfinished_requests()


def test_a_grammar_that_accepts_nothing(engine: Engine) -> None:
    nothing = Grammar("regex", "[^\\s\\S]")
    drawn = engine._scheduler.tokens_drawn
    for constraint in (nothing, nothing & predicate(bool), predicate(bool) & (nothing & predicate(len))):
        with pytest.raises(GrammarError):
            engine.generate([PROMPT] * 2, [None, constraint])
        with pytest.raises(VLLMValidationError):
            AwrsProcessor.validate_params(sampling_params(constraint))
    assert engine._scheduler.tokens_drawn == drawn


def test_requests_of_others_are_not_swallowed(engine: Engine) -> None:
    core = engine._engine
    id_ = core.add_request("mine", tokens_input(PROMPT), SamplingParams(temperature=0, max_tokens=3))
    with pytest.raises(TamisError, match="1 unfinished requests of its own"):
        engine.generate(PROMPT)
    core.abort_request([id_], internal=True)
    engine._step()
    assert engine.generate(PROMPT, max_tokens=3).samples


def test_calls_from_inside_a_call(engine: Engine) -> None:
    """They would wait for themselves."""
    for method in (lambda: engine.generate(PROMPT), engine.close):

        def again(given: Any, method: Any = method) -> bool:
            method()
            return True

        with pytest.raises(PredicateError, match="from inside"):
            engine.generate(PROMPT, predicate(again, name="again"), max_tokens=5)
        with pytest.raises(TamisError, match="from inside"):
            engine.generate(PROMPT, max_tokens=5, progress=again)
    assert engine.generate(PROMPT, max_tokens=3).samples


def test_unknown_models(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"unknown model 'gpt-9'.*smollm2-135m"):
        Engine("gpt-9")
    with pytest.raises(ModelNotFoundError, match=r"no config\.json"):
        Engine(str(tmp_path))
    for name in ("a" * 5000, "a\0b", "\ud800", "~nobody-at-all/x"):
        with pytest.raises(ModelNotFoundError):
            Engine(name)
    for model in (5, None, b"gpt-9"):
        with pytest.raises(InputError, match="model must be"):
            Engine(model)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"nonsense": 1}, "no option 'nonsense'"),
        ({"max_model_length": 64}, "did you mean max_model_len"),
        ({"max_model_len": -7}, "max_model_len"),
        ({"logits_processors": 5}, "logits_processors must be a list"),
        ({"eos": 5}, "eos must be a list"),
    ],
    ids=str,
)
def test_options_that_vllm_refuses(tiny_folder: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Engine(str(tiny_folder), **options)


def test_a_predicate_that_exits_fails_alone(engine: Engine) -> None:
    def leave(text: str) -> bool:
        raise SystemExit(3)

    with pytest.raises(PredicateError, match="'leave' raised SystemExit: 3") as caught:
        engine.generate(PROMPT, predicate(leave, name="leave"), max_tokens=5)
    assert isinstance(caught.value.__cause__, SystemExit)
    assert engine.generate(PROMPT, max_tokens=3, tail_checks=(1 << 31) - 1, top_k=(1 << 31) - 1).samples


@pytest.mark.parametrize("option", [{"scheduler_cls": "x.Y"}, {"worker_cls": "x.Y"}, {"async_scheduling": True}])
def test_options_that_tamis_sets(tiny_folder: Path, option: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(option))):
        Engine(str(tiny_folder), **option)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"temperature": 0.7}, "temperature 0"),
        ({"temperature": 0, "stop": ["x"]}, "stop"),
        ({"temperature": 0, "stop_token_ids": [3]}, "stop_token_ids"),
        ({"temperature": 0, "min_tokens": 2}, "min_tokens"),
        ({"temperature": 0, "bad_words": ["x"]}, "bad_words"),
        ({"temperature": 0, "logit_bias": {1: 2.0}}, "logit_bias"),
        ({"temperature": 0, "allowed_token_ids": [1]}, "allowed_token_ids"),
        ({"temperature": 0, "presence_penalty": 1.0}, "presence_penalty"),
        ({"temperature": 0, "frequency_penalty": 1.0}, "frequency_penalty"),
        ({"temperature": 0, "repetition_penalty": 1.5}, "repetition_penalty"),
        ({"temperature": 0, "logprobs": 2}, "logprobs"),
        ({"temperature": 0, "ignore_eos": True}, "ignore_eos"),
        ({"temperature": 0, "seed": 3}, "seed"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_vllm_settings_that_would_vanish_or_bend_the_target(settings: dict[str, Any], said: str) -> None:
    params = SamplingParams(**settings, extra_args={"tamis": {"particles": 2}})
    with pytest.raises(VLLMValidationError, match=said):
        AwrsProcessor.validate_params(params)
    AwrsProcessor.validate_params(SamplingParams(**settings))


@pytest.mark.parametrize(
    ("wire", "said"),
    [
        (3, "must be a dict"),
        ({"particle": 3}, "unknown entries.*particle;"),
        ({"constraint": {"kind": "magic"}}, "kind is one of"),
        ({"constraint": {"kind": "registered", "id": 7, "process": 1}}, "'id' of type str"),
        ({"constraint": {"kind": "anything", "pickle": b""}}, "no entry 'pickle'"),
        ({"constraint": {"kind": "grammar", "spec": {"kind": "regex", "source": "(a"}}}, "closing"),
        ({"eos": []}, "eos"),
        ({"eos": [-1]}, "eos"),
        ({"eos": 5}, "eos must be a list"),
        ({"temperature": NAN}, "temperature"),
        ({"top_k": 1 << 63}, "top_k must fit"),
        ({"particles": True}, "particles must be an integer"),
        ({"resampling": ["systematic"]}, "resampling"),
        ({"estimator": {}}, "estimator must be one of"),
        ({"constraint": {"kind": "registered", "id": "x", "process": os.getpid()}}, "not registered"),
        ({"constraint": {"kind": "grammar", "spec": {"kind": ["regex"], "source": "a"}}}, "malformed|unknown kind"),
        ({"constraint": {"kind": "grammar", "spec": {"kind": "regex", "source": 3}}}, "not int"),
        (
            {"constraint": {"kind": "grammar", "spec": {"kind": "regex", "source": "a", "options": 5}}},
            "malformed|dictionary",
        ),
        (
            {"constraint": {"kind": "grammar", "spec": {"kind": "regex", "source": "a", "options": {"x": 1}}}},
            "malformed|unknown option",
        ),
        ({"constraint": {"kind": "grammar", "spec": {"kind": "regex", "source": b"a"}}}, "not made of JSON"),
        ({"constraint": {"kind": "grammar", "spec": {"kind": "regex", "source": "[^\\s\\S]"}}}, "no string|nothing"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_malformed_requests(wire: Any, said: str) -> None:
    with pytest.raises(VLLMValidationError, match=said):
        AwrsProcessor.validate_params(SamplingParams(temperature=0, extra_args={"tamis": wire}))


@pytest.mark.parametrize(
    ("wire", "said"),
    [
        ({"temperature": 10**400}, "temperature"),
        ({"ess_threshold": 10**5000}, "ess_threshold"),
        ({"seed": 10**30}, "seed must fit"),
        ({"particles": -(10**5000)}, "particles must be at least 1"),
    ],
    ids=["temperature", "ess_threshold", "seed", "particles"],
)
def test_numbers_out_of_all_proportion(wire: Any, said: str) -> None:
    """vLLM's own parameters refuse these already; whoever calls from inside gets a typed error as well."""
    with pytest.raises(InputError, match=said):
        GroupOptions.from_wire(wire)


def test_the_scheduler_s_own_entry_cannot_be_forged() -> None:
    with pytest.raises(VLLMValidationError, match="tamis_particle"):
        AwrsProcessor.validate_params(SamplingParams(temperature=0, extra_args={"tamis_particle": {"index": 0}}))


def test_options_survive_the_wire() -> None:
    options = GroupOptions({"kind": "anything"}, particles=3, seed=-5, request=2, ess_threshold=0.25, eos=(3, 1))
    assert GroupOptions.from_wire(options.to_wire()) == options


def test_a_closed_engine_says_so(tiny_folder: Path, engine: Engine) -> None:
    with Engine(str(tiny_folder), dtype="float32", enforce_eager=True, max_model_len=64) as other:
        assert other.generate(PROMPT, None, max_tokens=3).samples
    other.close()
    with pytest.raises(TamisError, match="closed"):
        other.generate(PROMPT)
    # The engines beside it are not affected.
    assert engine.generate(PROMPT, None, max_tokens=3).samples
