// What the machines over JSON texts share: decoding strings byte by byte, and a limit on their memory.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "../automaton/subsets.hpp"

namespace tamis::schema {

// Decoded strings and their beginnings, as nodes of a tree; 0 is the empty string.
class StringTree {
 public:
  using Node = std::uint32_t;

  Node child(Node parent, std::uint8_t byte) {
    const std::uint64_t key = static_cast<std::uint64_t>(parent) << 8 | byte;
    const auto [found, inserted] = children_.emplace(key, static_cast<Node>(parents_.size()));
    if (inserted) parents_.push_back(key);
    return found->second;
  }
  Node node_of(const std::string& text) {
    Node node = 0;
    for (const char c : text) node = child(node, static_cast<std::uint8_t>(c));
    return node;
  }
  std::string text(Node node) const {
    std::string out;
    for (; node != 0; node = static_cast<Node>(parents_[node] >> 8)) {
      out.push_back(static_cast<char>(parents_[node] & 0xFF));
    }
    return {out.rbegin(), out.rend()};
  }
  std::size_t memory_bytes() const { return parents_.size() * 64; }

 private:
  std::unordered_map<std::uint64_t, Node> children_;
  std::vector<std::uint64_t> parents_ = {0};
};

// How far a string has been read: what it spells so far, and what an escape under way has said.
struct StringReading {
  StringTree::Node node = 0;
  // 0: no escape; 1: behind a backslash; 2: expecting the backslash, 3: expecting the u of a low surrogate;
  // 4 + n: n of the four digits after \u are known.
  std::uint32_t escape = 0;
  std::uint32_t unit = 0;  // the digits so far
  std::uint32_t high = 0;  // a high surrogate that waits for its other half

  enum class Outcome : std::uint8_t { kGoesOn, kEnds, kBad };

  Outcome step(StringTree& tree, std::uint8_t byte);

 private:
  void put(StringTree& tree, std::uint32_t code_point);
};

// Throws LimitError where a machine has grown too large.
inline void check_machine_memory(std::size_t bytes) {
  constexpr std::size_t kMostBytes = std::size_t{512} << 20;
  if (bytes > kMostBytes) throw LimitError("comparing the keys or items of a text takes too much memory");
}

}  // namespace tamis::schema
