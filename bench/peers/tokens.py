"""The vocabularies that engines are compared on: tokens as bytes, one end token, and an encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Tokens:
    """`texts[i]`: the bytes of token i, None where it is never text (special tokens, the end token among them)."""

    name: str
    texts: Sequence[bytes | None]
    eos: int
    encode: Callable[[str], list[int]]


def smollm2() -> Tokens:
    """SmolLM2's 49,152 tokens."""
    from transformers import AutoTokenizer

    from ...engine.models import DEFAULT_MODEL, resolve_model
    from ...grammars import Vocabulary

    tokenizer = AutoTokenizer.from_pretrained(resolve_model(DEFAULT_MODEL))
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    texts = [vocabulary.token_bytes(token) for token in range(vocabulary.size)]

    def encode(text: str) -> list[int]:
        ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    return Tokens(f"SmolLM2, {len(texts):,} tokens", texts, vocabulary.eos_ids[0], encode)


def tekken() -> Tokens:
    """Mistral's tekken, 131,072 tokens, which the package mistral_common ships."""
    import mistral_common
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer

    file = Path(mistral_common.__file__).parent / "data" / "tekken_240911.json"
    tokenizer = Tekkenizer.from_file(file)
    special = tokenizer.num_special_tokens
    texts = [None if token < special else tokenizer.id_to_byte_piece(token) for token in range(tokenizer.n_words)]

    def encode(text: str) -> list[int]:
        return tokenizer.encode(text, bos=False, eos=False)

    return Tokens(f"tekken, {len(texts):,} tokens", texts, tokenizer.eos_id, encode)


def single_bytes() -> Tokens:
    """The 256 bytes and an end token: for engines whose time to compile grows with the vocabulary."""
    texts = [*(bytes([byte]) for byte in range(256)), None]
    return Tokens("single bytes", texts, 256, lambda text: list(text.encode()))


VOCABULARIES: dict[str, Callable[[], Tokens]] = {"smollm2": smollm2, "tekken": tekken, "bytes": single_bytes}
