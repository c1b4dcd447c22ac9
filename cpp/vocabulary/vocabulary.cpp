#include "vocabulary.hpp"

#include <algorithm>
#include <stdexcept>

#include "../special.hpp"
#include "runs.hpp"

namespace tamis {
namespace {

constexpr std::size_t kKeptRuns = 64;

}  // namespace

Vocabulary::Vocabulary(std::vector<std::optional<std::string>> tokens, std::vector<TokenId> stop_ids, Specials specials)
    : tokens_(std::move(tokens)),
      stop_ids_(std::move(stop_ids)),
      is_stop_(tokens_.size()),
      specials_(std::move(specials)) {
  if (tokens_.empty()) throw std::invalid_argument("a vocabulary needs at least one token");
  std::sort(stop_ids_.begin(), stop_ids_.end());
  stop_ids_.erase(std::unique(stop_ids_.begin(), stop_ids_.end()), stop_ids_.end());
  for (const TokenId stop : stop_ids_) {
    if (stop < 0 || static_cast<std::size_t>(stop) >= tokens_.size()) {
      throw std::invalid_argument("stop token " + std::to_string(stop) + " is not in a vocabulary of " +
                                  std::to_string(tokens_.size()) + " tokens");
    }
    is_stop_[static_cast<std::size_t>(stop)] = true;
  }
  std::vector<TokenId> order;
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    // A token without bytes would let a string grow for ever without changing.
    if (tokens_[i] && (tokens_[i]->empty() || is_stop_[i])) tokens_[i].reset();
    if (tokens_[i] && tokens_[i]->find(kSpecialBegin) != std::string::npos) {
      unread_.emplace(static_cast<TokenId>(i), *std::exchange(tokens_[i], std::nullopt));
    }
    if (tokens_[i]) order.push_back(static_cast<TokenId>(i));
  }
  spell_specials(order);
  std::sort(order.begin(), order.end(), [&](TokenId a, TokenId b) { return *text(a) < *text(b); });
  std::vector<std::uint32_t> open;  // the path to the token before
  std::string path;
  const auto close = [&](std::size_t depth) {
    for (; open.size() > depth; open.pop_back()) trie_[open.back()].skip = static_cast<std::uint32_t>(trie_.size());
    path.resize(std::min(path.size(), depth));
  };
  for (const TokenId token : order) {
    const std::string& bytes = *text(token);
    const auto split = std::mismatch(path.begin(), path.end(), bytes.begin(), bytes.end()).first;
    close(static_cast<std::size_t>(split - path.begin()));
    for (std::size_t depth = open.size(); depth < bytes.size(); ++depth) {
      open.push_back(static_cast<std::uint32_t>(trie_.size()));
      trie_.push_back({static_cast<std::uint8_t>(bytes[depth]), static_cast<std::uint32_t>(depth), 0,
                       static_cast<std::uint32_t>(token_list_.size())});
    }
    path = bytes;
    token_list_.push_back(token);
  }
  close(0);
  trie_.push_back({0, 0, static_cast<std::uint32_t>(trie_.size() + 1), static_cast<std::uint32_t>(token_list_.size())});
  for (std::uint32_t i = 0; i + 1 < trie_.size(); i = trie_[i].skip) roots_.push_back(i);
}

void Vocabulary::spell_specials(std::vector<TokenId>& order) {
  std::sort(specials_.begin(), specials_.end());
  for (const auto& [token, name] : specials_) {
    const std::string number = std::to_string(token);
    if (token < 0 || static_cast<std::size_t>(token) >= tokens_.size()) {
      throw std::invalid_argument("special token " + number + " is not in a vocabulary of " +
                                  std::to_string(tokens_.size()) + " tokens");
    }
    if (bytes(token)) throw std::invalid_argument("token " + number + " has bytes, so it is not special");
    if (name.empty()) throw std::invalid_argument("special token " + number + " needs a name");
    if (is_stop(token)) continue;
    tokens_[static_cast<std::size_t>(token)] = special_bytes(name);
    order.push_back(token);
  }
}

std::optional<std::string> Vocabulary::bytes(TokenId token) const {
  if (const auto found = unread_.find(token); found != unread_.end()) return found->second;
  const auto& text = this->text(token);
  return text && text->front() != kSpecialBegin ? text : std::nullopt;
}

std::shared_ptr<const TokenRuns> Vocabulary::runs(const std::shared_ptr<const ByteMachine>& machine) const {
  const std::lock_guard lock(mutex_);
  for (auto it = runs_.begin(); it != runs_.end(); ++it) {
    if (it->first != machine) continue;
    runs_.splice(runs_.begin(), runs_, it);
    return runs_.front().second;
  }
  runs_.emplace_front(machine, std::make_shared<const TokenRuns>(*this, *machine));
  if (runs_.size() > kKeptRuns) runs_.pop_back();
  return runs_.front().second;
}

std::size_t Vocabulary::memory_bytes() const {
  std::size_t total = tokens_.capacity() * sizeof(tokens_[0]) + trie_.capacity() * sizeof(TrieNode) +
                      token_list_.capacity() * sizeof(TokenId);
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [machine, runs] : runs_) total += runs->memory_bytes();
  }
  for (const auto& token : tokens_) {
    if (token && token->capacity() > sizeof(std::string) / 2) total += token->capacity();
  }
  return total;
}

}  // namespace tamis
