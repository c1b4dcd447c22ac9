"""Sampling under constraints: a prompt and a grammar go in, weighted samples and their evidence come out.

    generate.py   generate(): one call, engine kept for the next
    engine.py     Engine: a model on vLLM in this process, batches of prompts
    awrs.py       one step: logits and constraint states in, tokens and weight increments out
    smc.py        evidence, effective sample size, resampling
    predicate.py  predicate(): constraints written in Python
    critic.py     critic(), preference(): potentials that weigh strings
    methods.py    AWRS and the methods it is compared with
    vllm/         the three parts inside vLLM: processor, worker, scheduler
    result.py     Result, Sample, Statistics

Open `generate.py` first, then `vllm/scheduler.py`.  What is imported here stays light: torch, numba and vLLM are
loaded with the first `Engine`.
"""

from __future__ import annotations

from .critic import Critic, CriticError, critic, preference
from .engine import Engine
from .errors import GenerationError, InputError, ModelNotFoundError, TamisError, UnsupportedVllmError
from .generate import generate
from .predicate import PredicateError, predicate
from .progress import Progress
from .result import Result, Sample, Statistics

__all__ = [
    "Critic",
    "CriticError",
    "Engine",
    "GenerationError",
    "InputError",
    "ModelNotFoundError",
    "PredicateError",
    "Progress",
    "Result",
    "Sample",
    "Statistics",
    "TamisError",
    "UnsupportedVllmError",
    "critic",
    "generate",
    "predicate",
    "preference",
]
