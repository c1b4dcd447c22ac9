"""outlines-core: a regular expression, and a table from its automaton's states to tokens, made whole beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from outlines_core import Guide, Index, Vocabulary
from outlines_core.json_schema import build_regex_from_schema

from .protocol import Refused, mask_words
from .tokens import Tokens


class OutlinesCore:
    compile_depends_on_vocabulary: ClassVar = True
    settings: ClassVar = "defaults"

    def __init__(self, tokens: Tokens) -> None:
        by_text: dict[bytes, list[int]] = {}
        for token, text in enumerate(tokens.texts):
            if text:
                by_text.setdefault(text, []).append(token)
        self.vocabulary = Vocabulary(tokens.eos, by_text)
        self.eos = tokens.eos
        self.mask = mask_words(tokens)

    def compile(self, schema: str) -> Index:
        try:
            return Index(build_regex_from_schema(schema), self.vocabulary)
        except Exception as error:  # it has one error type for all, not exported
            raise Refused(str(error)) from error

    def matcher(self, compiled: Index) -> OutlinesMatcher:
        return OutlinesMatcher(Guide(compiled), self.eos, self.mask.ctypes.data, self.mask.size)

    def batch(self, tokens: Sequence[int]) -> list[int]:
        return list(tokens)


class OutlinesMatcher:
    def __init__(self, guide: Guide, eos: int, address: int, words: int) -> None:
        self.inner, self.eos, self.address, self.words = guide, eos, address, words

    def fill_mask(self) -> None:
        self.inner.write_mask_into(self.address, self.words, 4)

    def advance(self, token: int) -> bool:
        if token == self.eos:  # which a Guide allows but does not take
            return self.is_complete()
        try:
            self.inner.advance(token, return_tokens=False)
        except ValueError:
            return False
        return True

    def is_complete(self) -> bool:
        return bool(self.inner.is_finished())

    def check(self, batch: list[int]) -> list[bool]:
        accepts = self.inner.accepts_tokens
        return [self.is_complete() if token == self.eos else accepts([token]) for token in batch]

    def fork(self) -> None:
        return None
