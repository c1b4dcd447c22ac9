// The tokens of a model as bytes, and a trie over them.  It knows nothing of grammars.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "trie.hpp"

namespace tamis {

class ByteMachine;
class TokenRuns;

class Vocabulary {
 public:
  using Specials = std::vector<std::pair<TokenId, std::string>>;

  // tokens[i]: the bytes of token i; none for special tokens, which are never text.  Stop tokens end a string; they
  // are never text either.  specials: the names by which grammars ask for special tokens.  Throws
  // std::invalid_argument where an id is out of range, there is no token, or a special token is text or has no name.
  Vocabulary(std::vector<std::optional<std::string>> tokens, std::vector<TokenId> stop_ids, Specials specials = {});

  std::size_t size() const { return tokens_.size(); }
  const std::vector<TokenId>& stop_ids() const { return stop_ids_; }
  bool is_stop(TokenId token) const { return is_stop_[static_cast<std::size_t>(token)]; }
  // What automata read: the bytes of a token, special_bytes of a special one with a name.  None for other special
  // tokens, stop tokens, those without any bytes and those that could be taken for a part of special_bytes.
  const std::optional<std::string>& text(TokenId token) const { return tokens_[static_cast<std::size_t>(token)]; }
  // Has the text of a token brought near, if there is such a token: it will be read soon.
  void prefetch(TokenId token) const {
    if (token < 0 || static_cast<std::size_t>(token) >= size()) return;
    __builtin_prefetch(&text(token));
    __builtin_prefetch(reinterpret_cast<const char*>(&text(token) + 1) - 1);
  }
  // The bytes of a token; none for special and stop tokens.
  std::optional<std::string> bytes(TokenId token) const;
  const Specials& specials() const { return specials_; }

  const Trie& trie() const { return trie_; }

  // The runs of a set of characters, those of a node with very many tokens below it; what was asked for last is kept.
  std::shared_ptr<const TokenRuns> runs(const std::shared_ptr<const ByteMachine>& machine) const {
    return runs(machine, trie_.size());
  }
  std::shared_ptr<const TokenRuns> runs(const std::shared_ptr<const ByteMachine>& machine, std::uint32_t node) const;

  std::size_t memory_bytes() const;

 private:
  void spell_specials();

  struct KeptRuns {
    std::shared_ptr<const ByteMachine> machine;
    std::uint32_t node;
    std::shared_ptr<const TokenRuns> runs;
  };

  std::vector<std::optional<std::string>> tokens_;
  std::vector<TokenId> stop_ids_;
  std::vector<bool> is_stop_;
  Specials specials_;                                // by id
  std::unordered_map<TokenId, std::string> unread_;  // the bytes of tokens that automata may not read
  Trie trie_;
  mutable std::mutex mutex_;
  mutable std::list<KeptRuns> runs_;  // the one used last comes first
};

}  // namespace tamis
