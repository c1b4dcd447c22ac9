#include "runs.hpp"

#include <algorithm>

#include "vocabulary.hpp"

namespace tamis {
namespace {

constexpr std::uint32_t kAsked = 64;

// No other character begins like one of these; like an escape in JSON, a backslash as such does.
bool reads_every_character(const ByteMachine& machine) {
  return &machine == byte_machine({{0, 0xD7FF}, {0xE000, 0x10FFFF}}, Codec::kUtf8).get();
}

// Transitions of a machine as a table.
std::vector<std::array<ByteMachine::State, 256>> table_of(const ByteMachine& machine) {
  std::vector<std::array<ByteMachine::State, 256>> table(machine.size());
  for (std::size_t state = 0; state < machine.size(); ++state) {
    table[state].fill(ByteMachine::kDead);
    for (const auto& edge : machine.edges(static_cast<ByteMachine::State>(state))) {
      for (unsigned byte = edge.low; byte <= edge.high; ++byte) table[state][byte] = edge.target;
    }
  }
  return table;
}

}  // namespace

TokenRuns::TokenRuns(const Vocabulary& vocabulary, const ByteMachine& machine, std::uint32_t node)
    : all_((vocabulary.size() + 31) / 32), leads_out_(vocabulary.trie().size(), false) {
  const auto table = table_of(machine);
  const Trie& trie = vocabulary.trie();
  const bool from_root = node == trie.size();
  const std::uint32_t begin = from_root ? 0 : node + 1;
  const std::uint32_t end = from_root ? trie.size() : trie[node].skip;
  const std::uint32_t depth_before = from_root ? 0 : trie[node].depth + 1;
  struct Place {
    ByteMachine::State state;  // inside of a character, or at the start of one
    std::uint32_t characters;  // whole ones before
    std::uint32_t partial;     // bytes of the one that is not
    std::uint32_t node;        // that led here
  };
  std::vector<Place> path(trie.height() + 1);
  path[0] = {ByteMachine::kStart, 0, 0, 0};
  std::vector<std::pair<std::uint32_t, TokenId>> runs;
  std::vector<std::uint32_t> of_length;
  std::uint8_t first_byte = 0;
  const bool full = reads_every_character(machine);
  for (std::uint32_t i = begin; i < end;) {
    const auto& here = trie[i];
    const std::uint32_t depth = here.depth - depth_before;
    const Place before = path[depth];
    const ByteMachine::State next = table[before.state][here.byte];
    if (next == ByteMachine::kDead) {
      if (full && before.state != ByteMachine::kStart) {  // no other character begins like this
        i = here.skip;
        continue;
      }
      exits_.push_back({i, before.characters, before.partial});
      leads_out_[i] = true;
      for (std::uint32_t d = depth; d > 0 && !leads_out_[path[d].node]; --d) leads_out_[path[d].node] = true;
      i = here.skip;
      continue;
    }
    const bool whole = next == ByteMachine::kAccept;
    path[depth + 1] = {whole ? ByteMachine::kStart : next, before.characters + (whole ? 1U : 0U),
                       whole ? 0U : before.partial + 1U, i};
    const std::uint32_t characters = before.characters + 1;
    if (characters >= of_length.size()) of_length.resize(characters + 1);
    if (depth == 0) first_byte = here.byte;
    const std::uint32_t last = trie[i + 1].first_token;
    for (std::uint32_t t = here.first_token; t < last; ++t) runs.emplace_back(characters, trie.tokens()[t]);
    of_length[characters] += last - here.first_token;
    beginning_with_[first_byte] += last - here.first_token;
    ++i;
  }
  while (!of_length.empty() && of_length.back() == 0) of_length.pop_back();
  longer_.assign(std::max<std::size_t>(of_length.size(), 1), 0);
  for (std::size_t n = longer_.size() - 1; n > 0; --n) longer_[n - 1] = longer_[n] + of_length[n];
  std::vector<std::uint32_t> next = longer_;  // by length, where the next run of it goes
  by_length_.resize(runs.size());
  for (const auto& [characters, token] : runs) {
    by_length_[next[characters]++] = token;
    all_[static_cast<std::size_t>(token) / 32] |= 1U << (static_cast<std::uint32_t>(token) % 32);
  }
}

void TokenRuns::add_to(std::vector<std::uint32_t>& mask, std::size_t limit) const {
  const std::size_t gone = limit < longer_.size() ? longer_[limit] : 0;
  const auto bit = [](TokenId token) { return 1U << (static_cast<std::uint32_t>(token) % 32); };
  if (gone <= by_length_.size() / 2) {
    if (mask.empty()) {
      mask = all_;
    } else {
      for (std::size_t i = 0; i < all_.size(); ++i) mask[i] |= all_[i];
    }
    for (std::size_t i = 0; i < gone; ++i) mask[static_cast<std::size_t>(by_length_[i]) / 32] &= ~bit(by_length_[i]);
    return;
  }
  mask.resize(all_.size());
  for (std::size_t i = gone; i < by_length_.size(); ++i) {
    mask[static_cast<std::size_t>(by_length_[i]) / 32] |= bit(by_length_[i]);
  }
}

const TokenRuns::Tails* TokenRuns::tails(const Vocabulary& vocabulary) const {
  if (asked_.load(std::memory_order_relaxed) < kAsked && asked_.fetch_add(1, std::memory_order_relaxed) < kAsked) {
    return nullptr;
  }
  make_tails(vocabulary);
  return &tails_;
}

void TokenRuns::make_tails(const Vocabulary& vocabulary) const {
  std::call_once(tails_made_, [&] {
    asked_ = kAsked;
    const Trie& trie = vocabulary.trie();
    std::vector<std::pair<std::string_view, TokenId>> strings;
    for (const Exit& exit : exits_) {
      if (exit.characters == 0) continue;
      for (std::uint32_t t = trie[exit.node].first_token; t < trie[trie[exit.node].skip].first_token; ++t) {
        const TokenId token = trie.tokens()[t];
        strings.emplace_back(std::string_view(*vocabulary.text(token)).substr(trie[exit.node].depth - exit.partial),
                             token);
        tails_.tokens.emplace_back(exit.characters, token);
      }
    }
    tails_.trie = Trie(std::move(strings));
    std::sort(tails_.tokens.rbegin(), tails_.tokens.rend());
    tail_bytes_ = tails_.trie.memory_bytes() + tails_.tokens.capacity() * sizeof(tails_.tokens[0]);
  });
}

std::size_t TokenRuns::memory_bytes() const {
  return (all_.capacity() + by_length_.capacity() + longer_.capacity()) * 4 + exits_.capacity() * sizeof(Exit) +
         leads_out_.capacity() / 8 + tail_bytes_;
}

}  // namespace tamis
