// What the groups that a pattern refers back to have matched so far, interned: equal captures are equal numbers.
#pragma once

#include <cstdint>
#include <vector>

#include "../automaton/interner.hpp"
#include "code_points.hpp"

namespace tamis::lark {

class Captures {
 public:
  using Id = std::uint32_t;
  static constexpr Id kNone = 0;  // no group was met

  explicit Captures(std::uint32_t group_count) : group_count_(group_count) { interned_.intern({}); }

  Id open(Id captures, std::uint32_t group);
  Id close(Id captures, std::uint32_t group);
  // A character was read; `repeating` says that it belongs to the repetition of a group.
  Id read(Id captures, CodePoints::Class c, bool repeating);
  bool is_repeating(Id captures) const { return decoded(captures).offset > 0; }
  // The repetition is over.
  Id end_repeat(Id captures);

  bool is_set(Id captures, std::uint32_t group) const { return decoded(captures).groups[group].state == kClosed; }
  // What the repetition of a group that is set reads next; false at its end.
  bool wanted(Id captures, std::uint32_t group, CodePoints::Class& c) const;

  std::size_t memory_bytes() const { return interned_.memory_bytes(); }

 private:
  enum State : std::uint32_t { kUnset, kOpened, kClosed };
  struct Group {
    std::uint32_t state = kUnset;
    std::vector<CodePoints::Class> text;
  };
  struct Decoded {
    std::uint32_t offset = 0;  // in the repetition under way
    std::vector<Group> groups;
  };

  Decoded decoded(Id captures) const;
  Id interned(const Decoded& decoded);

  std::uint32_t group_count_;
  Interner<std::uint32_t> interned_;  // offset; per group its state, the length of its text, the text
};

}  // namespace tamis::lark
