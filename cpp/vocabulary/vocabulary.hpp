// The tokens of a model as bytes, and a trie over them.  It knows nothing of grammars.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "trie.hpp"

namespace tamis {

class ByteMachine;
class TokenRuns;

class Vocabulary {
 public:
  // tokens[i]: the bytes of token i; none for special tokens, which are never text.  Stop tokens end a string; they
  // are never text either.  Throws std::invalid_argument where a stop id is out of range or there is no token.
  Vocabulary(std::vector<std::optional<std::string>> tokens, std::vector<TokenId> stop_ids);

  std::size_t size() const { return tokens_.size(); }
  const std::vector<TokenId>& stop_ids() const { return stop_ids_; }
  bool is_stop(TokenId token) const { return is_stop_[static_cast<std::size_t>(token)]; }
  // None for special and stop tokens and for those without any bytes: none of them may be sampled as text.
  const std::optional<std::string>& text(TokenId token) const { return tokens_[static_cast<std::size_t>(token)]; }

  const Trie& trie() const { return trie_; }

  // The runs of a set of characters; those asked for last are kept.
  std::shared_ptr<const TokenRuns> runs(const std::shared_ptr<const ByteMachine>& machine) const;

  std::size_t memory_bytes() const;

 private:
  using KeptRuns = std::pair<std::shared_ptr<const ByteMachine>, std::shared_ptr<const TokenRuns>>;

  std::vector<std::optional<std::string>> tokens_;
  std::vector<TokenId> stop_ids_;
  std::vector<bool> is_stop_;
  Trie trie_;
  mutable std::mutex mutex_;
  mutable std::list<KeptRuns> runs_;  // the one used last comes first
};

}  // namespace tamis
