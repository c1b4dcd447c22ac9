#include "vocabulary.hpp"

#include <algorithm>
#include <stdexcept>

#include "../automaton/byte_machine.hpp"
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
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    // A token without bytes would let a string grow for ever without changing.
    if (tokens_[i] && (tokens_[i]->empty() || is_stop_[i])) tokens_[i].reset();
    if (tokens_[i] && tokens_[i]->find(kSpecialBegin) != std::string::npos) {
      unread_.emplace(static_cast<TokenId>(i), *std::exchange(tokens_[i], std::nullopt));
    }
  }
  spell_specials();
  std::vector<std::pair<std::string_view, TokenId>> strings;
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    if (tokens_[i]) strings.emplace_back(*tokens_[i], static_cast<TokenId>(i));
  }
  trie_ = Trie(std::move(strings));
  // What nearly every JSON grammar reads: the insides of strings, and blanks.
  for (const auto& machine : {byte_machine({{0, 0xD7FF}, {0xE000, 0x10FFFF}}, Codec::kJson),
                              byte_machine({{'\t', '\t'}, {' ', ' '}}, Codec::kBytes)}) {
    runs(machine)->make_tails(*this);
  }
}

void Vocabulary::spell_specials() {
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
  }
}

std::optional<std::string> Vocabulary::bytes(TokenId token) const {
  if (const auto found = unread_.find(token); found != unread_.end()) return found->second;
  const auto& text = this->text(token);
  return text && text->front() != kSpecialBegin ? text : std::nullopt;
}

std::shared_ptr<const TokenRuns> Vocabulary::runs(const std::shared_ptr<const ByteMachine>& machine,
                                                  std::uint32_t node) const {
  const std::lock_guard lock(mutex_);
  for (auto it = runs_.begin(); it != runs_.end(); ++it) {
    if (it->machine != machine || it->node != node) continue;
    runs_.splice(runs_.begin(), runs_, it);
    return runs_.front().runs;
  }
  runs_.push_front({machine, node, std::make_shared<const TokenRuns>(*this, *machine, node)});
  if (runs_.size() > kKeptRuns) runs_.pop_back();
  return runs_.front().runs;
}

std::size_t Vocabulary::memory_bytes() const {
  std::size_t total = tokens_.capacity() * sizeof(tokens_[0]) + trie_.memory_bytes();
  {
    const std::lock_guard lock(mutex_);
    for (const KeptRuns& kept : runs_) total += kept.runs->memory_bytes();
  }
  for (const auto& token : tokens_) {
    if (token && token->capacity() > sizeof(std::string) / 2) total += token->capacity();
  }
  return total;
}

}  // namespace tamis
