// The characters of a UTF-8 text, read byte by byte, as classes that no set of a grammar tells apart.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../automaton/interner.hpp"

namespace tamis::lark {

class CodePoints {
 public:
  using Ranges = std::vector<std::pair<std::uint32_t, std::uint32_t>>;  // inclusive
  using Class = std::uint32_t;
  using Place = std::uint32_t;  // in the middle of a character, or kBoundary
  static constexpr Place kBoundary = 0;

  // What a byte leads to: nothing, a place inside a character, or the class of a character that is complete.
  struct Reading {
    enum class Kind : std::uint8_t { kInvalid, kInside, kComplete } kind = Kind::kInvalid;
    std::uint32_t value = 0;
  };

  // Characters of `apart`, which is sorted, get classes of their own.  Throws std::invalid_argument for ranges outside
  // of Unicode and for sets that are too many to tell apart.
  CodePoints(const std::vector<Ranges>& sets, const Ranges& apart);

  std::size_t class_count() const { return class_count_; }
  bool contains(std::size_t set, Class c) const { return members_[set * class_count_ + c]; }
  // The class of a character that is not a surrogate.
  Class class_of(std::uint32_t code_point) const;

  Reading read(Place place, std::uint8_t byte) const { return readings_[place * 256 + byte]; }
  // The classes of the characters that a place is in the middle of, in no particular order.
  const std::vector<Class>& possible(Place place) const { return possible_[place]; }

  void mark_byte_classes(std::bitset<257>& starts) const;

 private:
  struct Cell {
    std::uint32_t first;
    std::int32_t value;  // a class, or -1 for surrogates
  };

  void cut(const std::vector<Ranges>& sets, const Ranges& apart);
  const Cell& cell_of(std::uint32_t code_point) const;
  void lead(std::uint32_t byte, std::uint32_t first, unsigned more, std::uint32_t least);
  // What is known of a character of at least `least` when `more` of its bytes are missing, and `first` is what it is
  // if all of those are least.
  Reading reading_for(std::uint32_t first, unsigned more, std::uint32_t least);
  Place place_for(std::uint32_t first, unsigned more, std::uint32_t least);
  Place interned(const std::array<Reading, 64>& row);

  std::vector<Cell> cells_;  // sorted; a cell ends where the next begins
  std::size_t class_count_ = 0;
  std::vector<bool> members_;
  std::vector<Reading> readings_;  // 256 per place
  std::vector<std::vector<Class>> possible_;
  Interner<std::uint64_t> rows_;
  std::unordered_map<std::uint64_t, Place> uniform_;
};

}  // namespace tamis::lark
