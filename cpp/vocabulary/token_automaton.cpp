#include "token_automaton.hpp"

#include <stdexcept>

namespace tamis {

TokenAutomaton::TokenAutomaton(std::shared_ptr<const Automaton> automaton, std::shared_ptr<const Vocabulary> vocabulary)
    : automaton_(std::move(automaton)), vocabulary_(std::move(vocabulary)) {}

void TokenAutomaton::require_state(std::int64_t state) const {
  if (state != kEnd && !automaton_->has(state)) {
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
  const auto inner = static_cast<StateId>(state);
  if (vocabulary_->is_stop(token)) return automaton_->is_complete(inner) ? kEnd : kRejected;
  const auto& text = vocabulary_->text(token);
  return text ? automaton_->advance(inner, *text) : kRejected;
}

bool TokenAutomaton::is_complete(std::int64_t state) const {
  require_state(state);
  return state != kEnd && automaton_->is_complete(static_cast<StateId>(state));
}

std::shared_ptr<const TokenAutomaton::Mask> TokenAutomaton::mask(std::int64_t state) const {
  require_state(state);
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = masks_.find(state); found != masks_.end()) return found->second;
  }
  auto made = compute_mask(state);
  const std::lock_guard lock(mutex_);
  if ((masks_.size() + 1) * made->size() * sizeof(std::uint32_t) > kCachedMaskBytes) masks_.clear();
  masks_.emplace(state, made);
  return made;
}

std::shared_ptr<const TokenAutomaton::Mask> TokenAutomaton::compute_mask(std::int64_t state) const {
  auto mask = std::make_shared<Mask>((vocabulary_->size() + 31) / 32);
  const auto allow = [&](TokenId token) {
    (*mask)[static_cast<std::size_t>(token) / 32] |= 1U << (static_cast<std::uint32_t>(token) % 32);
  };
  if (state == kEnd) return mask;
  const auto inner = static_cast<StateId>(state);
  if (automaton_->is_complete(inner)) {
    for (const TokenId stop : vocabulary_->stop_ids()) allow(stop);
  }
  const auto& trie = vocabulary_->trie();
  const auto& tokens = vocabulary_->token_list();
  std::vector<StateId> path = {inner};
  const std::size_t count = trie.size() - 1;  // without the sentinel
  for (std::size_t i = 0; i < count;) {
    const auto& node = trie[i];
    const StateId next = automaton_->step(path[node.depth], node.byte);
    if (next == Automaton::kDead) {
      i = node.skip;
      continue;
    }
    path.resize(node.depth + 1);
    path.push_back(next);
    for (std::uint32_t t = node.first_token; t < trie[i + 1].first_token; ++t) allow(tokens[t]);
    ++i;
  }
  return mask;
}

}  // namespace tamis
