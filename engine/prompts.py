"""Prompts: from what a caller may pass to token ids that fit the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .errors import InputError, shown

Message = dict[str, str]
Prompt = str | list[int] | list[Message]

_MESSAGE_KEYS = ("role", "content")
_FORMS = "a str, a list of token ids, or a list of {'role', 'content'} messages"


def as_batch(prompts: Any) -> tuple[bool, list[Any]]:
    """Whether `prompts` is a single prompt, and the list of prompts.

    Raises:
        InputError: neither a prompt nor a list, or one of them is empty or malformed.
    """
    single, batch = _split(prompts)
    for position, prompt in enumerate(batch):
        if not (isinstance(prompt, str) or _is_tokens(prompt) or _is_chat(prompt)):
            raise InputError(f"prompt {position} must be {_FORMS}; got {shown(prompt)}")
        if not prompt:
            raise InputError(f"prompt {position} is empty; it needs at least one token")
        if isinstance(prompt, str):
            _check_text(prompt, f"prompt {position}")
        elif _is_chat(prompt):
            for number, message in enumerate(prompt):
                _check_message(message, f"message {number} of prompt {position}")
    return single, batch


def _split(prompts: Any) -> tuple[bool, list[Any]]:
    if isinstance(prompts, str):
        return True, [prompts]
    if not isinstance(prompts, (list, tuple)):
        raise InputError(f"a prompt must be {_FORMS}, or prompts a list of these; got {shown(prompts)}")
    if not prompts:
        raise InputError("the prompt is empty; it needs at least one token")
    if _is_tokens(prompts) or _is_chat(prompts):
        return True, [prompts]
    return False, list(prompts)


def encode(prompt: Any, position: int, tokenizer: Any, vocabulary_size: int, context: int) -> list[int]:
    """Token ids of one prompt.

    Args:
        prompt: one of those of `as_batch`: a str (raw), token ids, or messages (through the chat template).
        position: its place in the batch, for messages.
        tokenizer: the model's, or None.
        vocabulary_size: number of logits.
        context: longest sequence the model takes, in tokens.

    Raises:
        InputError: it has no tokens, is refused by the chat template, lies outside the vocabulary, or leaves no room in
            the context.
    """
    where = f"prompt {position}"
    if isinstance(prompt, str):
        ids = list(_needed(tokenizer, where)(prompt)["input_ids"])
    elif _is_chat(prompt):
        ids = _encode_chat(prompt, where, _needed(tokenizer, where))
    else:
        ids = [int(token) for token in prompt]
    if not ids:
        raise InputError(f"{where} is empty; it needs at least one token")
    for token in ids:
        if not 0 <= token < vocabulary_size:
            raise InputError(
                f"{where} holds token id {shown(token)}, outside the model's vocabulary of {vocabulary_size}"
            )
    if len(ids) >= context:
        raise InputError(
            f"{where} has {len(ids)} tokens, which leaves no room in the model's context of {context}; shorten it, or "
            f"build the engine with a larger max_model_len"
        )
    return ids


def _encode_chat(messages: Sequence[Message], where: str, tokenizer: Any) -> list[int]:
    if not getattr(tokenizer, "chat_template", None):
        raise InputError(f"{where} is a list of messages, but the model has no chat template; pass a str")
    try:
        text = tokenizer.apply_chat_template(list(messages), add_generation_prompt=True, tokenize=False)
    except Exception as error:  # templates refuse roles and orders they do not know by whatever they like
        raise InputError(f"{where}: the model's chat template refuses these messages: {error}") from error
    # The template writes the special tokens itself.
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _needed(tokenizer: Any, where: str) -> Any:
    if tokenizer is None:
        raise InputError(f"{where} is text, but the engine was built without a tokenizer; pass token ids")
    return tokenizer


def _is_tokens(prompt: Any) -> bool:
    return isinstance(prompt, (list, tuple)) and all(
        isinstance(item, int) and not isinstance(item, bool) for item in prompt
    )


def _is_chat(prompt: Any) -> bool:
    return isinstance(prompt, (list, tuple)) and bool(prompt) and all(isinstance(item, Mapping) for item in prompt)


def _check_message(message: Mapping[Any, Any], where: str) -> None:
    """Raise InputError unless a message has a role and a content, both text, and nothing else."""
    for key in message:
        if key not in _MESSAGE_KEYS:
            raise InputError(f"{where} has an entry {shown(key)}; a message has 'role' and 'content' only")
    for key in _MESSAGE_KEYS:
        if key not in message:
            raise InputError(f"{where} has no {key!r}")
        if not isinstance(message[key], str):
            raise InputError(f"{key!r} of {where} must be a str, got {shown(message[key])}")
        _check_text(message[key], f"{key!r} of {where}")


def _check_text(text: str, where: str) -> None:
    """Raise InputError if a str holds half of a surrogate pair: that is no text, and no tokenizer takes it."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{where} is no Unicode text: a lone surrogate {text[error.start]!r} at character {error.start}"
        ) from None
