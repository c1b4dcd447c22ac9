// An automaton over tokens: a grammar automaton bound to a vocabulary.  Safe to use from many threads.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "../automaton/automaton.hpp"
#include "vocabulary.hpp"

namespace tamis {

// The grammar asks for a special token that the vocabulary does not have, or that ends a string.
struct SpecialTokenError : std::runtime_error {
  SpecialTokenError(std::string name, bool is_stop)
      : std::runtime_error("no special token " + name), name(std::move(name)), is_stop(is_stop) {}
  std::string name;
  bool is_stop;
};

class TokenAutomaton {
 public:
  // The state after a stop token: not complete, and nothing may follow.
  static constexpr std::int64_t kEnd = 0x7FFFFFFF;
  static constexpr std::int64_t kRejected = -1;

  using Mask = std::vector<std::uint32_t>;  // bit i % 32 of word i / 32 belongs to token i

  // Throws SpecialTokenError.
  TokenAutomaton(std::shared_ptr<const Automaton> automaton, std::shared_ptr<const Vocabulary> vocabulary);

  std::int64_t start() const { return automaton_->start(); }

  // kRejected where the token may not follow; a stop token may follow iff the string is complete.  Padding (a token
  // < 0) and rejected states are rejected.  Throws std::out_of_range for unknown states and tokens.
  std::int64_t advance(std::int64_t state, TokenId token) const;
  bool is_complete(std::int64_t state) const;
  std::shared_ptr<const Mask> mask(std::int64_t state) const;

  const Automaton& automaton() const { return *automaton_; }
  const Vocabulary& vocabulary() const { return *vocabulary_; }

 private:
  static constexpr std::size_t kCachedMaskBytes = std::size_t{2} << 20;

  void require_state(std::int64_t state) const;
  class Run;
  class MaskWalk;

  std::shared_ptr<const Automaton> automaton_;
  std::shared_ptr<const Vocabulary> vocabulary_;
  mutable std::mutex mutex_;
  mutable std::unordered_map<std::int64_t, std::shared_ptr<const Mask>> masks_;
};

}  // namespace tamis
