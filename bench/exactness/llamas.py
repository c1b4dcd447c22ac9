"""Llamas small enough to enumerate, as vLLM and as transformers see them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM

# Token 0 ends a string; the others are short pieces over the letters a, b, c, so that texts have several tokenisations.
PIECES = ["a", "b", "c", "ab", "ba", "cc", "d"]
EOS = 0
SIZE = 1 + len(PIECES)
PROMPT = [1, 2, 3]

# Long enough for a thousand strings under a grammar, short enough to go through all of them.
MAX_TOKENS = 6


def make(seed: int = 2, sharpness: float = 1.0) -> LlamaForCausalLM:
    """A random float32 Llama over `SIZE` tokens; the sharper, the further its rows are from uniform."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=SIZE,
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,
        max_position_embeddings=512,
        bos_token_id=None,
        eos_token_id=EOS,
        tie_word_embeddings=False,
        dtype="float32",
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.normal_(0.0, sharpness / parameter.shape[1] ** 0.5)
    return model.eval()


def load(folder: Path) -> LlamaForCausalLM:
    """The model that `save` wrote."""
    return LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def save(folder: Path, *, seed: int = 2, sharpness: float = 1.0) -> Path:
    """Write such a model with a tokenizer, and return its folder."""
    make(seed, sharpness).save_pretrained(folder)
    vocabulary = {"<eos>": EOS, **{piece: 1 + i for i, piece in enumerate(PIECES)}}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[("a", "b"), ("b", "a"), ("c", "c")]))
    tokenizer.add_special_tokens([AddedToken("<eos>", special=True)])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<eos>", "model_max_length": 512})
    )
    return folder


class Rows:
    """The model's logits after any tokens, computed by transformers and remembered."""

    def __init__(self, model: LlamaForCausalLM, prompt: list[int]) -> None:
        """Of `model`, after `prompt`."""
        self._model = model
        self._prompt = prompt
        self._known: dict[tuple[int, ...], NDArray[np.float32]] = {}

    def __call__(self, tokens: tuple[int, ...]) -> NDArray[np.float32]:
        """Logits (V,) of the token after prompt and `tokens`."""
        row = self._known.get(tokens)
        if row is None:
            with torch.no_grad():
                row = self._model(torch.tensor([self._prompt + list(tokens)])).logits[0, -1].numpy().copy()
            self._known[tokens] = row
        return row
