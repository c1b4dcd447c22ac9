"""Vocabularies of a tokenizer by EOS set, and text as constraints judged it: the tokens' bytes, joined.

A tokenizer's own `decode` may differ from that (SentencePiece drops a leading space, clean-up rewrites others), so
nothing in tamis uses it.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from ..errors import InputError

_KEPT = 8

_lock = threading.Lock()
_made: weakref.WeakKeyDictionary[Any, OrderedDict[tuple[Any, ...], Any]] = weakref.WeakKeyDictionary()


def vocabulary_of(tokenizer: Any, eos: Sequence[int], size: int | None = None) -> Any:
    """The `Vocabulary` of a tokenizer, with the given EOS ids and one entry per logit; a few per tokenizer are kept.

    Raises:
        InputError: the model was loaded without a tokenizer, or its tokens cannot be read as bytes.
    """
    from ...grammars.vocabulary import Vocabulary

    if tokenizer is None:
        raise InputError("the model was loaded without its tokenizer, which grammars and predicates need")
    key = (tuple(eos), size)
    with _lock:
        kept = _made.setdefault(tokenizer, OrderedDict())
        if key not in kept:
            try:
                kept[key] = Vocabulary.from_tokenizer(tokenizer, eos_ids=list(eos), size=size)
            except ValueError as error:
                raise InputError(str(error)) from error
            while len(kept) > _KEPT:
                kept.popitem(last=False)
        kept.move_to_end(key)
        return kept[key]


def bytes_of(vocabulary: Any, tokens: Sequence[int], prefix: bytes = b"") -> bytes:
    """The bytes of tokens behind the prefix, special tokens by their names."""
    names = vocabulary.special_tokens
    pieces = (
        vocabulary.token_bytes(token) or names.get(token, "").encode() for token in tokens if token < vocabulary.size
    )
    return b"".join(pieces)[len(prefix) :]


def text_of(vocabulary: Any, tokens: Sequence[int], prefix: bytes = b"") -> str:
    """The bytes of tokens behind `prefix` as UTF-8, special tokens by their names; no UTF-8 becomes U+FFFD."""
    return bytes_of(vocabulary, tokens, prefix).decode("utf-8", errors="replace")
