"""The errors of the engine.  Whoever wants to catch them all catches `TamisError`."""

from __future__ import annotations

from typing import Any


class TamisError(Exception):
    """Base of every error that tamis raises on its own account, grammar errors aside (those are `GrammarError`)."""


class InputError(TamisError, ValueError):
    """An argument cannot be used.  Raised before any model time is spent; the message names the argument and the way
    out."""


class ModelNotFoundError(InputError):
    """The model is neither a name tamis knows nor a folder with a model in it."""


class UnsupportedVllmError(TamisError):
    """The installed vLLM is not one whose internals tamis knows, or is configured in a way that would bend the
    samples."""


class GenerationError(TamisError):
    """A request failed while it was running, for instance because its constraint raised; other requests went on."""


def shown(value: Any) -> str:
    """A value for an error message, in a few words whatever it is."""
    # Python refuses to print integers of thousands of digits.
    if isinstance(value, int) and value.bit_length() > 128:
        return f"an integer of {value.bit_length()} bits"
    try:
        return f"{value!r:.80}"
    except Exception:  # a repr is foreign code, or meets such an integer
        return f"a {type(value).__name__}"
