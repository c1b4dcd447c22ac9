"""Token healing: a prompt that ends in the middle of a token does not bend the distribution of what follows.

A prompt such as `"http:` ends with a token that the model hardly ever writes there, because it would have gone on to
`://` in one token; after it, `//` is unlikely, though text like the prompt nearly always goes on so. To heal is to take
the last token back, and to sample what follows the shorter prompt under the condition that it begins with the bytes
that were taken back.

With c the shorter prompt, b the bytes taken back and L the strings that the constraint accepts, the target is p(x | c)
over the token sequences x whose bytes are b followed by a member of L; the tokens that write b count towards
max_tokens and are among a sample's `token_ids`, its text is what follows b. Weights are unnormalised for this target,
and the evidence is the probability, given c, of writing b and then a member of L within max_tokens. A token may reach
beyond the end of b. Where no other token begins as b does, only other ways to cut b into tokens are added.

Any prompt can be healed: text, token ids or messages. One token is taken back. Special tokens, which are no text, never
are, nor is the only token of a prompt: then the prompt stays as it is.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .constraint import TokenVocabulary
from .errors import InputError


@dataclass(frozen=True, slots=True)
class Healed:
    """The tokens that are left of a prompt, and the bytes of the one that was taken back; none if none was."""

    tokens: list[int]
    prefix: bytes


def take_back(tokens: Sequence[int], vocabulary: TokenVocabulary) -> Healed:
    """The prompt without its last token, and that token's bytes."""
    last = tokens[-1]
    piece = vocabulary.token_bytes(last) if len(tokens) > 1 and last < vocabulary.size else None
    return Healed(list(tokens[:-1]), piece) if piece else Healed(list(tokens), b"")


def check_heals(constraint: Any) -> None:
    """Raise InputError for a constraint that cannot be put behind a prefix: its `bind` takes none."""
    parts = getattr(constraint, "parts", (constraint,))
    for part in parts:
        bind = getattr(part, "bind", None)
        if callable(bind) and "prefix" not in inspect.signature(bind).parameters:
            raise InputError(
                f"heal=True needs constraints that can be put behind a prefix, and the bind of {type(part).__name__} "
                f"takes none; give it a parameter prefix (bytes that come first), or leave heal out"
            )
