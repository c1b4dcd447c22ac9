// Decimal digits as grammar nodes: classes, ranges of digit strings, tails of fractions.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "../grammar/ir.hpp"

namespace tamis::schema {

// The pieces that numbers are written with, in one grammar.
class Digits {
 public:
  explicit Digits(Grammar& grammar);

  NodeId literal(std::string_view bytes);
  NodeId any_of(std::string_view bytes);
  NodeId optional(NodeId node) { return grammar_.optional(node); }
  NodeId digit() const { return digit_; }
  NodeId digits() const { return digits_; }            // any number of them
  NodeId some_digits() const { return some_digits_; }  // at least one
  NodeId first() const { return first_; }              // 1 to 9
  NodeId zeros() const { return zeros_; }
  NodeId point() const { return point_; }
  NodeId minus() const { return minus_; }
  NodeId zero_fraction() const { return zero_fraction_; }  // nothing, or a point and zeros

  // One digit from `low` to `high`.
  NodeId one(int low, int high);
  // Integers without leading zeros from `low` to `high` (none: unbounded).
  NodeId whole(const std::string& low, const std::optional<std::string>& high);

  // Tails of a fraction: what may follow the digits read so far, as a language that a trailing zero never leaves or
  // enters; the empty tail stands for zeros, and with `some` it is left out.  Bounds do not end in 0.
  NodeId tail_from(std::string_view bound, bool strict, bool some = false);
  NodeId tail_to(std::string_view bound, bool strict, bool some = false);
  // Not empty, from `low` to `high`, which differ.
  NodeId tail_between(std::string low, bool low_strict, std::string high, bool high_strict);

 private:
  NodeId at_least(std::string_view bound);
  NodeId at_most(std::string_view bound);
  NodeId between(std::string_view low, std::string_view high);

  Grammar& grammar_;
  std::array<std::array<NodeId, 10>, 10> classes_{};
  NodeId digit_;
  NodeId digits_;
  NodeId some_digits_;
  NodeId first_;
  NodeId zeros_;
  NodeId point_;
  NodeId minus_;
  NodeId zero_fraction_;
};

}  // namespace tamis::schema
