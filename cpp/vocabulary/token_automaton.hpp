// An automaton over tokens: a grammar automaton bound to a vocabulary.  Safe to use from many threads.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
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

  // Strings are those of the automaton behind `prefix`: the bytes of a token that was taken back from a prompt.  Throws
  // SpecialTokenError.
  TokenAutomaton(std::shared_ptr<const Automaton> automaton, std::shared_ptr<const Vocabulary> vocabulary,
                 std::string prefix = {});

  std::int64_t start() const { return prefix_.empty() ? automaton_->start() : inside_prefix(0); }

  // kRejected where the token may not follow; a stop token may follow iff the string is complete.  Padding (a token
  // < 0) and rejected states are rejected.  Throws std::out_of_range for unknown states and tokens.
  std::int64_t advance(std::int64_t state, TokenId token) const;
  // Whether `advance` would not reject the token; makes fewer states.
  bool allows(std::int64_t state, TokenId token) const;
  bool is_complete(std::int64_t state) const;
  std::shared_ptr<const Mask> mask(std::int64_t state) const;
  // The tokens that must come: one after the other, as long as one alone is allowed, up to `most`.
  std::vector<TokenId> forced(std::int64_t state, std::size_t most) const;
  // The shortest bytes after which the string may end; see Automaton::completion.
  std::optional<std::string> completion(std::int64_t state, std::size_t most) const;

  const Automaton& automaton() const { return *automaton_; }
  const Vocabulary& vocabulary() const { return *vocabulary_; }
  std::size_t cached_mask_bytes() const;

 private:
  static constexpr std::size_t kCachedMaskBytes = std::size_t{2} << 20;

  // The state after so many bytes of the prefix, and the other way round: the bytes that are left of it.
  static std::int64_t inside_prefix(std::size_t read) { return kEnd - 1 - static_cast<std::int64_t>(read); }
  std::string_view rest_of_prefix(std::int64_t state) const;

  void require_state(std::int64_t state) const;
  Mask mask_behind_prefix(std::int64_t state) const;
  Mask prefix_mask(std::string_view rest) const;
  void remember(std::int64_t state, std::shared_ptr<const Mask> mask) const;

  std::shared_ptr<const Automaton> automaton_;
  std::shared_ptr<const Vocabulary> vocabulary_;
  std::string prefix_;
  mutable std::mutex mutex_;
  // When the masks asked for last fill half of the cache, those of before are dropped.
  mutable std::unordered_map<std::int64_t, std::shared_ptr<const Mask>> masks_, older_masks_;
};

}  // namespace tamis
