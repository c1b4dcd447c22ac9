#include "number_text.hpp"

#include <algorithm>
#include <vector>

#include "machines.hpp"

namespace tamis::schema {
namespace {

// Up to so many multiples within bounds are listed one by one.
constexpr long long kMaxListed = 400;
// The largest modulus for which multiples are recognised by a rule for each remainder.
constexpr int kMaxModulus = 256;
constexpr int kMaxExponent = 300;
constexpr std::int32_t kUnbounded = Grammar::kUnbounded;

const Decimal kZero;
const Decimal kOne(1);
const Decimal kTen(10);

// A natural of at most nine digits; -1 for larger ones.
int small(const std::string& digits) { return digits.size() > 9 ? -1 : std::stoi(digits); }

}  // namespace

NodeId NumberText::lower(const NumberShape& shape) {
  if (shape.is_empty()) return Grammar::kNothing;
  NodeId node = Grammar::kNothing;
  const bool is_whole = shape.step == kOne;
  if (shape.is_point()) {
    if (!shape.step.is_zero() && !is_multiple(*shape.low, shape.step)) return Grammar::kNothing;
    node = signed_by(shape, &NumberText::magnitude);
    const bool plain_to_writers = !shape.low->is_zero() && shape.low->exponent() >= -4 && shape.low->exponent() < 16;
    if (!plain_to_writers) node = grammar_.alt({node, signed_by(shape, &NumberText::scientific)});
  } else if (is_whole) {
    node = signed_by(shape, &NumberText::integers);
    if ((!shape.low || !shape.high) && shape.not_steps.empty()) {
      node = grammar_.alt({node, signed_by(shape, &NumberText::large_integers)});
    }
  } else if (!shape.step.is_zero()) {
    node = multiples(shape);
  } else {
    node = reals(shape);
  }
  if (!shape.is_point()) {
    for (const Decimal& step : shape.not_steps) {
      node = grammar_.intersect({node, grammar_.complement(signed_steps(step))});
    }
  }
  if (shape.spelling != Spelling::kAny) {
    const NodeId whole = grammar_.seq(digits_.optional(digits_.minus()), digits_.some_digits());
    node = grammar_.intersect({node, shape.spelling == Spelling::kInteger ? whole : grammar_.complement(whole)});
  }
  return node;
}

// Both signs of a shape's interval, each by `magnitude`.
NodeId NumberText::signed_by(const NumberShape& shape, Magnitude magnitude) {
  const auto positive = [](const Decimal& value) { return !value.is_zero() && !value.is_negative(); };
  std::vector<NodeId> parts;
  if (!shape.high || positive(*shape.high) || (shape.high->is_zero() && !shape.high_open)) {
    Interval interval{kZero, false, shape.high, shape.high_open};
    if (shape.low && !shape.low->is_negative()) {
      interval.low = *shape.low;
      interval.low_open = shape.low_open;
    }
    parts.push_back((this->*magnitude)(interval));
  }
  if (!shape.low || shape.low->is_negative() || (shape.low->is_zero() && !shape.low_open)) {
    Interval interval{kZero, false, std::nullopt, shape.low_open};
    if (shape.low) interval.high = shape.low->negated();
    if (shape.high && !positive(*shape.high)) {
      interval.low = shape.high->negated();
      interval.low_open = shape.high_open;
    }
    parts.push_back(grammar_.seq(digits_.minus(), (this->*magnitude)(interval)));
  }
  return grammar_.alt(parts);
}

NodeId NumberText::reals(const NumberShape& shape) {
  if (!shape.low && !shape.high && shape.not_steps.empty()) {
    return grammar_.seq({digits_.optional(digits_.minus()), digits_.whole("0", std::nullopt),
                         digits_.optional(grammar_.seq(digits_.point(), digits_.some_digits())),
                         digits_.optional(grammar_.seq(
                             {digits_.any_of("eE"), digits_.optional(digits_.any_of("+-")), digits_.some_digits()}))});
  }
  const NodeId plain = signed_by(shape, &NumberText::magnitude);
  if (!shape.not_steps.empty()) return plain;
  return grammar_.alt({plain, signed_by(shape, &NumberText::scientific)});
}

NodeId NumberText::integers(const Interval& interval) {
  Decimal first = ceiling(interval.low);
  if (interval.low_open && first == interval.low) first = plus_one(first);
  std::optional<std::string> last;
  if (interval.high) {
    Decimal greatest = floor(*interval.high);
    if (interval.high_open && greatest == *interval.high) greatest = minus_one(greatest);
    if (compare(greatest, first) < 0) return Grammar::kNothing;
    last = greatest.whole();
  }
  return grammar_.seq(digits_.whole(first.whole(), last), digits_.zero_fraction());
}

NodeId NumberText::fraction(NodeId tail, bool with_empty) {
  const NodeId node = grammar_.seq(digits_.point(), tail);
  return with_empty ? digits_.optional(node) : node;
}

// Plain decimals of an interval, with any number of trailing zeros.
NodeId NumberText::magnitude(const Interval& interval) {
  const std::string low_whole = interval.low.whole();
  const std::string low_fraction = interval.low.fraction();
  const bool whole_alone = low_fraction.empty() && !interval.low_open;
  const NodeId any_fraction = fraction(digits_.some_digits(), true);
  const auto from_low = [&] {
    return grammar_.seq(digits_.literal(low_whole),
                        fraction(digits_.tail_from(low_fraction, interval.low_open, true), whole_alone));
  };
  const Decimal next = plus_one(floor(interval.low));
  if (!interval.high) {
    return grammar_.alt({from_low(), grammar_.seq(digits_.whole(next.whole(), std::nullopt), any_fraction)});
  }
  const std::string high_whole = interval.high->whole();
  const std::string high_fraction = interval.high->fraction();
  if (low_whole == high_whole) {
    NodeId behind = Grammar::kNothing;
    if (low_fraction != high_fraction) {
      behind = fraction(digits_.tail_between(low_fraction, interval.low_open, high_fraction, interval.high_open),
                        whole_alone);
    } else if (interval.low_open || interval.high_open) {
      return Grammar::kNothing;
    } else if (low_fraction.empty()) {
      behind = digits_.zero_fraction();
    } else {
      behind = fraction(grammar_.seq(digits_.literal(low_fraction), digits_.zeros()), false);
    }
    return grammar_.seq(digits_.literal(low_whole), behind);
  }
  const NodeId to_high =
      fraction(digits_.tail_to(high_fraction, interval.high_open, true), !high_fraction.empty() || !interval.high_open);
  std::vector<NodeId> parts = {from_low(), grammar_.seq(digits_.literal(high_whole), to_high)};
  const Decimal last = minus_one(floor(*interval.high));
  if (compare(next, last) <= 0) {
    parts.push_back(grammar_.seq(digits_.whole(next.whole(), last.whole()), any_fraction));
  }
  return grammar_.alt(parts);
}

// Normalised scientific notation ("1.5e-07") of an interval, without zero.
NodeId NumberText::scientific(const Interval& interval) {
  int least = -kMaxExponent;
  int greatest = kMaxExponent;
  std::vector<int> edges;
  if (!interval.low.is_zero()) {
    edges.push_back(interval.low.exponent());
    least = std::max(least, edges.back() + 1);
  }
  if (interval.high) {
    if (interval.high->is_zero()) return Grammar::kNothing;
    if (edges.empty() || edges.back() != interval.high->exponent()) edges.push_back(interval.high->exponent());
    greatest = std::min(greatest, interval.high->exponent() - 1);
  }
  std::vector<NodeId> parts;
  if (least <= greatest) {
    parts.push_back(grammar_.seq(magnitude({kOne, false, kTen, true}), exponents(least, greatest)));
  }
  for (const int exponent : edges) {
    if (exponent > kMaxExponent || exponent < -kMaxExponent) continue;
    Interval mantissa{kOne, false, kTen, true};
    if (!interval.low.is_zero() && exponent == interval.low.exponent()) {
      mantissa.low = interval.low.times_power_of_ten(-exponent);
      mantissa.low_open = interval.low_open;
    }
    if (interval.high && exponent == interval.high->exponent()) {
      mantissa.high = interval.high->times_power_of_ten(-exponent);
      mantissa.high_open = interval.high_open;
    }
    parts.push_back(grammar_.seq(magnitude(mantissa), exponents(exponent, exponent)));
  }
  return grammar_.alt(parts);
}

NodeId NumberText::exponents(int least, int greatest) {
  const NodeId zeros = grammar_.repeat(digits_.one(0, 0), 0, 2);
  std::vector<NodeId> parts;
  if (greatest >= 0) {
    const NodeId whole = digits_.whole(std::to_string(std::max(least, 0)), std::to_string(greatest));
    parts.push_back(grammar_.seq({digits_.optional(digits_.literal("+")), zeros, whole}));
  }
  if (least <= 0) {
    const NodeId whole = digits_.whole(std::to_string(std::max(-greatest, 0)), std::to_string(-least));
    parts.push_back(grammar_.seq({digits_.minus(), zeros, whole}));
  }
  return grammar_.seq(digits_.any_of("eE"), grammar_.alt(parts));
}

// Scientific notation of the integers of an interval without upper bound: no fraction, or one that the exponent covers,
// as in doubles from 1e16.
NodeId NumberText::large_integers(const Interval& interval) {
  if (interval.high) return Grammar::kNothing;
  const NodeId digits = grammar_.seq(digits_.point(), grammar_.repeat(digits_.digit(), 1, 16));
  const NodeId large = grammar_.alt({
      grammar_.seq(digits_.first(), exponents(0, kMaxExponent)),
      grammar_.seq({digits_.first(), digits, exponents(16, kMaxExponent)}),
  });
  if (compare(interval.low, kOne) < 0 || (interval.low == kOne && !interval.low_open)) return large;
  return grammar_.intersect({large, scientific(interval)});
}

// Multiples -----------------------------------------------------------------------------------------------------------

NodeId NumberText::multiples(const NumberShape& shape) {
  if (shape.low && shape.high) {
    const auto [first, last] = shape.multiples().value();
    Decimal at = first;
    std::vector<NodeId> values;
    for (long long count = 0; count < kMaxListed && compare(at, last) <= 0; ++count, at = plus_one(at)) {
      values.push_back(signed_by(NumberShape::point(product(at, shape.step)), &NumberText::magnitude));
    }
    if (compare(at, last) > 0) return grammar_.alt(values);
  }
  const bool from_zero = shape.low && shape.low->is_zero() && !shape.low_open;
  const bool unbounded = !shape.high && (!shape.low || from_zero);
  if (unbounded && shape.not_steps.empty() && shape.spelling == Spelling::kAny) {
    if (!from_zero) return signed_steps(shape.step);
    if (const auto unsigned_steps = steps(shape.step)) return *unsigned_steps;
  }
  return grammar_.intersect({signed_by(shape, &NumberText::magnitude), signed_steps(shape.step)});
}

NodeId NumberText::signed_steps(const Decimal& step) {
  const auto [found, inserted] = signed_steps_.emplace(step.text(), Grammar::kNothing);
  if (inserted) {
    const auto node = steps(step);
    found->second =
        node ? grammar_.seq(digits_.optional(digits_.minus()), *node) : grammar_.machine(multiples_machine(step));
  }
  return found->second;
}

std::optional<NodeId> NumberText::steps(const Decimal& step) {
  const int places = step.scale();
  if (places > 9) return std::nullopt;
  const int modulus = small(step.scaled(places).digits());
  if (modulus < 0) return std::nullopt;
  long long power = 1;
  for (int i = 0; i < places; ++i) power *= 10;
  const auto padded = [](long long value, int length) {
    std::string digits = std::to_string(value);
    return std::string(static_cast<std::size_t>(length) - std::min<std::size_t>(digits.size(), length), '0') + digits;
  };
  if (modulus == 1) {
    const NodeId tail = grammar_.seq(grammar_.repeat(digits_.digit(), 1, std::max(places, 1)), digits_.zeros());
    return grammar_.seq(digits_.whole("0", std::nullopt),
                        places == 0 ? digits_.zero_fraction() : digits_.optional(fraction(tail, false)));
  }
  if (power % modulus == 0 && power / modulus <= 1000) {
    // Any integer part; the fraction is one of finitely many.
    std::vector<NodeId> fractions = {digits_.zero_fraction()};
    for (long long k = 1; k < power / modulus; ++k) {
      std::string tail = padded(k * modulus, places);
      tail.resize(tail.find_last_not_of('0') + 1);
      fractions.push_back(fraction(grammar_.seq(digits_.literal(tail), digits_.zeros()), false));
    }
    return grammar_.seq(digits_.whole("0", std::nullopt), grammar_.alt(fractions));
  }
  if (places == 0) {
    long long whole = 1;
    for (int length = 1; length < 5; ++length) {
      whole *= 10;
      if (whole % modulus != 0 || whole / modulus > 1000) continue;
      std::vector<NodeId> long_ones;
      std::vector<NodeId> all;
      for (long long k = 0; k < whole; k += modulus) {
        long_ones.push_back(digits_.literal(padded(k, length)));
        all.push_back(digits_.literal(std::to_string(k)));
      }
      all.push_back(grammar_.seq({digits_.first(), digits_.digits(), grammar_.alt(long_ones)}));
      return grammar_.seq(grammar_.alt(all), digits_.zero_fraction());
    }
  }
  if (modulus > kMaxModulus) return std::nullopt;
  return remainders(modulus, places);
}

// Plain decimals d with d * 10^places a multiple of modulus: one rule for each remainder, read from the left.
NodeId NumberText::remainders(int modulus, int places) {
  std::vector<NodeId> rules;
  for (int r = 0; r < modulus; ++r) {
    rules.push_back(grammar_.rule("remainder " + std::to_string(r) + " of " + std::to_string(modulus)));
  }
  const auto put_digits = [&](int remainder, int first, const std::vector<NodeId>& following, std::vector<NodeId>& to) {
    for (int d = first; d < 10; ++d) {
      to.push_back(
          grammar_.seq(digits_.one(d, d), following[static_cast<std::size_t>((remainder * 10 + d) % modulus)]));
    }
  };
  // fraction[r]: what may follow the point and some digits of the fraction, with remainder r so far.
  std::vector<NodeId> fractions(static_cast<std::size_t>(modulus), Grammar::kNothing);
  fractions[0] = digits_.zeros();
  long long scale = 1;
  for (int place = 1; place < places; ++place) {
    scale = scale * 10 % modulus;
    std::vector<NodeId> longer;
    for (int r = 0; r < modulus; ++r) {
      std::vector<NodeId> parts;
      put_digits(r, 0, fractions, parts);
      if (r * scale % modulus == 0) parts.push_back(Grammar::kEmpty);
      longer.push_back(grammar_.alt(parts));
    }
    fractions = std::move(longer);
  }
  if (places > 0) scale = scale * 10 % modulus;
  for (int r = 0; r < modulus; ++r) {
    std::vector<NodeId> parts;
    put_digits(r, 0, rules, parts);
    if (places > 0) {
      std::vector<NodeId> behind;
      put_digits(r, 0, fractions, behind);
      parts.push_back(grammar_.seq(digits_.point(), grammar_.alt(behind)));
    }
    if (r * scale % modulus == 0) parts.push_back(places > 0 ? Grammar::kEmpty : digits_.zero_fraction());
    grammar_.define(rules[static_cast<std::size_t>(r)], grammar_.alt(parts));
  }
  std::vector<NodeId> after_zero = {digits_.zero_fraction()};
  if (places > 0) {
    std::vector<NodeId> behind;
    put_digits(0, 0, fractions, behind);
    after_zero.push_back(grammar_.seq(digits_.point(), grammar_.alt(behind)));
  }
  std::vector<NodeId> parts = {grammar_.seq(digits_.one(0, 0), grammar_.alt(after_zero))};
  put_digits(0, 1, rules, parts);
  return grammar_.alt(parts);
}

}  // namespace tamis::schema
