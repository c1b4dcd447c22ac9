"""XGrammar: a pushdown automaton whose masks are mostly made while compiling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import xgrammar
from numpy.typing import NDArray

from .protocol import Refused, mask_words
from .tokens import Tokens


class XGrammar:
    compile_depends_on_vocabulary: ClassVar = True
    settings: ClassVar = "strict_mode=False (else it rejects properties that the schema allows), one thread, no cache"

    def __init__(self, tokens: Tokens) -> None:
        info = xgrammar.TokenizerInfo(
            [text or b"" for text in tokens.texts], vocab_size=len(tokens.texts), stop_token_ids=[tokens.eos]
        )
        self.compiler = xgrammar.GrammarCompiler(info, max_threads=1, cache_enabled=False)
        self.mask = mask_words(tokens)

    def compile(self, schema: str) -> xgrammar.CompiledGrammar:
        try:
            return self.compiler.compile_json_schema(schema, strict_mode=False)
        except Exception as error:  # it raises RuntimeError and others of its own
            raise Refused(str(error)) from error

    def matcher(self, compiled: xgrammar.CompiledGrammar) -> XGrammarMatcher:
        return XGrammarMatcher(xgrammar.GrammarMatcher(compiled), self.mask.view(np.int32)[None, :])

    def batch(self, tokens: Sequence[int]) -> list[int]:
        return list(tokens)


class XGrammarMatcher:
    def __init__(self, matcher: xgrammar.GrammarMatcher, mask: NDArray[np.int32]) -> None:
        self.inner, self.mask = matcher, mask

    def fill_mask(self) -> None:
        self.inner.fill_next_token_bitmask(self.mask)

    def advance(self, token: int) -> bool:
        return self.inner.accept_token(token)

    def is_complete(self) -> bool:
        return self.inner.is_completed()

    def check(self, batch: list[int]) -> list[bool]:
        accept, rollback = self.inner.accept_token, self.inner.rollback
        allowed = []
        for token in batch:
            allowed.append(accept(token))
            if allowed[-1]:
                rollback(1)
        return allowed

    def fork(self) -> XGrammarMatcher:
        return XGrammarMatcher(self.inner.fork(), self.mask)
