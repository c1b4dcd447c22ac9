"""A grammar of few texts, and the exact distributions over them: the model's own, and what masking makes of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, AutoTokenizer

from ...engine.constraint import allowed_tokens
from ...engine.models import DEFAULT_MODEL, resolve_model
from ...engine.vllm.vocabularies import text_of
from ...grammars import Vocabulary, regex
from ..exactness.enumeration import exact_posterior

PROMPT = "My brother has never been to Italy. Next year he wants to see the city of"
# Beginnings that the model likes, with ends that it does not: masking walks into them.
CITIES = ("Rome", "Romulea", "Venice", "Venosa", "Naples", "Narni", "Florence", "Flora")
PATTERN = f" ({'|'.join(CITIES)})\\."
MAX_TOKENS = 12

Distribution = dict[str, float]


def exact(eos: tuple[int, ...]) -> tuple[Distribution, Distribution]:
    """The posterior over texts, and the distribution of token masking, in float32."""
    folder = resolve_model(DEFAULT_MODEL)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    size = model.config.vocab_size
    vocabulary = Vocabulary.from_tokenizer(tokenizer, eos_ids=list(eos), size=size)
    bound = regex(PATTERN).compile().bind(vocabulary)
    prompt = tokenizer(PROMPT)["input_ids"]
    rows: dict[tuple[int, ...], NDArray[np.float32]] = {}

    def logits(prefix: tuple[int, ...]) -> NDArray[np.float32]:
        if prefix and prefix[-1] in eos:
            return np.zeros(size, dtype=np.float32)  # nothing is allowed there
        if prefix not in rows:
            with torch.no_grad():
                rows[prefix] = model(torch.tensor([prompt + list(prefix)])).logits[0, -1].float().numpy()
        return rows[prefix]

    def masked(prefix: tuple[int, ...]) -> NDArray[np.float32]:
        allowed = allowed_tokens(bound.mask(bound.replay(np.array(prefix, dtype=np.int32))), size)
        row = np.full(size, -np.inf, dtype=np.float32)
        row[allowed] = logits(prefix)[allowed]
        return row

    def over_texts(model_of: Callable[[tuple[int, ...]], NDArray[np.float32]]) -> Distribution:
        masses: Distribution = {}
        for end in eos:
            for tokens, mass in exact_posterior(model_of, bound, size, end, MAX_TOKENS).items():
                text = text_of(vocabulary, tokens[:-1])
                masses[text] = masses.get(text, 0.0) + mass
        return {text: mass / math.fsum(masses.values()) for text, mass in masses.items()}

    return over_texts(logits), over_texts(masked)


def weighted(texts: Iterable[tuple[str, float]]) -> Distribution:
    """The distribution of texts with unnormalised log weights."""
    masses: Distribution = {}
    for text, log_weight in texts:
        masses[text] = masses.get(text, 0.0) + math.exp(log_weight)
    total = math.fsum(masses.values())
    return {text: mass / total for text, mass in masses.items()}


def total_variation(a: Distribution, b: Distribution) -> float:
    """Half the sum of absolute differences."""
    return 0.5 * math.fsum(abs(a.get(text, 0.0) - b.get(text, 0.0)) for text in a.keys() | b.keys())
