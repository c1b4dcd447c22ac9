// Sets of numbers: intervals, multiples and their complements, exact.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "decimal.hpp"

namespace tamis::schema {

// How the text of a number may look: draft 4 tells 1 (an integer) from 1.0 (none).
enum class Spelling : std::uint8_t { kAny, kInteger, kFraction };

// Numbers between two bounds (none: unbounded), multiples of `step` (0: any number) and of none of `not_steps`.
struct NumberShape {
  std::optional<Decimal> low;
  bool low_open = false;
  std::optional<Decimal> high;
  bool high_open = false;
  Decimal step;
  std::vector<Decimal> not_steps;
  Spelling spelling = Spelling::kAny;

  bool operator==(const NumberShape&) const = default;

  static NumberShape point(const Decimal& value) { return {value, false, value, false, {}, {}, Spelling::kAny}; }
  bool is_point() const { return low && high && *low == *high; }

  // Numbers in both; none where that is plainly no number.
  static std::optional<NumberShape> meet(const NumberShape& first, const NumberShape& second);
  // Shapes whose union is every other number.
  std::vector<NumberShape> complement() const;
  // Whether no number is in it, as far as that can be shown.
  bool is_empty() const;
  // The first and the last k with k * step between two finite bounds; none where there is no such k.
  std::optional<std::pair<Decimal, Decimal>> multiples() const;
};

}  // namespace tamis::schema
