"""`Vocabulary`: what each token of a model means as bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from . import _core


class Vocabulary(_core.Vocabulary):
    """The tokens of a model as bytes, in a trie that every grammar shares.

    `Vocabulary(tokens, eos_ids, special_tokens)`: `tokens[i]` is the bytes of token i, or None where the token is never
    text (special tokens, padding).  `eos_ids` end a string: they are allowed exactly when it is complete.
    `special_tokens` are the names of special tokens by id: only a grammar that asks for one, by `special(name)`, allows
    it.  Grammars are about texts in UTF-8, so tokens that contain the byte 0xFF are never allowed.

    Raises ValueError for ids that are not in `tokens`, and for special tokens that have bytes or no name.
    """

    @classmethod
    def from_tokenizer(
        cls, tokenizer: Any, *, eos_ids: Iterable[int] | None = None, size: int | None = None
    ) -> Vocabulary:
        """Read a Hugging Face fast tokenizer (byte-level BPE, or SentencePiece-like with byte fallback).

        `eos_ids`: every id that ends a string; the tokenizer's own EOS by default.  `size`: the width of the model's
        logits where that is larger than the tokenizer (padding tokens are never allowed).
        Raises ValueError for a tokenizer whose tokens cannot be read as bytes, or that has no EOS.
        """
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if backend is None:
            raise ValueError(
                f"cannot read the tokens of a {type(tokenizer).__name__} as bytes: it is not a fast tokenizer; "
                "build Vocabulary(tokens, eos_ids) from a list of bytes instead"
            )
        if eos_ids is None:
            if tokenizer.eos_token_id is None:
                raise ValueError("the tokenizer names no EOS token; pass eos_ids")
            eos_ids = [tokenizer.eos_token_id]
        spelling = _spelling(backend)
        width = max(len(tokenizer), size or 0)
        tokens: list[bytes | None] = [None] * width
        for text, token in backend.get_vocab(with_added_tokens=False).items():
            tokens[token] = spelling(text)
        names: dict[int, str] = {}
        for token, added in backend.get_added_tokens_decoder().items():
            tokens[token] = None if added.special else added.content.encode()
            if added.special:
                names[token] = added.content
        for name, token in zip(tokenizer.all_special_tokens, tokenizer.all_special_ids, strict=True):
            tokens[token] = None
            names[token] = str(name)
        return cls(tokens, sorted(set(eos_ids)), names)

    def __repr__(self) -> str:
        return f"<Vocabulary of {self.size} tokens, eos_ids {self.eos_ids}>"


def _spelling(backend: Any) -> Any:
    """The function from a token as the tokenizer writes it to the bytes it stands for."""
    decoder: dict[str, Any] = (
        json.loads(backend.decoder.__getstate__()) if backend.decoder is not None else {"type": None}
    )
    parts: list[dict[str, Any]] = decoder.get("decoders") or [decoder]
    types = {part["type"] for part in parts}
    if "ByteLevel" in types:
        return _from_byte_level
    if types & {"Metaspace", "ByteFallback"} or any(p["type"] == "Replace" and p.get("content") == " " for p in parts):
        return _from_sentencepiece
    raise ValueError(
        f"cannot read tokens as bytes: the tokenizer decodes by {sorted(map(str, types))}, and only byte-level and "
        "SentencePiece-like decoders keep every byte; build Vocabulary(tokens, eos_ids) from a list of bytes instead"
    )


def _byte_level_alphabet() -> dict[str, int]:
    """Character -> byte of the byte-level BPE alphabet: printable Latin-1 stands for itself, the rest follows 255."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in set(printable)]
    alphabet = {chr(byte): byte for byte in printable}
    alphabet.update({chr(256 + i): byte for i, byte in enumerate(others)})
    return alphabet


_BYTE_LEVEL = _byte_level_alphabet()


def _from_byte_level(text: str) -> bytes | None:
    try:
        return bytes(_BYTE_LEVEL[character] for character in text)
    except KeyError:
        return None  # not made of the alphabet: a special token that is not marked as one


def _from_sentencepiece(text: str) -> bytes | None:
    if len(text) == 6 and text.startswith("<0x") and text.endswith(">"):
        return bytes([int(text[3:5], 16)])
    return text.replace("▁", " ").encode()
