#include "token_automaton.hpp"

#include <algorithm>
#include <bit>
#include <optional>
#include <stdexcept>
#include <unordered_map>

#include "mask_walk.hpp"

namespace tamis {

TokenAutomaton::TokenAutomaton(std::shared_ptr<const Automaton> automaton, std::shared_ptr<const Vocabulary> vocabulary,
                               std::string prefix)
    : automaton_(std::move(automaton)), vocabulary_(std::move(vocabulary)), prefix_(std::move(prefix)) {
  const auto& known = vocabulary_->specials();
  for (const std::string& name : automaton_->specials()) {
    bool found = false;
    bool allowed = false;
    for (const auto& [token, other] : known) {
      if (other != name) continue;
      found = true;
      allowed = allowed || !vocabulary_->is_stop(token);
    }
    if (!allowed) throw SpecialTokenError(name, found);
  }
}

std::string_view TokenAutomaton::rest_of_prefix(std::int64_t state) const {
  const std::int64_t read = kEnd - 1 - state;
  if (read < 0 || read >= static_cast<std::int64_t>(prefix_.size())) return {};
  return std::string_view(prefix_).substr(static_cast<std::size_t>(read));
}

void TokenAutomaton::require_state(std::int64_t state) const {
  if (state != kEnd && !automaton_->has(state) && rest_of_prefix(state).empty()) {
    throw std::out_of_range("state " + std::to_string(state) + " does not belong to this automaton");
  }
}

std::int64_t TokenAutomaton::advance(std::int64_t state, TokenId token) const {
  if (state == kRejected || token < 0) return kRejected;
  require_state(state);
  if (static_cast<std::size_t>(token) >= vocabulary_->size()) {
    throw std::out_of_range("token " + std::to_string(token) + " is not in a vocabulary of " +
                            std::to_string(vocabulary_->size()) + " tokens");
  }
  if (state == kEnd) return kRejected;
  const auto& text = vocabulary_->text(token);
  if (const std::string_view rest = rest_of_prefix(state); !rest.empty()) {
    if (!text) return kRejected;
    const std::size_t common = std::min(rest.size(), text->size());
    if (rest.substr(0, common) != std::string_view(*text).substr(0, common)) return kRejected;
    if (text->size() < rest.size()) return state - static_cast<std::int64_t>(text->size());
    return automaton_->end_token(automaton_->advance(automaton_->start(), std::string_view(*text).substr(rest.size())));
  }
  const auto inner = static_cast<StateId>(state);
  if (vocabulary_->is_stop(token)) return automaton_->is_complete(inner) ? kEnd : kRejected;
  return text ? automaton_->end_token(automaton_->advance(inner, *text)) : kRejected;
}

bool TokenAutomaton::allows(std::int64_t state, TokenId token) const {
  if (token < 0 || !automaton_->has(state) || static_cast<std::size_t>(token) >= vocabulary_->size() ||
      vocabulary_->is_stop(token) || automaton_->counts_tokens()) {
    return advance(state, token) != kRejected;
  }
  const auto& text = vocabulary_->text(token);
  return text && automaton_->may_follow(static_cast<StateId>(state), *text);
}

bool TokenAutomaton::is_complete(std::int64_t state) const {
  require_state(state);
  return state != kEnd && rest_of_prefix(state).empty() && automaton_->is_complete(static_cast<StateId>(state));
}

std::shared_ptr<const TokenAutomaton::Mask> TokenAutomaton::mask(std::int64_t state) const {
  require_state(state);
  std::shared_ptr<const Mask> known;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = masks_.find(state); found != masks_.end()) return found->second;
    if (const auto found = older_masks_.find(state); found != older_masks_.end()) known = found->second;
  }
  if (known == nullptr) {
    const std::string_view rest = rest_of_prefix(state);
    known = std::make_shared<const Mask>(rest.empty() ? mask_behind_prefix(state) : prefix_mask(rest));
  }
  remember(state, known);
  return known;
}

TokenAutomaton::Mask TokenAutomaton::mask_behind_prefix(std::int64_t state) const {
  if (state == kEnd) return Mask((vocabulary_->size() + 31) / 32, 0);
  return allowed_tokens(*automaton_, *vocabulary_, static_cast<StateId>(state));
}

void TokenAutomaton::remember(std::int64_t state, std::shared_ptr<const Mask> mask) const {
  const std::lock_guard lock(mutex_);
  const std::size_t bytes = mask->size() * sizeof(std::uint32_t);
  if (!masks_.empty() && (masks_.size() + 1) * bytes > kCachedMaskBytes / 2) {
    older_masks_ = std::move(masks_);
    masks_.clear();
  }
  masks_.emplace(state, std::move(mask));
}

std::size_t TokenAutomaton::cached_mask_bytes() const {
  const std::lock_guard lock(mutex_);
  return (masks_.size() + older_masks_.size()) * ((vocabulary_->size() + 31) / 32) * sizeof(std::uint32_t);
}

// The tokens that the rest of the prefix begins with, and those that it is the beginning of, as far as the grammar
// takes what they add.
TokenAutomaton::Mask TokenAutomaton::prefix_mask(std::string_view rest) const {
  const Trie& trie = vocabulary_->trie();
  const auto& tokens = trie.tokens();
  Mask mask((vocabulary_->size() + 31) / 32);
  std::uint32_t node = 0;
  std::uint32_t end = trie.size();
  for (std::size_t depth = 0; depth < rest.size(); ++depth) {
    while (node < end && trie[node].byte != static_cast<std::uint8_t>(rest[depth])) node = trie[node].skip;
    if (node >= end) return mask;
    end = trie[node].skip;
    const std::uint32_t last = depth + 1 < rest.size() ? node + 1 : end;
    for (std::uint32_t t = trie[node].first_token; t < trie[last].first_token; ++t) {
      const std::string_view added = std::string_view(*vocabulary_->text(tokens[t]))
                                         .substr(std::min(rest.size(), vocabulary_->text(tokens[t])->size()));
      if (automaton_->end_token(automaton_->advance(automaton_->start(), added)) == Automaton::kDead) continue;
      mask[static_cast<std::size_t>(tokens[t]) / 32] |= 1U << (static_cast<std::uint32_t>(tokens[t]) % 32);
    }
    ++node;
  }
  return mask;
}

std::optional<std::string> TokenAutomaton::completion(std::int64_t state, std::size_t most) const {
  require_state(state);
  if (state == kEnd) return std::nullopt;
  const std::string_view rest = rest_of_prefix(state);
  const StateId inside = rest.empty() ? static_cast<StateId>(state) : automaton_->start();
  std::optional<std::string> bytes = automaton_->completion(inside, most);
  if (bytes) bytes->insert(0, rest);
  return bytes;
}

std::vector<TokenId> TokenAutomaton::forced(std::int64_t state, std::size_t most) const {
  require_state(state);
  std::vector<TokenId> tokens;
  while (tokens.size() < most && state != kEnd) {
    const std::shared_ptr<const Mask> words = mask(state);
    const auto word = std::find_if(words->begin(), words->end(), [](std::uint32_t w) { return w != 0; });
    if (word == words->end() || !std::has_single_bit(*word) ||
        std::any_of(word + 1, words->end(), [](std::uint32_t w) { return w != 0; })) {
      break;
    }
    tokens.push_back(static_cast<TokenId>((word - words->begin()) * 32 + std::countr_zero(*word)));
    state = advance(state, tokens.back());
  }
  return tokens;
}

}  // namespace tamis
