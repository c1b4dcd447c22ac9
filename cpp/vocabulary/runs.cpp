#include "runs.hpp"

#include <algorithm>
#include <array>

namespace tamis {
namespace {

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

TokenRuns::TokenRuns(const Vocabulary& vocabulary, const ByteMachine& machine) : all((vocabulary.size() + 31) / 32) {
  const auto table = table_of(machine);
  const auto& trie = vocabulary.trie();
  const auto& tokens = vocabulary.token_list();
  struct Place {
    ByteMachine::State state;  // inside of a character, or at the start of one
    std::uint32_t characters;  // whole ones before
  };
  std::vector<Place> path = {{ByteMachine::kStart, 0}};
  std::vector<std::pair<std::uint32_t, TokenId>> runs;
  const std::size_t count = trie.size() - 1;
  for (std::uint32_t i = 0; i < count;) {
    const auto& node = trie[i];
    const Place before = path[node.depth];
    const ByteMachine::State next = table[before.state][node.byte];
    if (next == ByteMachine::kDead) {
      if (before.state == ByteMachine::kStart) exits.push_back({i, before.characters});
      i = node.skip;
      continue;
    }
    const bool whole = next == ByteMachine::kAccept;
    path.resize(node.depth + 1);
    path.push_back({whole ? ByteMachine::kStart : next, before.characters + (whole ? 1U : 0U)});
    for (std::uint32_t t = node.first_token; t < trie[i + 1].first_token; ++t) {
      runs.emplace_back(before.characters + 1, tokens[t]);
    }
    ++i;
  }
  std::stable_sort(runs.begin(), runs.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  longer.assign(runs.empty() ? 1 : runs.front().first + 1, 0);
  for (const auto& [characters, token] : runs) {
    by_length.push_back(token);
    all[static_cast<std::size_t>(token) / 32] |= 1U << (static_cast<std::uint32_t>(token) % 32);
    for (std::uint32_t n = 0; n < characters; ++n) ++longer[n];
  }
}

std::vector<std::uint32_t> TokenRuns::mask(std::size_t limit) const {
  if (limit >= longer.size()) return all;
  const std::size_t gone = longer[limit];
  const auto bit = [](TokenId token) { return 1U << (static_cast<std::uint32_t>(token) % 32); };
  if (gone <= by_length.size() / 2) {
    std::vector<std::uint32_t> words = all;
    for (std::size_t i = 0; i < gone; ++i) words[static_cast<std::size_t>(by_length[i]) / 32] &= ~bit(by_length[i]);
    return words;
  }
  std::vector<std::uint32_t> words(all.size());
  for (std::size_t i = gone; i < by_length.size(); ++i) {
    words[static_cast<std::size_t>(by_length[i]) / 32] |= bit(by_length[i]);
  }
  return words;
}

std::size_t TokenRuns::memory_bytes() const {
  return all.capacity() * 4 + exits.capacity() * sizeof(Exit) + by_length.capacity() * 4 + longer.capacity() * 4;
}

}  // namespace tamis
