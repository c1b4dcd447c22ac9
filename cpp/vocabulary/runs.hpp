// Which tokens are runs of characters of one set: what the inside of a string, a name or a number may look like.
//
// A state that reads any characters of a set, one after the other, allows all these tokens at once; only where a token
// leaves the run does the automaton have to be asked.  They depend on the vocabulary and the set alone, so every
// grammar with the same set shares them.  So it is where the run begins behind some bytes, say a space, as long as very
// many tokens begin with these.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "../automaton/byte_machine.hpp"
#include "trie.hpp"

namespace tamis {

class Vocabulary;

class TokenRuns {
 public:
  // Trie nodes whose byte does not go on with the run, after so many characters and as many bytes of another one: the
  // set may read characters that begin like one that it does not.
  struct Exit {
    std::uint32_t node;
    std::uint32_t characters;
    std::uint32_t partial;
  };

  // Of the tokens below a node, behind the bytes that lead there; all tokens, where that is trie.size().
  TokenRuns(const Vocabulary& vocabulary, const ByteMachine& machine, std::uint32_t node);

  // Adds the tokens of at most `limit` characters, the last of which need not be whole, to a mask with none of
  // them; an empty vector is such a mask, too.
  void add_to(std::vector<std::uint32_t>& mask, std::size_t limit) const;
  std::uint32_t count() const { return static_cast<std::uint32_t>(by_length_.size()); }
  // The runs among the tokens that begin with this byte.
  std::uint32_t beginning_with(std::uint8_t byte) const { return beginning_with_[byte]; }

  const std::vector<Exit>& exits() const { return exits_; }  // by node
  // Whether the node is part of no run, but its parent is, or it is part of one that some token leaves below it.
  bool leads_out(std::uint32_t node) const { return leads_out_[node]; }

  // Tokens that leave the run after one character or more.
  struct Tails {
    Trie trie;                                              // what comes behind the run
    std::vector<std::pair<std::uint32_t, TokenId>> tokens;  // characters of the run, the most first
  };
  // None for those who ask first, unless they are made: that takes as long as many masks.  The vocabulary is the one of
  // the constructor.
  const Tails* tails(const Vocabulary& vocabulary) const;
  void make_tails(const Vocabulary& vocabulary) const;

  std::size_t memory_bytes() const;

 private:
  std::vector<std::uint32_t> all_;     // mask of every run
  std::vector<TokenId> by_length_;     // runs, the longest first
  std::vector<std::uint32_t> longer_;  // longer_[n] of them have more than n characters
  std::array<std::uint32_t, 256> beginning_with_{};
  std::vector<Exit> exits_;
  std::vector<bool> leads_out_;
  mutable std::atomic<std::uint32_t> asked_{0};
  mutable std::once_flag tails_made_;
  mutable Tails tails_;
  mutable std::atomic<std::size_t> tail_bytes_{0};
};

}  // namespace tamis
