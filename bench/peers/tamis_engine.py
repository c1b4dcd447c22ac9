"""tamis, through its Python API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ...grammars import GrammarError, Vocabulary, json_schema
from ...grammars._core import TokenAutomaton
from .protocol import Refused, mask_words
from .tokens import Tokens


class Tamis:
    settings: ClassVar = "defaults, but for the order of properties where the name says so"
    compile_depends_on_vocabulary: ClassVar = False

    def __init__(self, tokens: Tokens, property_order: Literal["declared", "any"] = "declared") -> None:
        self.vocabulary = Vocabulary(tokens.texts, [tokens.eos])
        self.mask = mask_words(tokens)
        self.property_order = property_order

    def compile(self, schema: str) -> TokenAutomaton:
        try:
            return json_schema(schema, property_order=self.property_order).compile().bind(self.vocabulary)
        except GrammarError as error:
            raise Refused(error.message) from error

    def matcher(self, compiled: TokenAutomaton) -> TamisMatcher:
        return TamisMatcher(compiled, self.mask, np.array([compiled.start]))

    def batch(self, tokens: Sequence[int]) -> NDArray[np.int32]:
        return np.array([tokens], dtype=np.int32)


class TamisMatcher:
    def __init__(self, automaton: TokenAutomaton, mask: NDArray[np.uint32], states: NDArray[np.int64]) -> None:
        self.automaton, self.mask, self.states = automaton, mask, states

    def fill_mask(self) -> None:
        self.automaton.fill_mask(self.states[0], self.mask)

    def advance(self, token: int) -> bool:
        self.states = self.automaton.advance(self.states, np.array([token], dtype=np.int32))
        return bool(self.states[0] >= 0)

    def is_complete(self) -> bool:
        return self.automaton.is_complete(self.states[0])

    def check(self, batch: NDArray[np.int32]) -> NDArray[np.bool_]:
        allowed: NDArray[np.bool_] = self.automaton.check(self.states, batch)[0]
        return allowed

    def fork(self) -> TamisMatcher:
        return TamisMatcher(self.automaton, self.mask, self.states)
