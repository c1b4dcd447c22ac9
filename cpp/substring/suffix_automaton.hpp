// The suffix automaton of a text: a deterministic automaton of all its substrings, at most two states per byte.
//
// Blumer, Blumer, Haussler, Ehrenfeucht, Chen and Seiferas, "The smallest automaton recognizing the subwords of a text"
// (1985).  Substrings that end at the same places share a state, so whatever depends on these places is the state's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tamis {

class SuffixAutomaton {
 public:
  using State = std::int32_t;
  static constexpr State kStart = 0;  // the empty string
  static constexpr State kDead = -1;

  // The text has less than 2^30 bytes.
  explicit SuffixAutomaton(std::string text);

  State step(State state, std::uint8_t byte) const {
    if (state == kDead) return kDead;
    const auto at = static_cast<std::size_t>(state);
    std::uint32_t low = first_[at];
    std::uint32_t high = first_[at + 1];
    while (low < high) {
      const std::uint32_t middle = (low + high) / 2;
      if (bytes_[middle] < byte) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low < first_[at + 1] && bytes_[low] == byte ? targets_[low] : kDead;
  }

  // Where the state's strings end for the first time: the place of their last byte.  Not for the start.
  std::size_t end(State state) const { return ends_[static_cast<std::size_t>(state)]; }
  const std::string& text() const { return text_; }
  std::size_t memory_bytes() const {
    return text_.capacity() + (first_.capacity() + ends_.capacity() + targets_.capacity()) * 4 + bytes_.capacity();
  }

 private:
  std::string text_;
  std::vector<std::uint32_t> first_;  // edges of state s: first_[s] .. first_[s + 1], by byte
  std::vector<std::uint8_t> bytes_;
  std::vector<State> targets_;
  std::vector<std::uint32_t> ends_;
};

}  // namespace tamis
