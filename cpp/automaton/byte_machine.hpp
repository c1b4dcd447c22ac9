// The bytes of one character: a small acyclic DFA that reads exactly one character of a set, as a codec writes it.
//
// The encodings of a codec form a prefix code, so a machine never has to choose between stopping and going on.
#pragma once

#include <bitset>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "../grammar/ir.hpp"

namespace tamis {

class ByteMachine {
 public:
  using State = std::uint16_t;
  static constexpr State kStart = 0;
  static constexpr State kAccept = 0xFFFF;
  static constexpr State kDead = 0xFFFE;

  struct Edge {
    std::uint8_t low;
    std::uint8_t high;
    State target;
    bool operator==(const Edge&) const = default;
  };

  // Throws CompileError where the set needs more than max_states states.
  ByteMachine(const CharSet& set, Codec codec, std::size_t max_states);

  State step(State state, std::uint8_t byte) const {
    for (std::uint32_t i = first_[state]; i < first_[state + 1]; ++i) {
      if (byte >= edges_[i].low && byte <= edges_[i].high) return edges_[i].target;
    }
    return kDead;
  }

  const std::vector<Edge>& edges() const { return edges_; }
  std::span<const Edge> edges(State state) const {
    return {edges_.data() + first_[state], edges_.data() + first_[state + 1U]};
  }
  std::bitset<256> first_bytes(State state = kStart) const {
    std::bitset<256> bytes;
    for (const Edge& edge : edges(state)) {
      for (unsigned byte = edge.low; byte <= edge.high; ++byte) bytes.set(byte);
    }
    return bytes;
  }
  std::size_t size() const { return first_.size() - 1; }

 private:
  std::vector<std::uint32_t> first_;  // edges of state s: first_[s] .. first_[s + 1]
  std::vector<Edge> edges_;
};

// The machine for a set under a codec; shared by every grammar of the process while any of them lives.
std::shared_ptr<const ByteMachine> byte_machine(const CharSet& set, Codec codec);

}  // namespace tamis
