"""`generate`: one call, with the engine it needs kept for the next one."""

from __future__ import annotations

import atexit
import threading
from typing import Any

from .engine import Engine
from .models import DEFAULT_MODEL, model_name
from .prompts import Prompt
from .result import Result

_lock = threading.Lock()
_engines: dict[str, Engine] = {}


def generate(
    prompt: Prompt,
    grammar: Any = None,
    particles: int = 8,
    seed: int = 0,
    max_tokens: int = 256,
    model: str = DEFAULT_MODEL,
    **options: Any,
) -> Result:
    """Weighted samples of strings that `grammar` accepts, from the model's own distribution restricted to them.

    The first call loads the model; later calls in the same process reuse it.  Another model replaces it.

    Args:
        prompt: a str (raw), a list of token ids, or a list of {"role", "content"} (through the chat template).
        grammar: a `Grammar`, a `predicate(...)`, `grammar & predicate(...)`, or None for anything.
        particles, seed, max_tokens, **options: see `Engine.generate`.
        model: a known id or a folder in Hugging Face format.

    Raises:
        As `Engine` and `Engine.generate`; bad arguments before the model is loaded.
    """
    from .vllm.call import check_call

    options = {"particles": particles, "seed": seed, "max_tokens": max_tokens, **options}
    check_call(prompt, grammar, **options)
    return default_engine(model).generate(prompt, grammar, **options)


def default_engine(model: str = DEFAULT_MODEL) -> Engine:
    """The process-wide engine of `generate`, loaded on first use; at most one is kept."""
    model = model_name(model)
    with _lock:
        if model not in _engines:
            close_default_engine()
            _engines[model] = Engine(model)
        return _engines[model]


def close_default_engine() -> None:
    """Free the engine that `generate` keeps, if there is one."""
    for model in list(_engines):
        _engines[model].close()
        del _engines[model]


atexit.register(close_default_engine)
