// The texts of number sets: decimal spellings, digit by digit.
//
// Plain decimals ("12", "12.50") are covered exactly.  A number without bounds may also be written with any exponent;
// one with bounds with a normalised one (one digit other than 0 before the point, as every JSON writer does) of at most
// 300 either way, and so may a constant below 1e-4 or from 1e16; integers towards a side without a bound so too, where
// the exponent covers the fraction; other multiples with none.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "digits.hpp"
#include "numbers.hpp"

namespace tamis::schema {

class NumberText {
 public:
  explicit NumberText(Grammar& grammar) : grammar_(grammar), digits_(grammar) {}

  // The texts of the numbers in `shape`.
  NodeId lower(const NumberShape& shape);

 private:
  // An interval from 0 upwards; no `high`: unbounded.
  struct Interval {
    Decimal low;
    bool low_open = false;
    std::optional<Decimal> high;
    bool high_open = false;
  };
  using Magnitude = NodeId (NumberText::*)(const Interval&);

  NodeId signed_by(const NumberShape& shape, Magnitude magnitude);
  NodeId reals(const NumberShape& shape);
  NodeId integers(const Interval& interval);
  NodeId magnitude(const Interval& interval);
  NodeId scientific(const Interval& interval);
  NodeId large_integers(const Interval& interval);
  NodeId fraction(NodeId tail, bool with_empty);
  NodeId exponents(int least, int greatest);
  NodeId multiples(const NumberShape& shape);
  // Plain decimals, with or without a sign, that are multiples of `step`.
  NodeId signed_steps(const Decimal& step);
  // Unsigned ones, where a few rules or nodes say it.
  std::optional<NodeId> steps(const Decimal& step);
  NodeId remainders(int modulus, int places);

  Grammar& grammar_;
  Digits digits_;
  std::map<std::string, NodeId> signed_steps_;
};

}  // namespace tamis::schema
