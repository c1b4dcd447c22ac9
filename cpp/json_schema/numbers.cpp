#include "numbers.hpp"

#include <algorithm>

namespace tamis::schema {

std::optional<NumberShape> NumberShape::meet(const NumberShape& first, const NumberShape& second) {
  NumberShape out;
  const auto tighter = [](const NumberShape& a, const NumberShape& b, bool low) -> const NumberShape& {
    const auto& one = low ? a.low : a.high;
    const auto& other = low ? b.low : b.high;
    if (!other) return a;
    if (!one) return b;
    const int order = compare(*one, *other);
    if (order == 0) return (low ? b.low_open : b.high_open) ? b : a;
    return (order < 0) == low ? b : a;
  };
  const NumberShape& below = tighter(first, second, true);
  const NumberShape& above = tighter(first, second, false);
  out.low = below.low;
  out.low_open = below.low_open;
  out.high = above.high;
  out.high_open = above.high_open;
  if (out.low && out.high) {
    const int order = compare(*out.low, *out.high);
    if (order > 0 || (order == 0 && (out.low_open || out.high_open))) return std::nullopt;
  }
  if (first.spelling != Spelling::kAny && second.spelling != Spelling::kAny && first.spelling != second.spelling) {
    return std::nullopt;
  }
  out.spelling = first.spelling != Spelling::kAny ? first.spelling : second.spelling;
  out.not_steps = first.not_steps;
  for (const Decimal& step : second.not_steps) {
    if (std::find(out.not_steps.begin(), out.not_steps.end(), step) == out.not_steps.end()) {
      out.not_steps.push_back(step);
    }
  }
  if (first.step.is_zero() || first.step == second.step) {
    out.step = second.step;
  } else {
    out.step = second.step.is_zero() ? first.step : least_common_multiple(first.step, second.step);
  }
  return out;
}

std::vector<NumberShape> NumberShape::complement() const {
  std::vector<NumberShape> outside;
  if (low) {
    NumberShape below;
    below.high = low;
    below.high_open = !low_open;
    outside.push_back(std::move(below));
  }
  if (high) {
    NumberShape above;
    above.low = high;
    above.low_open = !high_open;
    outside.push_back(std::move(above));
  }
  if (!step.is_zero()) {
    NumberShape others;
    others.not_steps = {step};
    outside.push_back(std::move(others));
  }
  for (const Decimal& excluded : not_steps) {
    NumberShape multiples;
    multiples.step = excluded;
    outside.push_back(std::move(multiples));
  }
  if (spelling != Spelling::kAny) {
    NumberShape others;
    others.spelling = spelling == Spelling::kInteger ? Spelling::kFraction : Spelling::kInteger;
    outside.push_back(std::move(others));
  }
  return outside;
}

bool NumberShape::is_empty() const {
  if (!step.is_zero()) {
    for (const Decimal& excluded : not_steps) {
      if (is_multiple(step, excluded)) return true;
    }
  }
  if (!low || !high) return false;
  const int order = compare(*low, *high);
  if (order > 0 || (order == 0 && (low_open || high_open))) return true;
  if (order == 0) {
    for (const Decimal& excluded : not_steps) {
      if (is_multiple(*low, excluded)) return true;
    }
    if (spelling == Spelling::kInteger && !low->is_integer()) return true;
  }
  return !step.is_zero() && !multiples();
}

std::optional<std::pair<Decimal, Decimal>> NumberShape::multiples() const {
  Decimal first = ceiling_quotient(*low, step);
  if (low_open && product(first, step) == *low) first = plus_one(first);
  Decimal last = floor_quotient(*high, step);
  if (high_open && product(last, step) == *high) last = minus_one(last);
  if (compare(first, last) > 0) return std::nullopt;
  return std::pair{std::move(first), std::move(last)};
}

}  // namespace tamis::schema
