// The bytes of one character: a small acyclic DFA that reads exactly one character of a set, as a codec writes it.
//
// The encodings of a codec form a prefix code, so a machine never has to choose between stopping and going on.
#pragma once

#include <bitset>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
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

  // States by their edges, which are sorted; they are numbered anew, from `start` on, so that equal machines look
  // alike.
  ByteMachine(const std::vector<std::vector<Edge>>& states, State start);

  State step(State state, std::uint8_t byte) const {
    for (std::uint32_t i = first_[state]; i < first_[state + 1]; ++i) {
      if (byte >= edges_[i].low && byte <= edges_[i].high) return edges_[i].target;
    }
    return kDead;
  }

  // Whether the bytes are characters of the set, all of them whole.
  bool reads(std::string_view bytes) const {
    State state = kStart;
    for (const char byte : bytes) {
      state = step(state, static_cast<std::uint8_t>(byte));
      if (state == kDead) return false;
      if (state == kAccept) state = kStart;
    }
    return state == kStart;
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
  // With how many different bytes characters begin.
  std::size_t beginnings() const { return beginnings_; }
  std::size_t size() const { return first_.size() - 1; }
  // The edges of all states, one after the other, and how many each has.
  std::vector<std::uint32_t> words() const;

 private:
  std::vector<std::uint32_t> first_;  // edges of state s: first_[s] .. first_[s + 1]
  std::vector<Edge> edges_;
  std::size_t beginnings_;
};

// Machines are shared by every grammar of the process while any of them lives; equal ones are one.

// The machine for a set under a codec.  Throws CompileError where it needs too many states.
std::shared_ptr<const ByteMachine> byte_machine(const CharSet& set, Codec codec);
// The machine for the characters that both read; null where there are none.  Throws CompileError as above.
std::shared_ptr<const ByteMachine> common_characters(const std::shared_ptr<const ByteMachine>& a,
                                                     const std::shared_ptr<const ByteMachine>& b);
// Whether a character of one of them is one of the other, or begins like it.
bool clash(const ByteMachine& a, const ByteMachine& b);
// The machine for the characters that begin with none of the bytes; null where there are none.
std::shared_ptr<const ByteMachine> without_first_bytes(const std::shared_ptr<const ByteMachine>& machine,
                                                       const std::bitset<256>& bytes);

}  // namespace tamis
