// The tokens that may come next in a state of an automaton: one walk over the trie of all tokens.
#pragma once

#include <cstdint>
#include <vector>

#include "../automaton/automaton.hpp"
#include "vocabulary.hpp"

namespace tamis {

// Bit i % 32 of word i / 32 belongs to token i; stop tokens are allowed where the string is complete.
std::vector<std::uint32_t> allowed_tokens(const Automaton& automaton, const Vocabulary& vocabulary, StateId state);

}  // namespace tamis
