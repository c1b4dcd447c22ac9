"""llguidance: an Earley parser over lexemes, derivatives of regular expressions below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper

from .protocol import Refused, mask_words
from .tokens import Tokens


class LLGuidance:
    compile_depends_on_vocabulary: ClassVar = False
    settings: ClassVar = (
        "its slices for JSON; where the name says so, its options lenient and coerce_one_of, which leave keywords out "
        "of account; validate_tokens rejects the end token where nothing else may follow"
    )

    def __init__(self, tokens: Tokens, *, lenient: bool = False) -> None:
        self.options = {"lenient": True, "coerce_one_of": True} if lenient else None
        self.tokenizer = LLTokenizer(TokenizerWrapper(_Vocabulary(tokens)), slices=LLTokenizer.json_slices())
        self.mask = mask_words(tokens)

    def compile(self, schema: str) -> LLMatcher:
        try:
            matcher = LLMatcher(
                self.tokenizer, LLMatcher.grammar_from_json_schema(schema, defaults=self.options), log_level=0
            )
        except ValueError as error:
            raise Refused(str(error)) from error
        if matcher.is_error():
            raise Refused(matcher.get_error())
        return matcher

    def matcher(self, compiled: LLMatcher) -> LLGuidanceMatcher:
        return LLGuidanceMatcher(compiled.deep_copy(), self.mask.ctypes.data, self.mask.nbytes)

    def batch(self, tokens: Sequence[int]) -> list[int]:
        return list(tokens)


class LLGuidanceMatcher:
    def __init__(self, matcher: LLMatcher, address: int, size: int) -> None:
        self.inner, self.address, self.size = matcher, address, size

    def fill_mask(self) -> None:
        self.inner.unsafe_compute_mask_ptr(self.address, self.size)

    def advance(self, token: int) -> bool:
        return bool(self.inner.consume_token(token))

    def is_complete(self) -> bool:
        return bool(self.inner.is_accepting())

    def check(self, batch: list[int]) -> list[bool]:
        validate = self.inner.validate_tokens
        return [validate([token]) == 1 for token in batch]

    def fork(self) -> LLGuidanceMatcher:
        return LLGuidanceMatcher(self.inner.deep_copy(), self.address, self.size)


class _Vocabulary:
    """What LLTokenizer wants of a tokenizer."""

    bos_token_id = None

    def __init__(self, tokens: Tokens) -> None:
        self.eos_token_id = tokens.eos
        self.tokens = [b"<special %d>" % i if text is None else text for i, text in enumerate(tokens.texts)]
        self.special_token_ids = [i for i, text in enumerate(tokens.texts) if text is None]
        self._encode = tokens.encode

    def __call__(self, text: str) -> list[int]:
        return self._encode(text)
