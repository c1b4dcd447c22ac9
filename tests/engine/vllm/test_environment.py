"""What must stand before vLLM starts, and the refusal of anything that would make weights wrong."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest
from tamis.engine import Engine, UnsupportedVllmError
from tamis.engine.vllm import environment
from tamis.engine.vllm.compat import check_configuration


def test_the_environment_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "1")
    monkeypatch.delenv("VLLM_USE_V2_MODEL_RUNNER", raising=False)
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "7")
    with environment.vllm_environment():
        assert os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] == "0"
        assert os.environ["VLLM_USE_V2_MODEL_RUNNER"] == "0"
        assert os.environ["VLLM_CPU_KVCACHE_SPACE"] == "7"
    assert os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] == "1"
    assert "VLLM_USE_V2_MODEL_RUNNER" not in os.environ


@pytest.mark.parametrize(
    ("version", "said"),
    [(None, "not installed"), ("0.31.4", "0.31.4 is installed"), ("0.320.0", "0.320.0 is installed")],
)
def test_other_releases_are_refused(monkeypatch: pytest.MonkeyPatch, version: str | None, said: str) -> None:
    monkeypatch.setattr(environment, "vllm_version", lambda: version)
    with pytest.raises(UnsupportedVllmError, match=said):
        Engine()


def configuration(**changes: Any) -> Any:
    parts: dict[str, Any] = {
        "scheduler_config.async_scheduling": False,
        "scheduler_config.scheduler_cls": environment.SCHEDULER,
        "speculative_config": None,
        "use_v2_model_runner": False,
        "kv_transfer_config": None,
        "parallel_config.prefill_context_parallel_size": 1,
        "watermark_config": None,
        "parallel_config.enable_batch_sharded_sampling": None,
        "parallel_config.pipeline_parallel_size": 1,
        "parallel_config.data_parallel_size": 1,
        "parallel_config.worker_cls": environment.WORKER,
        "model_config.logits_processors": [environment.PROCESSOR],
        **{name.replace("__", "."): value for name, value in changes.items()},
    }
    config = SimpleNamespace()
    for path, value in parts.items():
        *owners, name = path.split(".")
        place = config
        for owner in owners:
            if not hasattr(place, owner):
                setattr(place, owner, SimpleNamespace())
            place = getattr(place, owner)
        setattr(place, name, value)
    return config


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"parallel_config__enable_batch_sharded_sampling": True}, "enable_batch_sharded_sampling=False"),
        ({"use_v2_model_runner": True}, "V2 model runner"),
        ({"parallel_config__prefill_context_parallel_size": 2}, "prefill context"),
        ({"watermark_config": object()}, "watermark"),
        ({"scheduler_config__async_scheduling": True}, "async_scheduling=False"),
        ({"scheduler_config__scheduler_cls": None}, "scheduler_cls lacks"),
        ({"parallel_config__worker_cls": "vllm.v1.worker.cpu_worker.CPUWorker"}, "worker_cls lacks"),
        ({"parallel_config__pipeline_parallel_size": 2}, "pipeline"),
        ({"parallel_config__data_parallel_size": 2}, "data parallelism"),
        ({"model_config__logits_processors": None}, "logits_processors lacks"),
        ({"speculative_config": object()}, "speculative"),
        ({"kv_transfer_config": object()}, "KV connector"),
    ],
)
def test_configurations_that_would_lose_weights_are_refused(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], said: str
) -> None:
    monkeypatch.delenv("VLLM_USE_V2_MODEL_RUNNER", raising=False)
    check_configuration(configuration())
    with pytest.raises(UnsupportedVllmError, match=said):
        check_configuration(configuration(**change))


def test_engine_options_load_the_three_parts() -> None:
    options = environment.engine_options(cpu=True, verify=True)
    assert options["block_size"] == 32
    assert options["additional_config"] == {"tamis": {"verify": True}}
    assert "block_size" not in environment.engine_options(cpu=False)
