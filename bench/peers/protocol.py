"""What every engine can be asked: compile a schema; then, token by token, a mask, a step, k checks, a fork."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from .tokens import Tokens


class Refused(Exception):
    """The engine does not take this schema; the message is the engine's own."""


class Matcher(Protocol):
    """How far one text has come under a compiled schema."""

    def fill_mask(self) -> None:
        """Write the tokens that may come next into the engine's `mask`."""

    def advance(self, token: int) -> bool:
        """Take the token; False where it may not come next, and then the matcher is of no more use."""

    def is_complete(self) -> bool:
        """Whether the text may end here."""

    def check(self, batch: Any) -> Sequence[bool]:
        """For each token of a batch by itself: may it come next?  The matcher stays where it is."""

    def fork(self) -> Matcher | None:
        """A matcher that goes on from here by itself; None where the engine knows no such thing."""


class Engine(Protocol):
    """One grammar engine, bound to a vocabulary."""

    settings: ClassVar[str]  # what differs from the engine's defaults, in words
    compile_depends_on_vocabulary: ClassVar[bool]
    mask: NDArray[np.uint32]  # the buffer that masks are written to; bit i % 32 of word i // 32 is token i

    def __init__(self, tokens: Tokens) -> None: ...

    def compile(self, schema: str) -> Any:
        """What matchers of this schema, a JSON text, share.  Raises `Refused`."""

    def matcher(self, compiled: Any) -> Matcher:
        """A matcher before the first token."""

    def batch(self, tokens: Sequence[int]) -> Any:
        """Tokens in the form in which this engine's `check` takes them."""


def mask_words(tokens: Tokens) -> NDArray[np.uint32]:
    """An empty mask for this vocabulary."""
    return np.zeros((len(tokens.texts) + 31) // 32, dtype=np.uint32)
