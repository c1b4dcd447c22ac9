// Sets of arrays: goals by position, lengths, `contains` counts and uniqueness.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "oracle.hpp"

namespace tamis::schema {

struct ArrayShape;
using ArrayUnion = const std::vector<ArrayShape>*;

// Arrays of `least` to `most` (-1: any number of) items, the first ones as `prefix` says, the others as `rest`.
struct ArrayShape {
  // From `fewest` to `most` (-1: any number) of the items at position `from` and later satisfy the goal.
  struct Contains {
    GoalId goal;
    std::int64_t from;
    std::int64_t fewest;
    std::int64_t most;
    bool operator==(const Contains&) const = default;
  };
  enum class Uniqueness : std::uint8_t { kAny, kDistinct, kRepeated };

  std::vector<GoalId> prefix;
  GoalId rest = kAnything;
  std::int64_t least = 0;
  std::int64_t most = -1;
  std::vector<Contains> contains;
  Uniqueness unique = Uniqueness::kAny;
  // The leading items that some keyword has looked at (-1: all), for unevaluatedItems; so have those that satisfy one
  // of the goals `matched`.
  std::int64_t evaluated = 0;
  std::vector<GoalId> matched;
  // Unions that the array is in as well, or not in: what was too much to multiply out.
  std::vector<std::pair<ArrayUnion, bool>> also;

  bool operator==(const ArrayShape&) const = default;

  // What the item at `place` must satisfy.
  GoalId item(std::size_t place) const { return place < prefix.size() ? prefix[place] : rest; }

  // Arrays in both; none where that is plainly no array.
  static std::optional<ArrayShape> meet(const ArrayShape& first, const ArrayShape& second, Oracle& oracle);
  // Shapes whose union is every other array.
  std::vector<ArrayShape> complement(Oracle& oracle) const;
  // Whether no array is in it, as far as that can be shown.
  bool is_empty(Oracle& oracle) const;
};

}  // namespace tamis::schema
