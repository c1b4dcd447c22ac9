// Which tokens are runs of characters of one set: what the inside of a string, a name or a number may look like.
//
// A state that reads any characters of a set, one after the other, allows all these tokens at once; only where a token
// leaves the run does the automaton have to be asked.  They depend on the vocabulary and the set alone, so every
// grammar with the same set shares them.
#pragma once

#include <cstdint>
#include <vector>

#include "../automaton/byte_machine.hpp"
#include "vocabulary.hpp"

namespace tamis {

struct TokenRuns {
  // Trie nodes whose byte does not go on with the run, right after its `characters`-th character.
  struct Exit {
    std::uint32_t node;
    std::uint32_t characters;
  };

  TokenRuns(const Vocabulary& vocabulary, const ByteMachine& machine);

  // The tokens of at most `limit` characters, the last of which need not be whole.
  std::vector<std::uint32_t> mask(std::size_t limit) const;
  std::size_t memory_bytes() const;

  std::vector<std::uint32_t> all;     // mask of every run
  std::vector<Exit> exits;            // by node
  std::vector<TokenId> by_length;     // runs, the longest first
  std::vector<std::uint32_t> longer;  // longer[n] of them have more than n characters
};

}  // namespace tamis
